"""Where the title of a release's name ends, and the year that follows it."""

import re
from dataclasses import dataclass

from app.releases.sources import quality_words_begin

TITLE_ENDS = " .,-–([{"  # noqa: RUF001 - a dash that occurs in names
_YEAR = re.compile(r"(?<![0-9A-Za-z])(?:18|19|20)[0-9]{2}(?![0-9A-Za-z])")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_PREFIX = re.compile(
    r"^\s*(?:\[\s*(?:www\.)?[A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60})*\.[A-Za-z]{2,6}\s*\]|"
    r"www\.[A-Za-z0-9-]{1,60}\.[A-Za-z]{2,6}|[A-Za-z0-9-]{1,60}\.(?:com|net|org|info|to|me|tv|cc|xyz)(?=\s+-))"
    r"\s*[-–]?\s*",  # noqa: RUF001 - a dash that occurs in names
    re.IGNORECASE,
)
_LEADING_GROUP = re.compile(r"^\s*\[([^\][]{1,60})\][\s._-]*")
_GERMAN = re.compile(r"(?<![A-Za-z])(?:german|truefrench)(?![A-Za-z])", re.IGNORECASE)
_HASHED = re.compile(r"\[[0-9A-Fa-f]{8}\]")
_AKA = re.compile(r"\s+(?:AKA|aka|A\.K\.A\.|a\.k\.a\.)\s+|\s+/\s+")
_DOTTED = re.compile(r"^(?:[A-Za-z0-9]\.){2,}[A-Za-z0-9]?\.?$")
_ACRONYM_AT_END = re.compile(r"(?:^|[ .])(?:[A-Za-z0-9]\.){1,}[A-Za-z0-9]$")
_LANGUAGE_AT_END = re.compile(r"[ ._-]+(?:german|truefrench)(?:[ ._-]+[DM]L)?[ ._-]*$", re.IGNORECASE)
_IMDB = re.compile(r"(?<![A-Za-z0-9])(tt[0-9]{7,9})(?![0-9])")
_TMDB = re.compile(r"tmdb(?:id)?-?([0-9]{1,9})(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TitleParts:
    """A name cut in three: `title` is everything before the year, `tail` what follows it."""

    title: str
    year: int | None
    tail: str
    leading_group: str | None = None


def without_prefix(name: str) -> str:
    """The name without the site that somebody put before it."""
    return _PREFIX.sub("", name, count=1)


def ids_of(name: str) -> tuple[str | None, int | None]:
    """IMDb and TMDB numbers that stand in the name, as Plex and Jellyfin want them in names of folders."""
    imdb, tmdb = _IMDB.search(name), _TMDB.search(name)
    return (imdb[1] if imdb else None, int(tmdb[1]) if tmdb else None)


def split_name(name: str) -> TitleParts | None:
    """`None` for a name without a title that can be told from the rest."""
    leading = _LEADING_GROUP.match(name)
    rest = name[leading.end() :] if leading else name
    group = leading[1].strip() if leading else None
    match = _year_of(rest)
    if match is not None:
        start, end = match
        title = rest[:start]
        return TitleParts(title, int(rest[start:end]), rest[end:], group) if _has_text(title) else None
    return _without_year(rest, group)


def _without_year(rest: str, group: str | None) -> TitleParts | None:
    """German releases often have no year; those of anime have a group and a checksum in brackets instead."""
    begin = quality_words_begin(rest)
    german = _GERMAN.search(rest)
    if german is not None:
        cut = german.start() if begin is None else min(begin, german.start())
        if _has_text(rest[:cut]):
            return TitleParts(rest[:cut], None, rest[cut:], group)
    if group is not None and _HASHED.search(rest):
        cut = min((at for at in (rest.find("["), rest.find("(")) if at > 0), default=-1)
        if cut > 0 and _has_text(rest[:cut]):
            return TitleParts(rest[:cut], None, rest[cut:], group)
    if begin and _has_text(rest[:begin]):
        return TitleParts(rest[:begin], None, rest[begin:], group)
    return None


def _year_of(rest: str) -> tuple[int, int] | None:
    """Where the year stands: one in brackets wins, then the last of neighbours, then the first."""
    found = [each.span() for each in _YEAR.finditer(rest) if _has_text(rest[: each.start()])]
    if not found:
        return None
    for start, end in found:
        if start and rest[end : end + 1] == _BRACKETS.get(rest[start - 1], "\0"):
            return start, end
    best = found[0]
    for each in found[1:]:
        if _has_text(rest[best[1] : each[0]]):
            break
        best = each
    return best


def _has_text(text: str) -> bool:
    return any(character.isalnum() for character in text)


def titles_of(title: str) -> tuple[str, ...]:
    """The title with blanks, and its parts where it is two titles (`A AKA B`)."""
    whole = plain_title(_LANGUAGE_AT_END.sub("", title) or title)
    if not whole:
        return ()
    parts = [part.strip() for part in _AKA.split(whole) if part.strip()]
    return (whole, *parts) if len(parts) > 1 else (whole,)


def plain_title(title: str) -> str:
    """Dots and underscores are blanks, but dots of an acronym (`S.W.A.M.P.`) stay."""
    has_blanks = " " in title.strip()
    text = title.replace("_", " ") if has_blanks else title.replace("_", " ").replace("+", " ")
    text = _without_ends(text)
    text = " ".join(_plain_piece(piece) for piece in text.split()) if " " in text else _with_acronyms(text)
    return _without_ends(" ".join(text.split()))


def _without_ends(text: str) -> str:
    """Without separators around it; a bracket that is closed within the title stays, and so does an acronym's dot."""
    text = text.lstrip(TITLE_ENDS.replace("(", "").replace("[", "").replace("{", "")).rstrip(TITLE_ENDS + ".")
    for opening, closing in _BRACKETS.items():
        if text.startswith(opening) and closing not in text:
            text = text.lstrip(opening)
    return f"{text}." if _ACRONYM_AT_END.search(text) else text


def _plain_piece(piece: str) -> str:
    return piece if _DOTTED.match(piece) else piece.replace(".", " ")


def _with_acronyms(text: str) -> str:
    """Single letters between dots are an acronym when there are two or more of them in a row."""
    words: list[str] = []
    letters: list[str] = []
    pieces = text.split(".")
    for at, piece in enumerate([*pieces, ""]):
        if len(piece) == 1 and piece.isalpha() and not (piece in "aAI" and not letters and not _is_letter(pieces, at)):
            letters.append(piece)
            continue
        if letters:
            words.append(".".join(letters) + "." if len(letters) > 1 else letters[0])
            letters = []
        if piece:
            words.append(piece)
    return " ".join(words)


def _is_letter(pieces: list[str], at: int) -> bool:
    """Whether the next piece is a single letter too: `A.L.F`, not `A.Winter.Debt`."""
    return at + 1 < len(pieces) and len(pieces[at + 1]) == 1 and pieces[at + 1].isalpha()

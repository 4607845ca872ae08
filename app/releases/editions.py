"""Editions of a movie, as release names write them."""

import re

_SEP = r"[ ._-]?"
_KINDS = (
    rf"Director'?s?{_SEP}Cut|Director'?s?{_SEP}Edition|Directors?|Extended|IMAX|Unrated|Uncut|Uncensored|Remastered|Restored|"
    rf"Theatrical|Despecialized|Fan{_SEP}Edit|Open{_SEP}Matte|[2-4]in1|[0-9]{{1,3}}(?:st|nd|rd|th){_SEP}Anniversary"
)
"""Words that are an edition by themselves."""
_WITH_NOUN = (
    r"Extended|Theatrical|Final|Assembly|Ultimate|Special|Collector'?s?|Signature|Diamond|Despecialized|"
    r"Director'?s?|[0-9]{1,3}(?:st|nd|rd|th)[ ._-]?Anniversary"
)
"""Words that are one before `Cut`, `Edition` or `Version`."""
_MORE = (
    rf"(?:The{_SEP})?Criterion(?:{_SEP}Collection)?|4K{_SEP}Remaster|Redux|Platinum{_SEP}Edition|Limited{_SEP}Edition|"
    rf"Deluxe{_SEP}Edition|Producer'?s{_SEP}Cut|Rogue{_SEP}Cut|International{_SEP}Cut|European{_SEP}Cut|US{_SEP}Cut|"
    rf"Japanese{_SEP}Cut|Alternat(?:e|ive){_SEP}Cut|Bootleg{_SEP}Cut|Snyder{_SEP}Cut|Whedon{_SEP}Cut|Long{_SEP}Cut|"
    rf"Noir{_SEP}Edition|Hyper{_SEP}Edition|Roadshow(?:{_SEP}Version)?|Superbit|Colorized|Black{_SEP}(?:and|&){_SEP}"
    rf"(?:White|Chrome)|B&W|Sing{_SEP}?Along|Diamond{_SEP}Anniversary{_SEP}Edition|Langfassung|"
    rf"Version{_SEP}Extendida"
)
"""What Radarr does not read as an edition, and a person does."""
_NOUN = rf"(?:{_SEP}(?:Cut|Edition|Version))"
_PHRASE = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?P<more>{_MORE})|"
    rf"(?P<long>(?:(?:{_WITH_NOUN}){_SEP})*(?:{_WITH_NOUN}){_NOUN})|(?P<one>(?:Extended{_SEP})?(?:{_KINDS})))(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_DC = re.compile(r"(?<![A-Za-z0-9])DC(?![A-Za-z0-9])")
_TAGGED = re.compile(r"\{edition-([^{}]{1,60})\}", re.IGNORECASE)


def read_edition(tail: str) -> str | None:
    """The first edition in what follows the year."""
    found = _PHRASE.search(tail)
    if found:
        return _plain(found[0])
    tagged = _TAGGED.search(tail)
    if tagged:
        return None
    return "DC" if _DC.search(tail) else None


def split_edition(title: str) -> tuple[str, str | None]:
    """The title without an edition at its end (`Salt Road Uncut`), and that edition."""
    found = max(_PHRASE.finditer(title), key=lambda each: each.end(), default=None)
    if found is None or title[found.end() :].strip(" ._)]-([{"):
        return title, None
    before = title[: found.start()].rstrip(" ._([-")
    if before.strip(" ._").lower() in ("", "the", "a", "an"):
        return title, None
    return before, _plain(found[0])


def _plain(phrase: str) -> str:
    return " ".join(phrase.replace(".", " ").replace("_", " ").split()).strip("- ")

"""The form in which titles are compared."""

import re
import unicodedata
from collections.abc import Iterable

_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"}
)
_INNER = frozenset(("the", "a", "an", "and", "or", "of"))
_NOT_TEXT = re.compile(r"[^\w]+|_+", re.UNICODE)
_APOSTROPHES = re.compile("['’`´]")  # noqa: RUF001 - the characters that stand for an apostrophe
_ROMAN = {
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "v": "5",
    "vi": "6",
    "vii": "7",
    "viii": "8",
    "ix": "9",
    "x": "10",
    "xi": "11",
    "xii": "12",
}
_ACRONYM = re.compile(r"(?<![^\W_])(?:[^\W_]\.){2,}[^\W_]?")


def clean_title(title: str) -> str:
    """Without case, accents, punctuation, blanks and inner articles; Roman numerals are Arabic ones.

    Titles that are equal in this form are the same (Radarr does it so: a leading article stays).
    """
    text = title.casefold().translate(_SPELLED)
    text = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    text = _ACRONYM.sub(lambda found: found[0].replace(".", ""), _APOSTROPHES.sub("", text))
    words = _NOT_TEXT.sub(" ", text).split()
    kept = [word for at, word in enumerate(words) if at == 0 or word not in _INNER]
    return "".join(_ROMAN.get(word, word) if at else word for at, word in enumerate(kept))


def clean_titles(titles: Iterable[str | None]) -> set[str]:
    """The titles in the form in which they are compared; those of which nothing is left are left out."""
    return {cleaned for title in titles if title and (cleaned := clean_title(title))}

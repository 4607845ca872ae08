"""Text of one line: which characters may stand in it, and when two names are the same."""

import unicodedata

_BREAKING = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Unicode's control characters, its two line breaks, and halves of characters, which no UTF-8 can hold."""
_INVISIBLE = "Cf"
"""Joiners and other marks that show only in what they do to their neighbours."""


def is_breaking(character: str) -> bool:
    """Whether it ends the line or controls a terminal. Joiners do neither: Persian and many emojis need them."""
    return unicodedata.category(character) in _BREAKING


def on_one_line(text: str) -> str:
    """The text with a blank for every breaking character, and for every run of blanks."""
    return " ".join("".join(" " if is_breaking(character) else character for character in text).split())


def comparable(name: str) -> str:
    """The form in which names of the user and of an app are compared: case, blanks and joiners make no difference."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return on_one_line("".join(each for each in folded if unicodedata.category(each) != _INVISIBLE))

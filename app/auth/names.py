"""The one form of a user name that counts, for limits and for comparisons."""

import unicodedata


def normalised_name(name: str) -> str:
    """The same for spellings that differ in case, in blanks around them or in how characters are composed."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return folded.strip()

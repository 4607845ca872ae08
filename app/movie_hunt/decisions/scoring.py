"""Scores and filters by words in the name of a release."""

import re
from collections.abc import Iterable
from functools import lru_cache

from app.movie_hunt.decisions.facts import ProfileRules

MAX_READ_LENGTH = 500
"""Of a name: expressions of the user's must not take long."""


def score_of(name: str, profile: ProfileRules) -> int:
    return sum(score for word, score in profile.words.items() if has_word(name, word))


def has_any(name: str, words: Iterable[str]) -> bool:
    return any(has_word(name, word) for word in words)


def has_word(name: str, word: str) -> bool:
    """Whether `word` stands in the name: `/expression/`, or a text that begins and ends with whole words."""
    return _pattern(word).search(name[:MAX_READ_LENGTH]) is not None


@lru_cache(maxsize=1000)
def _pattern(word: str) -> re.Pattern[str]:
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        return re.compile(word[1:-1], re.IGNORECASE)
    # A blank in the word stands for any separator of names.
    text = r"[ ._-]+".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<![^\W_]){text}(?![^\W_])", re.IGNORECASE)

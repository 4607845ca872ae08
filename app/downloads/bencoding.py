"""The layout of bencoded data (BEP 3): where each value of a dictionary begins and ends.

Nothing is decoded, because the info hash is made of the bytes as they are.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 1_000_000
"""A torrent of 100,000 files has about 700,000."""
_INTEGER: Final = re.compile(rb"i-?[0-9]{1,20}e")
_LENGTH: Final = re.compile(rb"(0|[1-9][0-9]{0,9}):")


class BadBencoding(ValueError):
    """The data is not bencoded, is cut off, is nested too deeply or has too many values."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` to `end` (exclusive)."""

    start: int
    end: int


def read_dictionary(content: bytes, start: int = 0) -> tuple[dict[bytes, Span], int]:
    """The values of the dictionary that begins at `start`, and where it ends; `BadBencoding` for anything else.

    A key that stands twice is refused: programs disagree about which of the two counts.
    """
    if content[start : start + 1] != b"d":
        raise BadBencoding("no dictionary")
    budget = _Budget(MAX_VALUES)
    found: dict[bytes, Span] = {}
    at = start + 1
    while content[at : at + 1] != b"e":
        key_start, key_end = _string(content, at)
        key = content[key_start:key_end]
        end = _end_of(content, key_end, budget)
        if key in found:
            raise BadBencoding("a key stands twice")
        found[key] = Span(key_end, end)
        at = end
    return found, at + 1


class _Budget:
    def __init__(self, left: int) -> None:
        self._left = left

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BadBencoding("too many values")


def _end_of(content: bytes, at: int, budget: _Budget) -> int:
    """Where the value that begins at `at` ends. Each byte is looked at once, and depth takes no stack of Python's."""
    awaits_key: list[bool | None] = []  # of each open container: whether a key comes next; `None` in a list
    while True:
        budget.take()
        kind = content[at : at + 1]
        is_key = bool(awaits_key) and awaits_key[-1] is True
        if kind == b"e" and awaits_key and awaits_key[-1] is not False:
            awaits_key.pop()
            at += 1
        elif kind in (b"l", b"d") and not is_key:
            if len(awaits_key) == MAX_DEPTH:
                raise BadBencoding("too deep")
            awaits_key.append(True if kind == b"d" else None)
            at += 1
            continue
        elif kind == b"i" and not is_key:
            at = _integer(content, at)
        else:
            at = _string(content, at)[1]
        if not awaits_key:
            return at
        if awaits_key[-1] is not None:
            awaits_key[-1] = not awaits_key[-1]


def _integer(content: bytes, at: int) -> int:
    found = _INTEGER.match(content, at)
    if found is None:
        raise BadBencoding("no integer")
    return found.end()


def _string(content: bytes, at: int) -> tuple[int, int]:
    found = _LENGTH.match(content, at)
    if found is None:
        raise BadBencoding("no string")
    end = found.end() + int(found[1])
    if end > len(content):
        raise BadBencoding("cut off")
    return found.end(), end

"""Which pages of a wanted list a hunt reads: a head for what is due most, then on from where the last hunt stopped.

Pure. With 400 records read behind the head, every record of a list is seen once in ceil(total / 400) hunts, plus one
for the hunt that wraps, whatever blocks the head. Only hunts that do not fill their batch count: one that does stays
in front of what it left over, so that nothing that may be searched is passed by. What was passed may become due
later, so such a hunt begins anew now and then (with the chance 100 / records passed): reading the way again costs a
fifth of the hunts at most.
"""

from dataclasses import dataclass
from enum import Enum

PAGE_SIZE = 100
MAX_PAGES = 5
STRETCH = 400
MIN_HEAD = 20


class ListSide(Enum):
    """Which of the two lists a place is in: the one of the user's order, or what was never searched before it."""

    LIST = 1
    NEVER = -1


@dataclass(frozen=True, slots=True)
class Position:
    """`offset` records of the leg are behind us."""

    leg: ListSide
    offset: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the walk has come, as it is stored: an offset below zero is one of the leg `NEVER`.

    `total` was the list's length then.
    """

    offset: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class PageSpan:
    """`pages` pages of `size` records beginning with page `first` (from 1)."""

    first: int
    size: int
    pages: int

    @property
    def last(self) -> int:
        return self.first + self.pages - 1

    @property
    def start(self) -> int:
        return (self.first - 1) * self.size

    @property
    def end(self) -> int:
        return self.last * self.size


def head_size(batch: int) -> int:
    """Records of the first page: enough to fill the batch from a list that is not blocked."""
    return max(MIN_HEAD, 4 * batch)


def span_from(offset: int, pages: int) -> PageSpan:
    """Pages that hold the `STRETCH` records from `offset` on.

    The apps only know whole pages (offset = (page - 1) x size), so the size grows a little where the offset is not a
    multiple of it: to 133 at most with four pages, to 200 with three.
    """
    return _span(offset, pages, max(PAGE_SIZE, -(-STRETCH // pages)), STRETCH)


def span_of(offset: int, pages: int) -> PageSpan:
    """Pages of about `PAGE_SIZE` from `offset` on, for what is left of a hunt that came to the end of a leg."""
    return _span(offset, pages, PAGE_SIZE, pages * PAGE_SIZE - (PAGE_SIZE if offset % PAGE_SIZE else 0))


def _span(offset: int, pages: int, size: int, least: int) -> PageSpan:
    while True:
        span = PageSpan(offset // size + 1, size, pages)
        if span.end >= offset + least:
            return span
        size += 1


def shifted(cursor: Cursor, total: int) -> Position:
    """Where the cursor is in the list of now: records that left it moved the rest towards its beginning.

    Which ones left is not known. All are taken to have been behind us: some records may be read twice, none is missed.
    """
    leg = ListSide.NEVER if cursor.offset < 0 else ListSide.LIST
    return Position(leg, max(0, abs(cursor.offset) - max(0, cursor.total - total)))


def kept(place: Position, *, total: int, moved: int) -> Cursor:
    """What is stored of `place`, when `moved` of the records before it leave for behind it."""
    return Cursor(place.leg.value * max(0, place.offset - moved), total)

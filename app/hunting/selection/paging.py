"""Which pages of a wanted list a hunt reads: the head, where what is due most stands, then on from the last hunt.

Pure. A hunt reads 400 records behind the head, so every record of a list is read within ceil(total / 400) hunts, plus
one for the hunt that begins anew at the end, even if nothing of the head can be searched. Only hunts that do not fill
their batch count: one that does stays before the first record that it left over, so that no searchable item is passed.
What was passed may become due later, so such a hunt sometimes begins anew (with a chance of 100 / records passed):
reading the same records again costs a fifth of the hunts at most.
"""

from dataclasses import dataclass
from enum import Enum

PAGE_SIZE = 100
MAX_PAGES = 5
STRETCH = 400
MIN_HEAD = 20


class ListSide(Enum):
    """Which of two lists a position is in: the one in the user's order, or the one that begins with never searched."""

    LIST = 1
    NEVER = -1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: `offset` records are before it."""

    side: ListSide
    offset: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position as it is stored, with the list's length at that time; a negative offset is one of side `NEVER`."""

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
    """Records of the first page: enough to fill the batch if few of them are blocked."""
    return max(MIN_HEAD, 4 * batch)


def stretch_from(offset: int, pages: int) -> PageSpan:
    """Pages that hold the `STRETCH` records from `offset` on.

    The apps only know whole pages (offset = (page - 1) x size), so the size grows a little where the offset is not a
    multiple of it: to 133 at most with four pages, to 200 with three.
    """
    return _span(offset, pages, max(PAGE_SIZE, -(-STRETCH // pages)), STRETCH)


def pages_from(offset: int, pages: int) -> PageSpan:
    """Pages of about `PAGE_SIZE` from `offset` on, for the rest of a hunt that came to the end of a list."""
    return _span(offset, pages, PAGE_SIZE, pages * PAGE_SIZE - (PAGE_SIZE if offset % PAGE_SIZE else 0))


def _span(offset: int, pages: int, size: int, min_records: int) -> PageSpan:
    while True:
        span = PageSpan(offset // size + 1, size, pages)
        if span.end >= offset + min_records:
            return span
        size += 1


def resume(cursor: Cursor, total: int) -> Position:
    """The position of the cursor in the list of now, which has `total` records.

    Records that left the list moved the others towards its beginning. Which ones left is not known: all of them are
    taken to have been before the cursor, so that some records may be read twice and none is missed.
    """
    side = ListSide.NEVER if cursor.offset < 0 else ListSide.LIST
    return Position(side, max(0, abs(cursor.offset) - max(0, cursor.total - total)))


def to_cursor(position: Position, *, total: int, moved: int) -> Cursor:
    """What is stored of `position`; `moved`: records before it that will be sorted behind it."""
    return Cursor(position.side.value * max(0, position.offset - moved), total)

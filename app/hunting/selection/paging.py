"""Which pages of a wanted list a hunt reads: the head, where what is due most stands, then on from the last hunt.

Pure. A hunt reads four large pages of records behind the head (a stretch: 4,000, or 1,000 where a page is 250), so that
every record of a list is read within ceil(total / stretch) hunts, plus one for the hunt that begins anew at the end,
even if nothing of the head can be searched. Only hunts that do not fill their batch count: one that does stays before
the first record that it left over, so that no searchable item is passed. What was passed may become due later, so such
a hunt sometimes begins anew (with a chance of one page / records passed): reading the same records again costs a fifth
of the hunts at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

MAX_PAGES = 5
PAGES_OF_STRETCH = 4
MIN_HEAD = 20
MIN_ROUND_PAGE = 100
"""Where our own record of searches is the order, a page should hold enough of the list to be ordered by it."""
MAX_UNUSED_RANGES = 1000


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
    unused: tuple[tuple[int, int], ...] = ()
    """Only of a library: ranges of ids that are not in use, first and last. The apps give no id twice."""


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


def stretch_from(offset: int, pages: int, size: int) -> PageSpan:
    """Pages that hold the records of four pages of `size` from `offset` on.

    The apps only know whole pages (offset = (page - 1) x size), so the size grows a little where the offset is not a
    multiple of it: to four thirds of `size` at most with four pages, to twice `size` with three.
    """
    stretch = PAGES_OF_STRETCH * size
    return _span(offset, pages, max(size, -(-stretch // pages)), stretch)


def one_page_from(offset: int, records: int) -> PageSpan:
    """A single page that holds so many `records` from `offset` on."""
    return _span(offset, 1, records, records)


def pages_from(offset: int, pages: int, size: int) -> PageSpan:
    """Pages of about `size` from `offset` on, for the rest of a hunt that came to the end of a list."""
    return _span(offset, pages, size, pages * size - (size if offset % size else 0))


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


def with_unused(ranges: Sequence[tuple[int, int]], first: int, last: int) -> tuple[tuple[int, int], ...]:
    """`ranges`, in order, with one more; ranges that touch become one, and the shortest are forgotten if too many."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted([*ranges, (first, last)]):
        if merged and begin <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    longest = sorted(merged, key=lambda each: each[0] - each[1])[:MAX_UNUSED_RANGES]
    return tuple(sorted(longest))


def first_used(ranges: Sequence[tuple[int, int]], number: int) -> int:
    """`number`, or the first one behind the unused range that it lies in."""
    return next((last + 1 for first, last in ranges if first <= number <= last), number)


def up_to(ranges: Sequence[tuple[int, int]], number: int) -> tuple[tuple[int, int], ...]:
    """The ranges as far as they lie before `number`, or hold it."""
    return tuple((first, min(last, number)) for first, last in ranges if first <= number)

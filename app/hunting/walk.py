"""Which pages of a wanted list a hunt reads: a head for what is due most, then on from where the last hunt stopped.

Pure. With 400 records read behind the head, every record of a list is seen once in ceil(total / 400) hunts, plus one
for the hunt that wraps, whatever blocks the head.
"""

from dataclasses import dataclass, replace

PAGE_SIZE = 100
MAX_PAGES = 5
STRETCH = 400
LEAST_HEAD = 20


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the walk through a list has come. `offset` records are behind us; `total` was the list's length then."""

    offset: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class PageSpan:
    """`pages` pages of `size` records beginning with page `first` (from 1)."""

    first: int
    size: int
    pages: int

    @property
    def start(self) -> int:
        return (self.first - 1) * self.size

    @property
    def end(self) -> int:
        return self.start + self.pages * self.size


def head_size(batch: int) -> int:
    """Records of the first page: enough to fill the batch from a list that is not blocked."""
    return max(LEAST_HEAD, 4 * batch)


def span_from(offset: int, pages: int) -> PageSpan:
    """Pages that hold the `STRETCH` records from `offset` on.

    The apps only know whole pages (offset = (page - 1) x size), so the size grows a little where the offset is not a
    multiple of it.
    """
    size = max(PAGE_SIZE, -(-STRETCH // pages))
    while True:
        first = offset // size + 1
        span = PageSpan(first, size, pages)
        if span.end >= offset + STRETCH:
            return span
        size += 1


def resumed(cursor: Cursor, total: int, head: int) -> int:
    """Where to go on: records that left the list since then moved the rest towards its beginning."""
    offset = max(0, cursor.offset - max(0, cursor.total - total))
    if offset >= total:
        offset = 0
    return max(offset, head) if offset < head else offset


def advanced(cursor: Cursor, *, read_to: int, total: int, moved: int) -> Cursor:
    """The cursor after reading up to `read_to`, when `moved` of the records before it went to the list's end."""
    if read_to >= total:
        return Cursor(0, total)
    return replace(cursor, offset=max(0, read_to - moved), total=total)

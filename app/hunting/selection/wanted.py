"""Walking through a wanted list: which pages of it a hunt reads, and where the next hunt goes on."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from dataclasses import dataclass
from typing import Protocol

from app.arr.models import AppDatabase, HuntPass, SortKey, WantedItem, WantedPage
from app.hunting.selection import paging as walk
from app.hunting.selection.candidates import AppHierarchy
from app.hunting.selection.paging import Cursor, ListSide, Position
from app.settings.hunting import Order


class WantedSource(Protocol):
    """Who serves the wanted lists: the app itself, or what we derived from its library."""

    @property
    def tells_last_search(self) -> bool:
        """Whether the lists can be sorted by the last search, and their records show it."""
        ...

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int
    ) -> WantedPage: ...


class Walk(Protocol):
    """What a pass reads its items from."""

    requests: int
    total: int

    def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        """What may be searched, a page after the other; the caller stops when its batch is full."""
        ...

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        """Where the next hunt goes on; both hold keys of items and of wholes."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """A record that was read: where it was, and what a search of it would be called."""

    place: Position
    names: frozenset[str]


class WantedPager:
    """The pages of one wanted list that a hunt reads, in the order of `walk`.

    PostgreSQL sorts nulls last: what was never searched is in front only of the descending list. Where that is more
    than a head, the walk has two legs: those of the descending list first, then the ascending list up to them.

    Where the app does not tell of its searches, there is no head: the walk itself goes round, in the order of the
    releases, so that what we searched the longest ago comes next.
    """

    def __init__(
        self,
        source: WantedSource,
        shape: AppHierarchy,
        hunt_pass: HuntPass,
        *,
        order: Order,
        database: AppDatabase,
        cursor: Cursor,
        batch: int,
        rng: random.Random,
        spent: int = 0,
        page_cost: int = 1,
    ) -> None:
        self._source = source
        self._shape = shape
        self._pass = hunt_pass
        self._order = order
        self._by_search_time = source.tells_last_search and order in (Order.LONGEST_UNSEARCHED, Order.RANDOM)
        self._goes_round = not source.tells_last_search and order is Order.LONGEST_UNSEARCHED
        self._nulls_last = database is AppDatabase.POSTGRESQL
        self._cursor = cursor
        self._head = walk.head_size(batch)
        self._rng = rng
        self._rows: dict[int, Row] = {}
        self._walked: list[Row] = []
        self._start = Position(ListSide.LIST, 0)
        self._end: Position | None = None
        self._reads = 0
        self._page_cost = page_cost
        self.requests = spent
        self.total = 0
        self.highest = 0
        """The highest id of an owner, or of an item that has none, that was seen."""

    async def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        """At most `walk.MAX_PAGES` pages; the caller stops when its batch is full."""
        front = 0
        async for page, is_front in self._heads():
            front = self._head if is_front else front
            yield page.items
            if self.total <= self._head and is_front:
                self._end = self._start
                return
        if self._goes_round and self._cursor.offset:
            await self._read(1, 1)  # only how long the list is now: what left it moved the rest
        place = first = self._resumed(front)
        span = walk.span_from(place.offset, walk.MAX_PAGES - self._reads)
        while True:
            for number in range(span.first, span.last + 1):
                page = await self._read(number, span.size, place.leg, walked=True)
                place = self._end = Position(place.leg, number * span.size)
                yield page.items
                if self._is_through(place, page):
                    break
            else:
                return
            pages = span.last - number
            self._end = place = self._next(place.leg)
            if not pages or (place == self._start and (place.leg is ListSide.LIST or first == place)):
                return
            span = walk.span_of(place.offset, pages)

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        """Where the next hunt goes on: before what it `left` although it may be searched, else behind all it read.

        Both hold the keys of items and of seasons.
        """
        if self._end is None:
            place = walk.shifted(self._cursor, self.total)
            return walk.kept(place, total=self.total, moved=self._moved(searched, place))
        stop = next((one.place for one in self._walked if one.names & set(left)), None)
        place = stop or self._end
        if stop is not None and not self._goes_round and self._rng.random() * self._distance(place) < walk.PAGE_SIZE:
            place = self._start
        return walk.kept(place, total=self.total, moved=self._moved(searched, place))

    def _resumed(self, front: int) -> Position:
        place = walk.shifted(self._cursor, self.total)
        if place.leg is ListSide.NEVER and self._start.leg is ListSide.LIST:
            place = self._start  # meanwhile the head holds all that were never searched
        if place.offset >= self.total:
            place = self._start
        return Position(place.leg, max(place.offset, self._head if place.leg is ListSide.NEVER else front))

    def _is_through(self, place: Position, page: WantedPage) -> bool:
        """Whether a leg has come to its end: that of the list, or where the other leg begins."""
        if place.offset >= self.total or not page.items:
            return True
        if self._start.leg is ListSide.LIST:
            return False
        never = [item.last_search_at is None for item in page.items]
        return any(never) if place.leg is ListSide.LIST else not all(never)

    def _next(self, leg: ListSide) -> Position:
        return Position(ListSide.LIST, 0) if leg is ListSide.NEVER else self._start

    def _distance(self, place: Position) -> int:
        """How much of the lap is to be read again by a walk that begins anew."""
        return self.total if place.leg is not self._start.leg else place.offset

    def _moved(self, searched: Collection[str], place: Position) -> int:
        """How many of the records before `place` leave for behind it once they are searched."""
        if not self._by_search_time:
            return 0
        before = [one for one in self._rows.values() if one.place.leg is place.leg and one.place.offset < place.offset]
        return sum(1 for one in before if one.names & set(searched))

    async def _heads(self) -> AsyncIterator[tuple[WantedPage, bool]]:
        """The first pages, each with whether it is the front of the list that the cursor walks through."""
        if self._goes_round:
            return
        if self._order is Order.RANDOM:
            pages = -(-self._cursor.total // self._head) or 1
            yield await self._read(self._rng.randrange(pages) + 1, self._head), pages == 1
            return
        if self._order is Order.LONGEST_UNSEARCHED and self._nulls_last:
            page = await self._read(1, self._head, ListSide.NEVER)
            never = [item.last_search_at is None for item in page.items]
            if never and all(never):
                self._start = Position(ListSide.NEVER, self._head)
            yield page, self.total <= self._head
            if any(never) or self.total <= self._head:
                return
        yield await self._read(1, self._head), True

    async def _read(self, page: int, size: int, leg: ListSide = ListSide.LIST, *, walked: bool = False) -> WantedPage:
        sort = SortKey.LAST_SEARCH if self._by_search_time else SortKey.RELEASED
        descending = leg is ListSide.NEVER or self._order is Order.NEWEST
        found = await self._source.wanted(self._pass, sort=sort, descending=descending, page=page, page_size=size)
        self._reads += 1
        self.requests += self._page_cost
        self.total = found.total
        rows = [
            Row(Position(leg, at), self._shape.names(item)) for at, item in enumerate(found.items, (page - 1) * size)
        ]
        self.highest = max([self.highest, *(item.owner_id or item.item_id for item in found.items)])
        self._rows.update({item.item_id: row for item, row in zip(found.items, rows, strict=True)})
        self._walked += rows if walked else []
        return found

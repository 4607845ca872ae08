"""Reads a wanted list page by page: which pages one hunt reads, and where the next hunt goes on."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.arr.models import AppDatabase, HuntPass, OwnerFacts, SortKey, WantedItem, WantedPage
from app.hunting.selection import paging
from app.hunting.selection.candidates import AppHierarchy
from app.hunting.selection.paging import Cursor, ListSide, Position
from app.settings.hunting import Order


class WantedSource(Protocol):
    """What serves the wanted lists: the app itself, or its library."""

    @property
    def reports_last_search(self) -> bool:
        """Whether the lists can be sorted by the last search, and their records show it."""
        ...

    @property
    def list_page_size(self) -> int:
        """Records of a large page."""
        ...

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int, bare: bool = False
    ) -> WantedPage: ...


class Pager(Protocol):
    """What a pass reads its items from."""

    @property
    def requests(self) -> int:
        """What it asked the app so far."""
        ...

    @property
    def total(self) -> int:
        """The length of the list, as the app tells it."""
        ...

    @property
    def unseen(self) -> int:
        """Items of the list that were not read."""
        ...

    async def owners_of_page(self) -> Mapping[int, OwnerFacts]:
        """The owners of the page that was read last, where that was bare; further pages have them then."""
        ...

    def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        """Items that may be searched, page by page; the caller stops when its batch is full."""
        ...

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        """Where the next hunt goes on: before what was `left` although it may be searched, else behind all it read.

        Both hold keys of items, seasons and owners.
        """
        ...


@dataclass(frozen=True, slots=True)
class TaggedOwners:
    """The few owners, or movies, that an including filter leaves; `read` gives what is wanted of one of them."""

    ids: Sequence[int]
    requests_each: int
    read: Callable[[int], Awaitable[Sequence[WantedItem]]]


@dataclass(frozen=True, slots=True)
class WantedList:
    """Which list of which app, and the order in which the user wants it searched."""

    hierarchy: AppHierarchy
    hunt_pass: HuntPass
    order: Order
    database: AppDatabase
    owners: TaggedOwners | None = None
    """Read instead of what is behind the first page."""


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record that was read: its position, and the keys of all searches that cover it."""

    position: Position
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page was asked for with."""

    number: int
    size: int
    descending: bool


class WantedPager:
    """The pages of one wanted list that a hunt reads; `paging` has the rules.

    Behind its first page it reads large ones, without the owners where the app can leave them out. Where a filter
    leaves few owners these are read instead, all of them in one page.

    PostgreSQL sorts nulls last: what was never searched is at the front of the descending list only. Where that is
    more than a head, two lists are read one after the other: first the never searched records of the descending list,
    then the ascending list up to them.

    Where the app does not tell of its searches the head is where the last hunt stopped: the pages go round the list in
    the order of the releases, so that what we searched the longest ago comes next.

    `derived_requests`: requests that a derived source took; its pages take none.
    """

    def __init__(
        self,
        source: WantedSource,
        wanted: WantedList,
        *,
        cursor: Cursor,
        batch: int,
        rng: random.Random,
        derived_requests: int | None = None,
    ) -> None:
        self._source = source
        self._wanted = wanted
        self._order = wanted.order
        self._by_search_time = source.reports_last_search and self._order in (Order.LONGEST_UNSEARCHED, Order.RANDOM)
        self._goes_round = not source.reports_last_search and self._order is Order.LONGEST_UNSEARCHED
        self._cursor = cursor
        self._is_walked = False
        self._bare = True
        self._last: PageRequest | None = None
        self._size = source.list_page_size
        self._head = paging.head_size(batch)
        self._rng = rng
        self._records: dict[int, ReadRecord] = {}
        self._behind_head: list[ReadRecord] = []
        self._start = Position(ListSide.LIST, 0)
        self._end: Position | None = None
        self._pages_read = 0
        self._page_cost = 1 if derived_requests is None else 0
        self.requests = derived_requests or 0
        self.total = 0
        self.highest = 0
        """The highest id of an owner, or of an item that has none, that was seen."""

    async def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        """At most `paging.MAX_PAGES` pages."""
        front = 0
        async for page, is_front in self._heads():
            front = self._head if is_front else front
            yield page.items
            if self.total <= self._head and is_front:
                self._end = self._start
                return
        if self._goes_round:
            yield await self._first_of_round()
            if self._end == self._start:
                return
        position = first = self._end or self._resumed(front)
        if self._wanted.owners is not None:
            self._end = None
            yield await self._wanted_of_owners(self._wanted.owners)
            return
        span = paging.stretch_from(position.offset, paging.MAX_PAGES - self._pages_read, self._size)
        while True:
            for number in range(span.first, span.last + 1):
                page = await self._read(number, span.size, position.side, is_behind_head=True, bare=self._bare)
                position = self._end = Position(position.side, number * span.size)
                yield page.items
                if self._is_through(position, page):
                    break
            else:
                return
            pages_left = span.last - number
            self._end = position = self._next(position.side)
            is_round = position == self._start and (position.side is ListSide.LIST or first == position)
            if not pages_left or is_round:
                return
            span = paging.pages_from(position.offset, pages_left, self._size)

    async def _first_of_round(self) -> tuple[WantedItem, ...]:
        """A page where the last hunt stopped; `_end` is behind it, or at the start when the list ends there."""
        if self._cursor.offset:
            await self._read(1, 1)  # to learn the list's length: records that left it moved the others
        span = paging.one_page_from(self._resumed(0).offset, max(self._head, paging.MIN_ROUND_PAGE))
        page = await self._read(span.first, span.size, is_behind_head=True)
        self._end = Position(ListSide.LIST, span.end)
        if self._is_through(self._end, page):
            self._end = self._start
        return page.items

    @property
    def unseen(self) -> int:
        return 0 if self._is_walked else max(0, self.total - len(self._records))

    async def owners_of_page(self) -> Mapping[int, OwnerFacts]:
        self._bare, last = False, self._last
        if last is None:
            return {}
        page = await self._source.wanted(
            self._wanted.hunt_pass,
            sort=self._sort,
            descending=last.descending,
            page=last.number,
            page_size=last.size,
        )
        self.requests += self._page_cost
        return {item.owner_id: item.owner for item in page.items if item.owner_id is not None}

    async def _wanted_of_owners(self, owners: TaggedOwners) -> tuple[WantedItem, ...]:
        """All of them: only then is it known which item was not searched the longest."""
        found: dict[int, WantedItem] = {}
        for owner_id in owners.ids:
            self.requests += owners.requests_each
            found.update({item.item_id: item for item in await owners.read(owner_id)})
        self._is_walked = True
        return tuple(found.values())

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        if self._end is None:
            return self._stored(paging.resume(self._cursor, self.total), searched)
        stop = next((record.position for record in self._behind_head if record.keys & set(left)), None)
        position = stop or self._end
        if stop is not None and not self._goes_round:
            begins_anew = self._rng.random() * self._distance(position) < self._size
            position = self._start if begins_anew else position
        return self._stored(position, searched)

    @property
    def _sort(self) -> SortKey:
        return SortKey.LAST_SEARCH if self._by_search_time else SortKey.RELEASED

    def _stored(self, position: Position, searched: Collection[str]) -> Cursor:
        return paging.to_cursor(position, total=self.total, moved=self._moved(searched, position))

    def _resumed(self, front: int) -> Position:
        position = paging.resume(self._cursor, self.total)
        if position.side is ListSide.NEVER and self._start.side is ListSide.LIST:
            position = self._start  # meanwhile the head holds all that were never searched
        if position.offset >= self.total:
            position = self._start
        return Position(position.side, max(position.offset, self._head if position.side is ListSide.NEVER else front))

    def _is_through(self, position: Position, page: WantedPage) -> bool:
        """Whether a list has come to its end, or to where the other one begins."""
        if position.offset >= self.total or not page.items:
            return True
        if self._start.side is ListSide.LIST:
            return False
        never = [item.last_search_at is None for item in page.items]
        return any(never) if position.side is ListSide.LIST else not all(never)

    def _next(self, side: ListSide) -> Position:
        return Position(ListSide.LIST, 0) if side is ListSide.NEVER else self._start

    def _distance(self, position: Position) -> int:
        """How many records a hunt that begins anew has to read again."""
        return self.total if position.side is not self._start.side else position.offset

    def _moved(self, searched: Collection[str], position: Position) -> int:
        """How many of the records before `position` are sorted behind it once they are searched."""
        if not self._by_search_time:
            return 0
        side, offset = position.side, position.offset
        read = [record for record in self._records.values() if record.position.side is side]
        return sum(1 for record in read if record.position.offset < offset and record.keys & set(searched))

    async def _heads(self) -> AsyncIterator[tuple[WantedPage, bool]]:
        """The first pages, each with whether it is the front of the list that the cursor is in."""
        if self._goes_round:
            return
        if self._order is Order.RANDOM:
            pages = -(-self._cursor.total // self._head) or 1
            yield await self._read(self._rng.randrange(pages) + 1, self._head), pages == 1
            return
        if self._order is Order.LONGEST_UNSEARCHED and self._wanted.database is AppDatabase.POSTGRESQL:
            page = await self._read(1, self._head, ListSide.NEVER)
            never = [item.last_search_at is None for item in page.items]
            if never and all(never):
                self._start = Position(ListSide.NEVER, self._head)
            yield page, self.total <= self._head
            if any(never) or self.total <= self._head:
                return
        yield await self._read(1, self._head), True

    async def _read(
        self,
        page: int,
        size: int,
        side: ListSide = ListSide.LIST,
        *,
        is_behind_head: bool = False,
        bare: bool = False,
    ) -> WantedPage:
        descending = side is ListSide.NEVER or self._order is Order.NEWEST
        found = await self._source.wanted(
            self._wanted.hunt_pass, sort=self._sort, descending=descending, page=page, page_size=size, bare=bare
        )
        self._last = PageRequest(page, size, descending)
        self._pages_read += 1
        self.requests += self._page_cost
        self.total = found.total
        keys, begin = self._wanted.hierarchy.keys, (page - 1) * size
        records = [ReadRecord(Position(side, at), keys(item)) for at, item in enumerate(found.items, begin)]
        self.highest = max([self.highest, *(item.owner_id or item.item_id for item in found.items)])
        self._records.update({item.item_id: record for item, record in zip(found.items, records, strict=True)})
        self._behind_head += records if is_behind_head else []
        return found

"""From the app's wanted lists to candidates: which pages are read, and what a record is called for ever."""

import random
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime

from app.arr.base import ArrClient
from app.arr.models import Database, HuntPass, QueueRow, SearchTarget, SortKey, Unit, WantedItem, WantedPage
from app.hunting import walk
from app.hunting.policy import Candidate
from app.hunting.walk import Cursor
from app.settings.hunting import Order, ReleaseDate


def item_key(unit: Unit, item_id: int) -> str:
    """The identity of an item, as `episode:4711`."""
    return f"{unit}:{item_id}"


def season_key(owner_id: int, season: int) -> str:
    """The identity of a season, as `season:12:3`, whichever of its episodes came first."""
    return f"{Unit.SEASON}:{owner_id}:{season}"


def candidate_of(item: WantedItem, release_date: ReleaseDate) -> Candidate:
    """A record of a wanted list as the decision sees it."""
    group = None
    if item.owner_id is not None and item.season is not None:
        group = season_key(item.owner_id, item.season)
    return Candidate(
        key=item_key(item.unit, item.item_id),
        title=item.title,
        unit=item.unit.value,
        monitored=item.monitored,
        item_id=item.item_id,
        owner_id=item.owner_id,
        owner_title=item.owner_title,
        season=item.season,
        group=group,
        available=item.available,
        released_at=released_at(item, release_date),
        added_at=item.added_at,
        last_search_at=item.last_search_at,
        tag_ids=item.tag_ids,
        quality_profile_id=item.quality_profile_id,
    )


def released_at(item: WantedItem, release_date: ReleaseDate) -> datetime | None:
    """The date that counts as the release of `item`; `None` when the app does not know it."""
    dates = item.dates
    if dates.air is not None:
        return dates.air
    chosen = {
        ReleaseDate.DIGITAL: dates.digital,
        ReleaseDate.PHYSICAL: dates.physical,
        ReleaseDate.CINEMA: dates.cinema,
        ReleaseDate.AVAILABLE: None,
    }
    if release_date in chosen:
        return chosen[release_date]
    return min((at for at in (dates.cinema, dates.digital, dates.physical) if at is not None), default=None)


def target_of(candidate: Candidate) -> SearchTarget:
    """What the app is asked for."""
    if candidate.unit == Unit.SEASON:
        return SearchTarget(Unit.SEASON, owner_id=candidate.owner_id, season=candidate.season)
    return SearchTarget(Unit(candidate.unit), item_id=candidate.item_id)


def queued_keys(rows: Iterable[QueueRow], unit: Unit) -> frozenset[str]:
    """The keys of all that is in the app's queue: the items, and the seasons that they are part of."""
    keys: set[str] = set()
    for row in rows:
        if row.item_id:
            keys.add(item_key(unit, row.item_id))
        if row.owner_id and row.season is not None:
            keys.add(season_key(row.owner_id, row.season))
    return frozenset(keys)


def downloads(rows: Iterable[QueueRow]) -> int:
    """Distinct downloads in the queue; a season pack is one, whatever its rows."""
    return len({row.download_id for row in rows if row.download_id})


def active_downloads(rows: Iterable[QueueRow]) -> int:
    """Distinct downloads that are queued or running; stuck, completed and failed ones do not count."""
    stuck = ("warning", "error")
    return downloads(row for row in rows if row.status in ("queued", "downloading") and row.tracked_status not in stuck)


class WantedWalk:
    """The pages of one wanted list that a hunt reads, in the order of `walk`."""

    def __init__(
        self,
        client: ArrClient,
        hunt_pass: HuntPass,
        *,
        order: Order,
        database: Database,
        cursor: Cursor,
        batch: int,
        rng: random.Random,
    ) -> None:
        self._client = client
        self._pass = hunt_pass
        self._order = order
        self._database = database
        self._cursor = cursor
        self._head = walk.head_size(batch)
        self._rng = rng
        self.requests = 0
        self._read_to: int | None = None
        self.total = 0

    async def pages(self) -> AsyncIterator[tuple[WantedItem, ...]]:
        """At most `walk.MAX_PAGES` pages; the caller stops when its batch is full."""
        skipped = 0
        async for page, is_front in self._heads():
            skipped = self._head if is_front else skipped
            yield page.items
            if self.total <= self._head and is_front:
                self._read_to = self.total
                return
        start = walk.resumed(self._cursor, self.total, skipped)
        span = walk.span_from(start, walk.MAX_PAGES - self.requests)
        for number in range(span.first, span.first + span.pages):
            page = await self._read(number, span.size, descending=self._order is Order.NEWEST)
            self._read_to = number * span.size
            yield page.items
            if self._read_to >= self.total:
                return

    def cursor_after(self, moved: int) -> Cursor:
        """Where the next hunt goes on, when `moved` of the records that were read went to the end of the list."""
        shifted = moved if self._order in (Order.LONGEST_UNSEARCHED, Order.RANDOM) else 0
        if self._read_to is None:
            return Cursor(max(0, self._cursor.offset - shifted), self.total)
        return walk.advanced(self._cursor, read_to=self._read_to, total=self.total, moved=shifted)

    async def _heads(self) -> AsyncIterator[tuple[WantedPage, bool]]:
        """The first pages, each with whether it is the front of the list that the cursor walks through."""
        if self._order is Order.RANDOM:
            pages = -(-self._cursor.total // self._head) or 1
            yield await self._read(self._rng.randrange(pages) + 1, self._head), pages == 1
            return
        if self._order is Order.LONGEST_UNSEARCHED and self._database is Database.POSTGRESQL:
            # PostgreSQL sorts nulls last: what was never searched is in front only of the descending list.
            page = await self._read(1, self._head, descending=True)
            yield page, self.total <= self._head
            if any(item.last_search_at is None for item in page.items) or self.total <= self._head:
                return
        yield await self._read(1, self._head, descending=self._order is Order.NEWEST), True

    async def _read(self, page: int, size: int, *, descending: bool = False) -> WantedPage:
        sort = SortKey.LAST_SEARCH if self._order in (Order.LONGEST_UNSEARCHED, Order.RANDOM) else SortKey.RELEASED
        found = await self._client.wanted(self._pass, sort=sort, descending=descending, page=page, page_size=size)
        self.requests += 1
        self.total = found.total
        return found


def in_order(candidates: Collection[Candidate], order: Order, rng: random.Random) -> list[Candidate]:
    """The candidates of one page in the order that the user asked for."""
    listed = list(candidates)
    if order is Order.RANDOM:
        rng.shuffle(listed)
        return listed
    if order is Order.LONGEST_UNSEARCHED:
        return sorted(listed, key=lambda one: (one.last_search_at is not None, _seconds(one.last_search_at)))
    sign = -1 if order is Order.NEWEST else 1
    return sorted(listed, key=lambda one: (one.released_at is None, sign * _seconds(one.released_at)))


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()

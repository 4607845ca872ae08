"""A client whose wanted list is in memory and changes as the real ones do, and hunts over it."""

import builtins
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from app.arr.http import ArrHttp
from app.arr.models import AppDatabase, Connection, HuntPass, ReleaseDates, SortKey, Unit, WantedItem, WantedPage
from app.arr.radarr import RadarrClient
from app.hunting.selection.candidates import AppHierarchy
from app.hunting.selection.paging import Cursor
from app.hunting.selection.wanted import WantedList, WantedPager
from app.settings.hunting import Order

PAGE_SIZE = 100
"""Small: what holds of the pages depends on their number only."""
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Entry:
    """One record of the list."""

    item_id: int
    released: int
    last_search: int | None

    @property
    def key(self) -> str:
        return f"movie:{self.item_id}"


def _moment(number: int | None) -> datetime | None:
    return None if number is None else LONG_AGO + timedelta(minutes=number)


@dataclass
class ListClient(RadarrClient):
    """Answers `wanted` from memory; SQLite takes null for the smallest value, PostgreSQL for the largest."""

    list_page_size: ClassVar[int] = PAGE_SIZE

    entries: list[Entry]
    database: AppDatabase
    pages: list[tuple[int, int, bool]] = field(default_factory=list)
    now: int = 10_000_000
    sorted: dict[tuple[SortKey, bool], list[Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(ArrHttp("test"), Connection("http://memory", "key"))

    async def wanted(
        self, hunt_pass: HuntPass, *, sort: SortKey, descending: bool, page: int, page_size: int, bare: bool = False
    ) -> WantedPage:
        self.pages.append((page, page_size, descending))
        nulls = 1 if self.database is AppDatabase.POSTGRESQL else -1

        def place(entry: Entry) -> tuple[int, int, int]:
            value = entry.last_search if sort is SortKey.LAST_SEARCH else entry.released
            return (nulls if value is None else 0, value or 0, entry.item_id)

        ordered = self.sorted.get((sort, descending))
        if ordered is None:
            ordered = self.sorted[sort, descending] = builtins.sorted(self.entries, key=place, reverse=descending)
        start = (page - 1) * page_size
        items = tuple(self._shown(entry) for entry in ordered[start : start + page_size])
        return WantedPage(items=items, total=len(ordered))

    def replace(self, entries: list[Entry]) -> None:
        """Another list from now on."""
        self.entries = entries
        self.sorted.clear()

    def search(self, item_ids: Iterable[int]) -> None:  # type: ignore[override] # the app's side of it, not ours
        """Mark as searched just now, as the app does."""
        wanted = set(item_ids)
        self.sorted.clear()
        for entry in self.entries:
            if entry.item_id in wanted:
                self.now += 1
                entry.last_search = self.now

    def _shown(self, entry: Entry) -> WantedItem:
        return WantedItem(
            item_id=entry.item_id,
            title=f"Movie {entry.item_id}",
            unit=Unit.MOVIE,
            monitored=True,
            dates=ReleaseDates(cinema=_moment(entry.released)),
            available=True,
            last_search_at=_moment(entry.last_search),
        )


@dataclass
class HighestDraws(random.Random):
    """Every draw is the highest, so that no hunt begins anew before the end of the list."""

    def random(self) -> float:
        return 0.999999999


@dataclass
class HuntSeries:
    """Hunts one after the other over a list, of which some items may be searched."""

    client: ListClient
    order: Order
    batch: int
    rng: random.Random
    cursor: Cursor = field(default_factory=Cursor)
    read: set[int] = field(default_factory=set)
    unfilled: int = 0
    hunts: int = 0

    async def hunt(self, may_search: Callable[[int], bool]) -> list[int]:
        """One hunt: what it searched, in this order."""
        pager = WantedPager(
            self.client,
            WantedList(AppHierarchy.of(self.client), HuntPass.MISSING, self.order, self.client.database),
            cursor=self.cursor,
            batch=self.batch,
            rng=self.rng,
        )
        chosen: list[int] = []
        left: set[str] = set()
        seen: set[int] = set()
        async for items in pager.pages():
            for item in items:
                if item.item_id in seen:
                    continue
                seen.add(item.item_id)
                if may_search(item.item_id):
                    if len(chosen) < self.batch:
                        chosen.append(item.item_id)
                    else:
                        left.add(f"movie:{item.item_id}")
            if len(chosen) >= self.batch:
                break
        self.read |= seen
        self.hunts += 1
        self.unfilled += len(chosen) < self.batch
        if chosen:
            self.client.search(chosen)
        self.cursor = pager.cursor_after({f"movie:{item_id}" for item_id in chosen}, left)
        return chosen

"""Reads a library step by step for files whose custom-format score is too low: no list of the app has them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import QualityProfile, WantedItem
from app.hunting.selection.candidates import AppHierarchy
from app.hunting.selection.paging import Cursor

log = structlog.get_logger(__name__)

MAX_REQUESTS = 20
MIN_REQUESTS_FOR_A_STEP = 3
MIN_UNUSED_IDS = 60
MIN_UNUSED_STEPS = 10
"""The scan begins anew after so many unused ids, or steps, behind the highest known id."""

IsKnown = Callable[[Sequence[int]], Awaitable[Collection[int]]]


class LibraryScanner:
    """The items with too low a score, from where the last hunt stopped; the largest gap of each step first.

    The cursor's `offset` is the next id of an owner or a movie, its `total` the highest id that was ever in use.
    `highest`: the highest id that the other passes saw. `is_known`: which of these ids need not be looked at.
    """

    def __init__(
        self,
        client: ArrClient,
        hierarchy: AppHierarchy,
        profiles: Mapping[int, QualityProfile],
        *,
        cursor: Cursor,
        highest: int,
        is_known: IsKnown,
    ) -> None:
        self._client = client
        self._hierarchy = hierarchy
        self._profiles = profiles
        self._top = max(cursor.total, highest)
        self._next = max(1, cursor.offset)
        self._is_known = is_known
        self._begins: dict[str, int] = {}
        self.requests = 0
        self.total = 0

    async def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        """One page for each step, until the requests of a hunt are used up or the whole library was read."""
        if not any(profile.upgrade_allowed and profile.cutoff_score > 0 for profile in self._profiles.values()):
            return
        first, wrapped = self._next, False
        while self.requests + MIN_REQUESTS_FOR_A_STEP <= MAX_REQUESTS and not (wrapped and self._next >= first):
            begin = self._next
            try:
                step = await self._client.upgradable(
                    begin, profiles=self._profiles, budget=MAX_REQUESTS - self.requests, known_items=self._is_known
                )
            except ArrError as failure:
                if failure.ends_all:
                    raise
                log.warning("library step not read; the next hunt goes on behind it", error=failure.message)
                self._next = begin + 1
                return
            self.requests += step.requests
            self._next = step.next_id
            self._top = self._top if step.is_empty else max(self._top, step.next_id - 1)
            ranked = sorted(step.items, key=lambda found: -found.gap)
            self._begins.update({key: begin for found in ranked for key in self._hierarchy.keys(found.item)})
            self.total += len(ranked)
            if ranked:
                yield tuple(found.item for found in ranked)
            if self._next > self._top + max(MIN_UNUSED_IDS, MIN_UNUSED_STEPS * (step.next_id - begin)):
                self._next, wrapped = 1, True

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        """Before the first item that was `left` although it may be searched, else behind all that was read."""
        del searched  # a search moves nothing in the library
        waiting = [self._begins[key] for key in left if key in self._begins]
        return Cursor(min(waiting, default=self._next), self._top)

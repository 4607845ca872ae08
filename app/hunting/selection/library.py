"""Reads a library step by step for files whose custom-format score is too low: no list of the app has them."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import LibraryStep, OwnerFacts, QualityProfile, WantedItem
from app.arr.movies import IDS_PER_STEP
from app.hunting.selection.candidates import AppHierarchy
from app.hunting.selection.paging import Cursor, first_used, up_to, with_unused

log = structlog.get_logger(__name__)

MAX_REQUESTS = 20
MIN_REQUESTS_FOR_A_STEP = 3
MAX_AHEAD = 60
"""How far behind the highest known id others are looked for: the newest owners may have been removed again."""
PROBES = 8
"""So many ids behind it are looked at when the scan comes there, in turn; then it begins anew."""
MOVIE_PROBES = 3
"""The same in steps of a hundred movies."""

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
        self._unused = cursor.unused if highest <= cursor.total else up_to(cursor.unused, cursor.total)
        self._is_known = is_known
        self._begins: dict[str, int] = {}
        self.requests = 0
        self.total = 0
        self.unseen = 0

    async def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        """One page for each step, until the requests of a hunt are used up or the whole library was read."""
        if not any(profile.upgrade_allowed and profile.cutoff_score > 0 for profile in self._profiles.values()):
            return
        first, wrapped = self._next, False
        while self.requests + MIN_REQUESTS_FOR_A_STEP <= MAX_REQUESTS and not (wrapped and self._next >= first):
            begin = self._next = min(first_used(self._unused, self._next), self._top + 1)
            try:
                if begin > self._top:
                    if not await self._finds_more():
                        self._next, wrapped = 1, True
                    continue
                step = await self._step(begin)
            except ArrError as failure:
                if failure.ends_all:
                    raise
                log.warning("library step not read; the next hunt goes on behind it", error=failure.message)
                self._next = begin + 1
                return
            self._next = step.next_id
            ranked = sorted(step.items, key=lambda found: -found.gap)
            self._begins.update({key: begin for found in ranked for key in self._hierarchy.keys(found.item)})
            self.total += len(ranked)
            if ranked:
                yield tuple(found.item for found in ranked)

    async def _step(self, begin: int) -> LibraryStep:
        step = await self._client.upgradable(
            begin, profiles=self._profiles, budget=MAX_REQUESTS - self.requests, known_items=self._is_known
        )
        self.requests += step.requests
        if not step.is_empty:
            self._top = max(self._top, step.next_id - 1)
        elif self._hierarchy.owner is not None:
            self._unused = with_unused(self._unused, begin, step.next_id - 1)
        return step

    async def _finds_more(self) -> bool:
        """Whether an id behind the highest known one is in use; then that is the highest known one."""
        top = self._top
        for number in self._probes():
            if self.requests + MIN_REQUESTS_FOR_A_STEP > MAX_REQUESTS:
                return False
            step = await self._step(number)
            if not step.is_empty:
                self._unused = up_to(self._unused, top)
                return True
        if first_used(self._unused, top + 1) > top + MAX_AHEAD:
            self._unused = up_to(self._unused, top)
        return False

    def _probes(self) -> list[int]:
        """The next id, which a new owner most likely has, and those whose turn it is."""
        following = self._top + 1
        if self._hierarchy.owner is None:
            return [following + step * IDS_PER_STEP for step in range(MOVIE_PROBES)]
        turn = max(first_used(self._unused, following), following + 1)
        return [following, *range(turn, turn + PROBES - 1)]

    async def owners_of_page(self) -> Mapping[int, OwnerFacts]:
        """None: its items know their owners."""
        return {}

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        """Before the first item that was `left` although it may be searched, else behind all that was read."""
        del searched  # a search moves nothing in the library
        waiting = [self._begins[key] for key in left if key in self._begins]
        return Cursor(min(waiting, default=self._next), self._top, self._unused)

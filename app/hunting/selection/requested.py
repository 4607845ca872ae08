"""The items whose search is asked for out of turn: which of them a hunt reads, before those of the wanted lists."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from app.arr.models import OwnerFacts, WantedItem
from app.hunting.selection.paging import Cursor
from app.hunting.selection.wanted import Pager

MAX_OWNERS = 2
"""Series, artists, authors or movies that one hunt reads for requests; the others wait."""


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """An item that is to be searched, and what it is part of.

    `owner_id` is that of a series, an artist or an author; `None` where the item has none.
    """

    media_key: str
    item_id: int
    title: str
    owner_id: int | None = None
    group_key: str | None = None
    owner_key: str | None = None

    @property
    def keys(self) -> frozenset[str]:
        """Its own key, and those of its season and its owner."""
        return frozenset(key for key in (self.media_key, self.group_key, self.owner_key) if key is not None)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that no search has met yet, and when its item was last searched."""

    item: RequestedItem
    last_searched_at: datetime | None


class RequestStore(Protocol):
    async def open(self, instance_id: int, now: datetime) -> list[OpenRequest]: ...

    async def forget(self, instance_id: int, keys: Collection[str]) -> None: ...


@dataclass
class Requested:
    """The requests that one hunt looks at, and which of their items it found on a wanted list."""

    by_owner: Mapping[int, Sequence[RequestedItem]] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    is_read: bool = False

    @classmethod
    def of(cls, requests: Sequence[OpenRequest], now: datetime, cooldown: timedelta) -> "Requested":
        """Those whose cooldown is over, of few owners: the oldest first."""
        by_owner: dict[int, list[RequestedItem]] = {}
        for request in requests:
            if request.last_searched_at is None or now - request.last_searched_at >= cooldown:
                by_owner.setdefault(request.item.owner_id or request.item.item_id, []).append(request.item)
        return cls(dict(list(by_owner.items())[:MAX_OWNERS]))

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(item.media_key for items in self.by_owner.values() for item in items)

    @property
    def unwanted(self) -> frozenset[str]:
        """Those that no list had."""
        return self.keys - self.found if self.is_read else frozenset()


class RequestedPager:
    """The pages of another pager; its first page holds the requested items too."""

    def __init__(self, pager: Pager, read: Callable[[], Awaitable[Sequence[WantedItem]]], requests: int) -> None:
        self._pager = pager
        self._read = read
        self._own_requests = requests

    @property
    def requests(self) -> int:
        return self._pager.requests + self._own_requests

    @property
    def total(self) -> int:
        return self._pager.total

    @property
    def unseen(self) -> int:
        return self._pager.unseen

    async def owners_of_page(self) -> Mapping[int, OwnerFacts]:
        return await self._pager.owners_of_page()

    async def pages(self) -> AsyncGenerator[tuple[WantedItem, ...], None]:
        requested = await self._read()
        async with aclosing(self._pager.pages()) as pages:
            async for page in pages:
                known = {item.item_id for item in requested}
                yield (*requested, *(item for item in page if item.item_id not in known))
                requested = ()

    def cursor_after(self, searched: Collection[str], left: Collection[str]) -> Cursor:
        return self._pager.cursor_after(searched, left)

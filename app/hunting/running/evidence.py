"""Whether a search took place: an app without an indexer to search with says that it searched, within milliseconds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import Command, CommandStatus, HuntPass, SearchTarget
from app.core.clock import Clock

log = structlog.get_logger(__name__)

MIN_SEARCH = timedelta(seconds=1)
"""Between what a command takes that asks no indexer, 0.2 seconds at most on the living apps, and what a fruitless
search takes: the apps ask an indexer a second time when it had nothing, and wait two seconds in between."""
TOLERANCE = timedelta(seconds=1)
"""The apps' times are whole seconds."""


@dataclass(frozen=True, slots=True)
class EndedSearch:
    """A search whose command is over."""

    search_id: int
    command: Command


async def has_no_indexers(client: ArrClient) -> bool:
    """Whether the app says that it has no indexer to search with; false where it does not tell.

    `ArrError` when the app cannot be used at all: this is the request that every hunt makes first.
    """
    try:
        return await client.has_no_indexers()
    except ArrError as failure:
        if failure.ends_all:
            raise
        log.warning("health not read; the hunt goes on without it", error=failure.message)
        return False


def is_doubtful(command: Command) -> bool:
    """Whether the command completed without a grab, and too quickly for a search."""
    if command.status is not CommandStatus.COMPLETED or command.grabs:
        return False
    if command.took is not None:
        return command.took < MIN_SEARCH
    if command.started_at is None or command.ended_at is None:
        return True
    return command.ended_at - command.started_at < MIN_SEARCH + TOLERANCE


class Evidence:
    """Asks one app whether it searched."""

    def __init__(self, client: ArrClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def took_place(self, command: Command) -> bool:
        """One request. True where there is nothing that speaks against it, or the app cannot be asked."""
        began_at = command.started_at or command.queued_at
        target = command.target
        if target is None or began_at is None:
            return True
        try:
            if not self._client.reports_last_search:
                return not await self._client.has_no_indexers()
            return await self._was_searched(target, began_at)
        except ArrError as failure:
            log.warning("not known whether a search took place", command_id=command.command_id, error=failure.message)
            return True

    async def _was_searched(self, target: SearchTarget, began_at: datetime) -> bool:
        """By the time of its last search, which only a search with an indexer moves."""
        if target.item_id is not None:
            found = await self._client.last_searches([target.item_id])
            times = list(found.values())
        elif target.season is not None:
            season = await self._client.season(target.owner_id or 0, target.season, now=self._clock())
            times = [season.last_search_at]
        else:
            items = await self._client.wanted_of(HuntPass.MISSING, target.owner_id or 0, now=self._clock())
            times = [item.last_search_at for item in items]
        return not times or any(at is not None and at >= began_at - TOLERANCE for at in times)

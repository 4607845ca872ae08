"""The commands of the searches that an app works on: adopted after a crash, followed to their end, cancelled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import Command, CommandStatus, SearchTarget
from app.hunting.running.context import InstanceContext, RunningServices
from app.hunting.selection.candidates import search_target
from app.hunting.store.models import Outcome, Search

log = structlog.get_logger(__name__)

MAX_FAILED_READS = 4
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(slots=True)
class InFlight:
    """A search that the app is working on."""

    search_id: int
    sent_at: float
    """By the monotonic clock."""
    misses: int = 0
    """Reads in a row in which the app did not list the command."""


class CommandTracker:
    """Follows the commands of one instance while a worker holds it."""

    def __init__(self, services: RunningServices, context: InstanceContext, client: ArrClient) -> None:
        self._searches = services.searches
        self._followed = services.followed
        self._clock = services.clock
        self._timing = services.timing
        self._lease = context.lease
        self._hunting = context.hunting
        self._client = client
        self._in_flight: dict[int, InFlight] = {}
        self._failed_reads = 0
        self.idle_reads = 0
        """Reads since a search was last sent or seen to end."""
        self.unreadable: ArrError | None = None
        """The last failure, once the commands could not be read several times in a row."""

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    async def settle(self, searches: Sequence[Search]) -> None:
        """Find out what became of searches whose worker died: adopt their command, or let them be `unknown`."""
        commands = await self._client.commands()
        taken = await self._followed.known_commands(self._lease.instance_id)
        by_id = {command.command_id: command for command in commands}
        for search in searches:
            search_id = search.id or 0
            if search.outcome == Outcome.PENDING:
                await self._settle_pending(search, by_id)
                continue
            target = search_target(search.unit, search.item_id, search.owner_id, search.season)
            found = _newest(commands, target, since=search.searched_at, taken=taken)
            if found is None:
                await self._searches.unclear(self._lease, search_id, "The worker ended while sending it.")
                continue
            taken.add(found.command_id)
            await self.accepted(search_id, found, self.monotonic_of(search.searched_at))

    async def accepted(self, search_id: int, command: Command, sent_at: float) -> None:
        """The app took the command: follow it to its end."""
        await self._searches.accepted(self._lease, search_id, command)
        await self._follow(search_id, command, sent_at)

    async def find(self, target: SearchTarget, since: datetime) -> Command | None:
        """The command of a search whose answer was lost; `ArrError` when the commands cannot be read."""
        commands = await self._client.commands()
        taken = await self._followed.known_commands(self._lease.instance_id)
        return _newest(commands, target, since=since, taken=taken)

    async def read(self) -> None:
        """One `GET command` for all that are in flight.

        A search that is not waited for any longer stays `pending` and is settled later.
        """
        self.idle_reads += 1
        try:
            commands = {command.command_id: command for command in await self._client.commands()}
            self._failed_reads = 0
        except ArrError as failure:
            self._failed_reads += 1
            log.warning("commands not read", error=failure.message)
            if self._failed_reads >= MAX_FAILED_READS:
                self.unreadable = failure
            self._drop(lambda search: self.unreadable is not None or self._is_late(search))
            return
        for command_id, search in list(self._in_flight.items()):
            if command_id in commands:
                await self._on_command(commands[command_id])
            else:
                search.misses += 1
        self._drop(lambda search: search.misses > 1 or self._is_late(search))

    async def cancel(self) -> None:
        """Cancel the commands that the app has not begun yet; what was never searched gives its units back."""
        for command_id, search in list(self._in_flight.items()):
            try:
                is_gone = await self._client.cancel(command_id)
            except ArrError as failure:
                log.warning("command not cancelled", command_id=command_id, error=failure.message)
                continue
            if is_gone:
                del self._in_flight[command_id]
                await self._searches.withdrawn(self._lease, search.search_id)

    def monotonic_of(self, moment: datetime) -> float:
        """A time of day by the monotonic clock."""
        return self._timing.monotonic() - max(0.0, (self._clock() - moment).total_seconds())

    async def _settle_pending(self, search: Search, by_id: Mapping[int, Command]) -> None:
        search_id = search.id or 0
        command = by_id.get(search.command_id) if search.command_id is not None else None
        if command is None:
            is_tracked = self._hunting.track_outcomes
            await self._searches.command_forgotten(self._lease, search_id, is_tracked=is_tracked)
            return
        await self._follow(search_id, command, self.monotonic_of(search.searched_at))

    async def _follow(self, search_id: int, command: Command, sent_at: float) -> None:
        self._in_flight[command.command_id] = InFlight(search_id, sent_at)
        await self._on_command(command)

    async def _on_command(self, command: Command) -> None:
        search = self._in_flight.get(command.command_id)
        if search is None or not command.status.is_over:
            return
        del self._in_flight[command.command_id]
        self.idle_reads = 0
        if command.status is CommandStatus.CANCELLED:
            await self._searches.withdrawn(self._lease, search.search_id)
            return
        is_tracked = self._hunting.track_outcomes
        outcome = await self._searches.command_over(self._lease, search.search_id, command, is_tracked=is_tracked)
        log.info("search ended", command_id=command.command_id, outcome=outcome)

    def _drop(self, is_lost: Callable[[InFlight], bool]) -> None:
        self._in_flight = {command_id: search for command_id, search in self._in_flight.items() if not is_lost(search)}

    def _is_late(self, search: InFlight) -> bool:
        return self._timing.monotonic() - search.sent_at > self._hunting.command_timeout_minutes * 60


def _newest(commands: Sequence[Command], target: SearchTarget, *, since: datetime, taken: set[int]) -> Command | None:
    """The newest command of this body that was queued after `since` and belongs to no other search."""
    fitting = [
        command
        for command in commands
        if command.target == target
        and command.command_id not in taken
        and (command.queued_at is None or command.queued_at >= since - CLOCK_SKEW)
    ]
    return max(fitting, key=lambda command: command.command_id, default=None)

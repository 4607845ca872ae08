"""The commands of the searches that an app works on: adopted after a crash, followed to their end, cancelled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import Command, CommandStatus, SearchTarget
from app.arr.push import PushChannel
from app.hunting.running.context import InstanceContext, RunningServices
from app.hunting.running.evidence import EndedSearch, Evidence, is_doubtful
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
    """Reads in a row in which the app did not know the command."""


class CommandTracker:
    """Follows the commands of one instance while a worker holds it."""

    def __init__(
        self,
        services: RunningServices,
        context: InstanceContext,
        client: ArrClient,
        push: PushChannel | None = None,
    ) -> None:
        self._services = services
        self._context = context
        self._client = client
        self._push = push
        self._in_flight: dict[int, InFlight] = {}
        self._failed_reads = 0
        self.idle_reads = 0
        """Reads since a search was last sent or seen to end."""
        self.unreadable: ArrError | None = None
        """The last failure, once the commands could not be read several times in a row."""
        self._evidence = Evidence(client, services.clock)
        self._doubtful: list[EndedSearch] = []
        self._is_proven = False
        self.is_without_indexers = False
        """Whether a command ended without a search."""
        self._took: list[float] = []
        """Seconds: first those of earlier hunts, then of the searches of this one."""

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    async def usual_seconds(self) -> float:
        """How long a search takes, by those of this hunt, or else the last ones of the instance."""
        if not self._took:
            self._took.append(await self._services.followed.usual_seconds(self._context.lease.instance_id) or 0.0)
        seconds = median(self._took[1:] or self._took)
        return seconds + 1 if seconds else 0.0  # the app's times are whole seconds

    @property
    def oldest_sent_at(self) -> float:
        """When the search in flight was sent that should end first, by the monotonic clock."""
        return min((search.sent_at for search in self._in_flight.values()), default=0.0)

    async def settle(self, searches: Sequence[Search]) -> None:
        """Find out what became of searches whose worker died: adopt their command, or let them be `unknown`."""
        for search in searches:
            if search.outcome == Outcome.PENDING:
                await self._settle_pending(search)
        sending = [search for search in searches if search.outcome != Outcome.PENDING]
        if not sending:
            return
        commands = await self._client.commands()
        taken = await self._services.followed.known_commands(self._context.lease.instance_id)
        for search in sending:
            target = search_target(search.unit, search.item_id, search.owner_id, search.season)
            found = _newest(commands, target, since=search.searched_at, taken=taken)
            if found is None:
                await self._services.searches.unclear(
                    self._context.lease, search.id or 0, "The worker ended while sending it."
                )
                continue
            taken.add(found.command_id)
            await self.accepted(search.id or 0, found, self.monotonic_of(search.searched_at))

    async def accepted(self, search_id: int, command: Command, sent_at: float) -> None:
        """The app took the command: follow it to its end."""
        await self._services.searches.accepted(self._context.lease, search_id, command)
        await self._follow(search_id, command, sent_at)

    async def find(self, target: SearchTarget, since: datetime) -> Command | None:
        """The command of a search whose answer was lost; `ArrError` when the commands cannot be read."""
        commands = await self._client.commands()
        taken = await self._services.followed.known_commands(self._context.lease.instance_id)
        return _newest(commands, target, since=since, taken=taken)

    async def read(self, *, sent_before: float, until_one_ends: bool = False) -> None:
        """Ask for each command in flight that was sent before that moment, by its id.

        A search that is not waited for any longer stays `pending` and is settled later.
        """
        self.idle_reads += 1
        for command_id, search in list(self._in_flight.items()):
            if search.sent_at > sent_before:
                continue
            try:
                command = await self._client.command(command_id)
                self._failed_reads = 0
            except ArrError as failure:
                self._failed_reads += 1
                log.warning("command not read", command_id=command_id, error=failure.message)
                if failure.ends_all or self._failed_reads >= MAX_FAILED_READS:
                    self.unreadable = failure
                break
            await self._on_read(command_id, command)
            if until_one_ends and command_id not in self._in_flight:
                break
        self._drop(lambda search: self.unreadable is not None or self._is_late(search))

    async def take_pushed(self) -> bool:
        """Whether the push channel told that one in flight is over."""
        ended = [pushed for command_id in self._in_flight if (pushed := self._pushed(command_id)) is not None]
        for command in ended:
            await self._on_command(command)
        return bool(ended)

    async def confirm(self) -> None:
        """Tell searches from commands that ended at once because the app had no indexer to search with.

        The newest one decides: when it was a search, those before it were too.
        """
        while self._doubtful:
            ended = self._doubtful.pop()
            if await self._evidence.took_place(ended.command):
                self._is_proven = True
                for each in (*self._doubtful, ended):
                    await self._end(each)
                self._doubtful = []
                return
            self.is_without_indexers = True
            log.warning("nothing was searched: the app has no indexer", command_id=ended.command.command_id)
            await self._services.searches.not_searched(self._context.lease, ended.search_id, ended.command)

    async def confirm_first(self) -> None:
        """The same before more is sent, when two ended so; until it is known that the app has indexers."""
        if not self._is_proven and len(self._doubtful) > 1:
            await self.confirm()

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
                await self._services.searches.withdrawn(self._context.lease, search.search_id)

    def monotonic_of(self, moment: datetime) -> float:
        """A time of day by the monotonic clock."""
        return self._services.timing.monotonic() - max(0.0, (self._services.clock() - moment).total_seconds())

    async def _settle_pending(self, search: Search) -> None:
        search_id, sent_at = search.id or 0, self.monotonic_of(search.searched_at)
        command = None if search.command_id is None else await self._client.command(search.command_id)
        if (
            command is not None
            and command.status is CommandStatus.QUEUED
            and self._is_late(InFlight(search_id, sent_at))
        ):
            # What a person cancelled stays `queued` in the app's database; only its list leaves it out.
            listed = {listed.command_id for listed in await self._client.commands()}
            command = command if command.command_id in listed else None
        if command is None:
            await self._forgotten(search_id)
            return
        await self._follow(search_id, command, sent_at)

    async def _follow(self, search_id: int, command: Command, sent_at: float) -> None:
        self._in_flight[command.command_id] = InFlight(search_id, sent_at)
        await self._on_command(self._pushed(command.command_id) or command)  # its end may come before its beginning

    def _asked_indexers(self, command_id: int) -> bool:
        return self._push is not None and self._push.asked_indexers(command_id)

    def _pushed(self, command_id: int) -> Command | None:
        return None if self._push is None else self._push.ended(command_id)

    async def _on_read(self, command_id: int, command: Command | None) -> None:
        if command is not None:
            await self._on_command(command)
            return
        search = self._in_flight[command_id]
        search.misses += 1
        if search.misses > 1:
            del self._in_flight[command_id]
            await self._forgotten(search.search_id)

    async def _on_command(self, command: Command) -> None:
        search = self._in_flight.get(command.command_id)
        if search is None or not command.status.is_over:
            return
        del self._in_flight[command.command_id]
        self.idle_reads = 0
        if command.started_at is not None and command.ended_at is not None:
            self._took.append((command.ended_at - command.started_at).total_seconds())
        ended = EndedSearch(search.search_id, command)
        if command.status is CommandStatus.CANCELLED:
            await self._services.searches.withdrawn(self._context.lease, search.search_id)
        elif is_doubtful(command) and not self._asked_indexers(command.command_id):
            self._doubtful.append(ended)
        else:
            await self._end(ended)

    async def _end(self, ended: EndedSearch) -> None:
        is_tracked = self._context.hunting.track_outcomes
        outcome = await self._services.searches.command_over(
            self._context.lease, ended.search_id, ended.command, is_tracked=is_tracked
        )
        log.info("search ended", command_id=ended.command.command_id, outcome=outcome)

    async def _forgotten(self, search_id: int) -> None:
        await self._services.searches.command_forgotten(
            self._context.lease, search_id, is_tracked=self._context.hunting.track_outcomes
        )

    def _drop(self, is_lost: Callable[[InFlight], bool]) -> None:
        self._in_flight = {command_id: search for command_id, search in self._in_flight.items() if not is_lost(search)}

    def _is_late(self, search: InFlight) -> bool:
        return self._services.timing.monotonic() - search.sent_at > self._context.hunting.command_timeout_minutes * 60


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

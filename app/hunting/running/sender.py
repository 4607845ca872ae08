"""Sending searches: at most once each, at most two out at a time, with the gap that the user asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import Command, CommandStatus, HuntPass, SearchTarget
from app.core.clock import Clock
from app.hunting.selection.candidates import search_target, target_of
from app.hunting.selection.policy import Decision, Reason
from app.hunting.selection.selector import Evaluated, Selected
from app.hunting.store.lease import FencedLease
from app.hunting.store.models import Outcome, Search
from app.hunting.store.reasons import HuntReason
from app.hunting.store.searches import SearchStore
from app.settings.hunting import HuntingSettings

log = structlog.get_logger(__name__)

MAX_OUT = 2
MAX_NAP = 5.0
POLLS_THAT_MAY_FAIL = 4
CLOCK_SKEW = timedelta(minutes=5)
SEND_SECONDS = 20 * 60
"""For so long a hunt sends searches,"""
HUNT_SECONDS = 27 * 60
"""and for so long it waits for their ends: less than its job may take (`worker/main.py`)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How time passes while a hunt waits: `polls` are the seconds between looks at the app's commands."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    polls: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 15.0)


@dataclass
class Sent:
    """What became of the choices of one pass: how many went out, which did not and why, what stopped it."""

    searched: set[str] = field(default_factory=set)
    """Keys of what the app searches, or may be searching."""
    left: list[Evaluated] = field(default_factory=list)
    stop: HuntReason | None = None
    trouble: ArrError | None = None


@dataclass(slots=True)
class InFlight:
    """A search that the app is working on."""

    search_id: int
    sent_at: float
    """By the clock of the pace, that nobody sets."""
    misses: int = 0


class SearchSender:
    """Sends the searches of one hunt, over all its passes, and follows them to their end."""

    def __init__(
        self,
        client: ArrClient,
        ledger: SearchStore,
        lease: FencedLease,
        hunting: HuntingSettings,
        *,
        clock: Clock,
        pace: Timing,
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._lease = lease
        self._hunting = hunting
        self._clock = clock
        self._pace = pace
        self._began = pace.monotonic()
        self._out: dict[int, InFlight] = {}
        self._last_sent: float | None = None
        self._last_look = 0.0
        self._looks = 0
        self._failed_looks = 0
        self._blind: ArrError | None = None
        self._is_cancelled = False

    async def send(self, hunt_pass: HuntPass, choices: Sequence[Selected]) -> Sent:
        """Send one search after the other until the list, the caps, the time or the app's patience ends."""
        sent = Sent()
        for number, choice in enumerate(choices):
            await self._make_room()
            sent.trouble = self._blind
            if sent.trouble is not None:
                sent.left += _left(choices[number:], Reason.CANCELLED)
                break
            if self._age >= SEND_SECONDS:
                sent.left += _left(choices[number:], Reason.BATCH_FULL)
                break
            reserved = await self._ledger.reserve(self._lease, hunt_pass, choice, self._hunting)
            if isinstance(reserved, HuntReason):
                sent.stop = reserved
                is_cap = reserved in (HuntReason.HOURLY_CAP, HuntReason.DAILY_CAP)
                sent.left += _left(choices[number:], Reason.CAP if is_cap else Reason.CANCELLED)
                break
            await self._send_one(reserved, choice, sent)
            if sent.trouble is not None:
                sent.left += _left(choices[number + 1 :], Reason.CANCELLED)
                break
        return sent

    async def drain(self) -> None:
        """Wait for the end of what is out, as long as a command is waited for; the rest is settled later.

        Nobody waits for a hunt that was cancelled: what the app has not begun is taken back.
        """
        while self._out and self._age < HUNT_SECONDS:
            self._is_cancelled = self._is_cancelled or await self._ledger.is_cancelled(self._lease.hunt_id)
            if self._is_cancelled:
                await self._take_back()
                return
            await self._look_around()

    async def _take_back(self) -> None:
        """Cancel the commands that the app has not begun yet; what was never searched gives its units back."""
        for command_id, out in list(self._out.items()):
            try:
                gone = await self._client.cancel(command_id)
            except ArrError as failure:
                log.warning("command not cancelled", command_id=command_id, error=failure.message)
                continue
            if gone:
                del self._out[command_id]
                await self._ledger.withdrawn(self._lease, out.search_id)

    async def settle(self, searches: Sequence[Search]) -> None:
        """Find out what became of searches whose worker died: adopt their command, or let them be `unknown`."""
        commands = await self._client.commands()
        taken = await self._ledger.adopted(self._lease.instance_id)
        by_id = {command.command_id: command for command in commands}
        for search in searches:
            search_id = search.id or 0
            if search.outcome == Outcome.PENDING:
                await self._settle_pending(search, by_id.get(search.command_id or 0))
                continue
            found = _newest(commands, _target_of(search), since=search.searched_at, taken=taken)
            if found is None:
                await self._ledger.unclear(self._lease, search_id, "The worker ended while sending it.")
                continue
            taken.add(found.command_id)
            await self._ledger.accepted(self._lease, search_id, found)
            self._out[found.command_id] = InFlight(search_id, self._when(search.searched_at))
            await self._note(found)

    async def _settle_pending(self, search: Search, command: Command | None) -> None:
        if search.command_id is None or command is None:
            is_tracked = self._hunting.track_outcomes
            await self._ledger.command_forgotten(self._lease, search.id or 0, is_tracked=is_tracked)
            return
        self._out[search.command_id] = InFlight(search.id or 0, self._when(search.searched_at))
        await self._note(command)

    async def _send_one(self, search_id: int, choice: Selected, sent: Sent) -> None:
        target, began_at = target_of(choice.candidate), self._clock()
        try:
            command = await self._client.search(target)
        except ArrError as failure:
            sent.trouble = failure  # also when the app runs it all the same: there is no second POST into trouble
            found = await self._after_failure(search_id, target, failure, began_at)
            if failure.may_have_reached:
                sent.searched.add(choice.candidate.key)
            if found is None:
                return
            command = found
        finally:
            self._last_sent = self._pace.monotonic()
            self._looks = 0
        await self._ledger.accepted(self._lease, search_id, command)
        self._out[command.command_id] = InFlight(search_id, self._pace.monotonic())
        log.info("search sent", media_key=choice.candidate.key, unit=target.unit, command_id=command.command_id)
        sent.searched.add(choice.candidate.key)
        await self._note(command)

    async def _after_failure(
        self, search_id: int, target: SearchTarget, failure: ArrError, began_at: datetime
    ) -> Command | None:
        """The command, if the app runs it although its answer was lost; else the books are closed."""
        log.warning("search not sent", search_id=search_id, error=failure.message)
        if failure.may_have_reached:
            return await self._find_sent(search_id, target, began_at)
        await self._ledger.refused(self._lease, search_id, failure.message)
        return None

    async def _find_sent(self, search_id: int, target: SearchTarget, began_at: datetime) -> Command | None:
        """The command whose answer we never got; if it is not there, the search is better lost than doubled."""
        message = "The connection broke while the search was sent, and the app does not show it."
        try:
            commands = await self._client.commands()
        except ArrError as failure:
            commands = []
            message = f"The connection broke while the search was sent: {failure.message}"
        taken = await self._ledger.adopted(self._lease.instance_id)
        found = _newest(commands, target, since=began_at, taken=taken)
        if found is None:
            await self._ledger.unclear(self._lease, search_id, message)
        return found

    async def _make_room(self) -> None:
        """Wait for the gap, and until fewer than two searches are out."""
        if self._last_sent is None:
            before = await self._ledger.last_reserved_at(self._lease.instance_id)
            self._last_sent = self._when(before) if before is not None else None
        if self._last_sent is not None:
            await self._nap_until(self._last_sent + self._hunting.min_gap_seconds)
        while len(self._out) >= MAX_OUT and self._age < SEND_SECONDS and not self._is_cancelled:
            await self._look_around()

    async def _nap_until(self, moment: float) -> None:
        """Sleep, but not through a cancellation."""
        while (rest := moment - self._pace.monotonic()) > 0 and not self._is_cancelled:
            await self._pace.sleep(min(rest, MAX_NAP))
            if rest > MAX_NAP:
                self._is_cancelled = await self._ledger.is_cancelled(self._lease.hunt_id)

    async def _look_around(self) -> None:
        """One `GET command` tells of all that are out; asked ever more rarely while nothing ends."""
        wait = self._pace.polls[min(self._looks, len(self._pace.polls) - 1)]
        await self._nap_until(max(self._last_sent or 0.0, self._last_look) + wait)
        self._last_look, self._looks = self._pace.monotonic(), self._looks + 1
        if self._is_cancelled:
            return
        try:
            commands = {one.command_id: one for one in await self._client.commands()}
            self._failed_looks = 0
        except ArrError as failure:
            self._failed_looks += 1
            log.warning("commands not read", error=failure.message)
            if self._failed_looks >= POLLS_THAT_MAY_FAIL:
                self._blind = failure
            self._give_up_on(lambda out: self._blind is not None or self._is_late(out))
            return
        for command_id, out in list(self._out.items()):
            if command_id in commands:
                await self._note(commands[command_id])
            else:
                out.misses += 1
        self._give_up_on(lambda out: out.misses > 1 or self._is_late(out))

    async def _note(self, command: Command) -> None:
        out = self._out.get(command.command_id)
        if out is None or not command.status.is_over:
            return
        del self._out[command.command_id]
        self._looks = 0
        if command.status is CommandStatus.CANCELLED:
            await self._ledger.withdrawn(self._lease, out.search_id)
            return
        outcome = await self._ledger.command_over(
            self._lease, out.search_id, command, is_tracked=self._hunting.track_outcomes
        )
        log.info("search ended", command_id=command.command_id, outcome=outcome)

    def _give_up_on(self, is_lost: Callable[[InFlight], bool]) -> None:
        """Stop waiting; the search stays `pending` in the books and is settled by a later look."""
        self._out = {command_id: out for command_id, out in self._out.items() if not is_lost(out)}

    def _is_late(self, out: InFlight) -> bool:
        return self._pace.monotonic() - out.sent_at > self._hunting.command_timeout_minutes * 60

    @property
    def _age(self) -> float:
        return self._pace.monotonic() - self._began

    def _when(self, moment: datetime) -> float:
        """A time of day by the clock of the pace."""
        return self._pace.monotonic() - max(0.0, (self._clock() - moment).total_seconds())


def _left(choices: Sequence[Selected], reason: Reason) -> list[Evaluated]:
    return [Evaluated(choice.candidate, Decision(reason)) for choice in choices]


def _newest(commands: Sequence[Command], target: SearchTarget, *, since: datetime, taken: set[int]) -> Command | None:
    """The newest command of this body that was queued after `since` and belongs to no other search."""
    fitting = [
        one
        for one in commands
        if one.target == target
        and one.command_id not in taken
        and (one.queued_at is None or one.queued_at >= since - CLOCK_SKEW)
    ]
    return max(fitting, key=lambda one: one.command_id, default=None)


def _target_of(search: Search) -> SearchTarget:
    return search_target(search.unit, search.item_id, search.owner_id, search.season)

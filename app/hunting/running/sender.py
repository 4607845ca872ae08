"""Sending searches: at most once each, at most two in flight, with the gap that the user asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import Command, HuntPass, SearchTarget
from app.hunting.running.commands import CommandTracker
from app.hunting.running.context import HuntContext, RunningServices
from app.hunting.selection.candidates import target_of
from app.hunting.selection.policy import Decision, Reason
from app.hunting.selection.selector import Evaluated, Selected
from app.hunting.store.models import Search
from app.hunting.store.reasons import HuntReason

log = structlog.get_logger(__name__)

MAX_IN_FLIGHT = 2
MAX_SLEEP_SECONDS = 5.0
MAX_REFUSALS = 3
"""So many refused items in one pass are an error of the app."""
INTERNAL_ERROR = 500
LEFT_BY = {
    HuntReason.HOURLY_CAP: Reason.CAP,
    HuntReason.DAILY_CAP: Reason.CAP,
    HuntReason.BUDGET: Reason.BUDGET,
}
"""The decision on what is not sent any more, by what stopped the sending; else it is `cancelled`."""
SEND_SECONDS = 20 * 60
"""How long a hunt sends searches."""
HUNT_SECONDS = 27 * 60
"""How long a hunt waits for the end of its searches: less than its job may take (`worker/main.py`)."""


@dataclass
class Sent:
    """What became of the choices of one pass."""

    searched: set[str] = field(default_factory=set)
    """Keys of what the app searches, or may be searching."""
    refusals: list[str] = field(default_factory=list)
    """Why the app refused single items."""
    left: list[Evaluated] = field(default_factory=list)
    """What was not sent, and why."""
    stop: HuntReason | None = None
    """Why no further search may be sent."""
    trouble: ArrError | None = None
    """The failure of the app after which nothing more was sent."""


class SearchSender:
    """Sends the searches of one hunt, over all its passes, and waits for their ends."""

    def __init__(self, services: RunningServices, context: HuntContext, client: ArrClient) -> None:
        self._services = services
        self._context = context
        self._client = client
        self._push = services.push_channel(client, context.hunting)
        self._commands = CommandTracker(services, context, client, self._push)
        self._started_at = services.timing.monotonic()
        self._last_sent_at: float | None = None
        self._last_read_at = 0.0
        self._is_cancelled = False
        self._has_budget = bool(context.budget.budgets)

    async def settle(self, searches: Sequence[Search]) -> None:
        """Find out what became of searches that an earlier worker left behind."""
        await self._commands.settle(searches)

    async def send(self, hunt_pass: HuntPass, choices: Sequence[Selected]) -> Sent:
        """Send one search after the other until the list, the caps or the time ends, or the app refuses one."""
        sent = Sent()
        for number, choice in enumerate(choices):
            await self._wait_for_turn()
            if len(choices) > 1:  # one search is asked for with one request too
                await self._push.open()
            sent.trouble = self._commands.unreadable
            if self.is_without_indexers:
                sent.stop = HuntReason.NO_INDEXERS
            if sent.trouble is not None or sent.stop is not None:
                sent.left += _left(choices[number:], Reason.CANCELLED)
                break
            if self._age_seconds >= SEND_SECONDS:
                sent.left += _left(choices[number:], Reason.BATCH_FULL)
                break
            reserved = await self._services.searches.reserve(
                self._context.lease, hunt_pass, choice, self._context.hunting, self._has_budget
            )
            if isinstance(reserved, HuntReason):
                sent.stop = reserved
                sent.left += _left(choices[number:], LEFT_BY.get(reserved, Reason.CANCELLED))
                break
            await self._send(reserved, choice, sent)
            if sent.trouble is not None:
                sent.left += _left(choices[number + 1 :], Reason.CANCELLED)
                break
        return sent

    @property
    def is_without_indexers(self) -> bool:
        """Whether the app had no indexer to search with."""
        return self._commands.is_without_indexers

    async def drain(self) -> None:
        """Wait for the end of what is in flight, and find out whether the app searched at all."""
        await self._wait_for_ends()
        await self._commands.confirm()

    async def close(self) -> None:
        await self._push.close()

    async def _wait_for_ends(self) -> None:
        """Up to a limit; the rest is settled later.

        A hunt that was cancelled does not wait: it cancels the commands that the app has not begun.
        """
        while self._commands.in_flight and self._age_seconds < HUNT_SECONDS:
            self._is_cancelled = self._is_cancelled or await self._services.followed.is_cancelled(
                self._context.lease.hunt_id
            )
            if self._is_cancelled:
                await self._commands.cancel()
                return
            await self._poll()

    async def _send(self, search_id: int, choice: Selected, sent: Sent) -> None:
        target, started_at = target_of(choice.candidate), self._services.clock()
        command: Command | None
        try:
            command = await self._client.search(target)
        except ArrError as failure:
            log.warning("search not sent", media_key=choice.candidate.key, error=failure.message)
            if not failure.may_have_reached:
                await self._refused(search_id, failure, sent)
                return
            sent.trouble = failure  # also when the app runs it all the same: there is no second POST into trouble
            sent.searched.add(choice.candidate.key)
            command = await self._find_sent(search_id, target, started_at)
        finally:
            self._last_sent_at = self._services.timing.monotonic()
            self._commands.idle_reads = 0
        if command is None:
            return
        sent.searched.add(choice.candidate.key)
        log.info("search sent", media_key=choice.candidate.key, unit=target.unit, command_id=command.command_id)
        await self._commands.accepted(search_id, command, self._last_sent_at)

    async def _refused(self, search_id: int, failure: ArrError, sent: Sent) -> None:
        """An error of the item costs the item, and the next one goes on; an error of the app ends the sending.

        A failure inside the app may be either: it costs both.
        """
        costs_item = failure.is_of_item or failure.http_status == INTERNAL_ERROR
        await self._services.searches.refused(self._context.lease, search_id, failure.message, costs_item=costs_item)
        if failure.is_of_item and len(sent.refusals) < MAX_REFUSALS - 1:
            sent.refusals.append(failure.message)
        else:
            sent.trouble = failure

    async def _find_sent(self, search_id: int, target: SearchTarget, started_at: datetime) -> Command | None:
        """The command whose answer was lost; if it is not there, the search is better lost than sent twice."""
        message = "The connection broke while the search was sent, and the app does not show it."
        try:
            command = await self._commands.find(target, started_at)
        except ArrError as failure:
            command = None
            message = f"The connection broke while the search was sent: {failure.message}"
        if command is None:
            await self._services.searches.unclear(self._context.lease, search_id, message)
        return command

    async def _wait_for_turn(self) -> None:
        """Wait for the gap, and until fewer than two searches are in flight."""
        if self._last_sent_at is None:
            before = await self._services.followed.last_reserved_at(self._context.lease.instance_id)
            self._last_sent_at = self._commands.monotonic_of(before) if before is not None else None
        if self._last_sent_at is not None:
            await self._sleep_until(self._last_sent_at + self._context.hunting.min_gap_seconds)
        while self._commands.in_flight >= MAX_IN_FLIGHT and self._age_seconds < SEND_SECONDS and not self._is_cancelled:
            await self._poll(until_one_ends=True)
        await self._commands.confirm_first()

    async def _poll(self, *, until_one_ends: bool = False) -> None:
        """Ask for the commands when one should be over, and then ever more rarely while none of them ends.

        While the push channel is open it tells that; then they are asked for rarely, and at once when it is lost.
        """
        timing, was_open, idle = self._services.timing, self._push.is_open, self._commands.idle_reads
        polls = [timing.push] if was_open and timing.push is not None else timing.polls
        usual_seconds = min(max(await self._commands.usual_seconds(), polls[0]), polls[-1])
        moment = self._commands.oldest_sent_at + usual_seconds
        if idle:
            moment = max(moment, self._last_read_at + polls[min(idle, len(polls)) - 1])
        is_lost = False
        while not is_lost and not self._is_cancelled and timing.monotonic() < moment:
            await self._sleep_until(moment, while_open=was_open)
            if await self._commands.take_pushed():
                return
            is_lost = was_open and not self._push.is_open
        self._last_read_at = timing.monotonic()
        if not self._is_cancelled:
            due = self._last_read_at - (0.0 if is_lost else usual_seconds)
            await self._commands.read(sent_before=due, until_one_ends=until_one_ends)

    async def _sleep_until(self, moment: float, *, while_open: bool = False) -> None:
        """Sleep until `moment` of the monotonic clock, or until the hunt is cancelled.

        `while_open`: no longer than until the push channel tells something or is lost.
        """
        while (rest := moment - self._services.timing.monotonic()) > 0 and not self._is_cancelled:
            nap = min(rest, MAX_SLEEP_SECONDS)
            if not while_open:
                await self._services.timing.sleep(nap)
            elif not self._push.is_open or await self._push.wait(nap):
                return
            if rest > MAX_SLEEP_SECONDS:
                self._is_cancelled = await self._services.followed.is_cancelled(self._context.lease.hunt_id)

    @property
    def _age_seconds(self) -> float:
        return self._services.timing.monotonic() - self._started_at


def _left(choices: Sequence[Selected], reason: Reason) -> list[Evaluated]:
    return [Evaluated(choice.candidate, Decision(reason)) for choice in choices]

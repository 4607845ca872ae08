"""Looking after an instance between its hunts: what came of its searches, and what changed in the app.

Rationed: a look every five minutes asks for the history, when a search waits for it, and for one thing more only
every ten minutes. That makes three requests in ten minutes at most, whatever the library. An app that tells by itself
that something happened is asked for its history at once, and then at most once a minute.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import HistoryEvent
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.running.changes import ChangeDetector
from app.hunting.running.claims import Claims, HuntContext
from app.hunting.running.sender import SearchSender, Timing
from app.hunting.selection.candidates import AppHierarchy, item_key
from app.hunting.store.lease import LeaseLost, Leases, check_fence
from app.hunting.store.models import HuntState
from app.hunting.store.outcomes import KeyedEvent, from_history
from app.hunting.store.searches import SearchStore
from app.hunting.store.tracking import FOLLOW_UP_AFTER, Open, OutcomeTracker

log = structlog.get_logger(__name__)

REST_BETWEEN_LOOKS = timedelta(minutes=10)
BETWEEN_READS = timedelta(minutes=1)
A_MOMENT = timedelta(seconds=1)

Ask = Callable[[HuntContext, ArrClient], Awaitable[None]]


class FollowUp:
    """Follows searches up; one for each worker process."""

    def __init__(
        self,
        db: Database,
        http: ArrHttp,
        claims: Claims,
        leases: Leases,
        ledger: SearchStore,
        tracker: OutcomeTracker,
        changes: ChangeDetector,
        clock: Clock,
        *,
        pace: Timing | None = None,
    ) -> None:
        self._db = db
        self._http = http
        self._claims = claims
        self._leases = leases
        self._ledger = ledger
        self._tracker = tracker
        self._changes = changes
        self._clock = clock
        self._pace = pace or Timing()

    async def run(self, instance_id: int) -> None:
        """One look, unless a hunt is at the instance; safe to call any number of times."""
        await self._held(instance_id, self._ask)

    async def read(self, instance_id: int) -> None:
        """A look at the history and at nothing else, because the app told that something happened."""
        async with self._db.reading() as session:
            hunt_state = await session.get(HuntState, instance_id)
        last = hunt_state.followed_up_at if hunt_state is not None else None
        now = self._clock()
        if last is None or not now - BETWEEN_READS + A_MOMENT < last <= now:
            await self._held(instance_id, self._read_what_was_told)

    async def _held(self, instance_id: int, ask: Ask) -> None:
        with suppress(LeaseLost):
            async with self._leases.hold(instance_id) as is_ours:
                context = await self._claims.follow_up(instance_id) if is_ours else None
                if context is not None:
                    with structlog.contextvars.bound_contextvars(
                        instance_id=instance_id, app_type=context.lease.app_type
                    ):
                        await self._look(context, ask)

    async def _look(self, context: HuntContext, ask: Ask) -> None:
        await self._tracker.give_up(context.lease)
        try:
            if context.app.is_known:
                await ask(context, context.app.client(self._http))
        except ArrError as failure:
            log.warning("follow-up put off", error=failure.message)
            if failure.ends_all:
                await self._claims.app_failed(context, failure)
        await self._plan_next(context)

    async def _ask(self, context: HuntContext, client: ArrClient) -> None:
        now, instance_id = self._clock(), context.lease.instance_id
        looked_at = await self._changes.looked_at(instance_id)
        if looked_at is None or abs(now - looked_at) >= REST_BETWEEN_LOOKS:
            searches = await self._ledger.unsettled(instance_id)
            if searches:
                await self._changes.note_look(context.lease)
                sender = SearchSender(
                    client, self._ledger, context.lease, context.hunting, clock=self._clock, pace=self._pace
                )
                await sender.settle(searches)
            else:
                await self._changes.look(context.lease, client)
        waiting = await self._tracker.open(instance_id)
        if waiting.waits:
            await self._read_history(context, client, waiting)

    async def _read_what_was_told(self, context: HuntContext, client: ArrClient) -> None:
        """Also when only what failed is left: the app may have imported it after all."""
        waiting = await self._tracker.open(context.lease.instance_id)
        if waiting.tracked:
            await self._read_history(context, client, waiting)

    async def _read_history(self, context: HuntContext, client: ArrClient, waiting: Open) -> None:
        if not context.hunting.track_outcomes:
            return
        instance_id = context.lease.instance_id
        since = await self._since(instance_id, waiting.began_at)
        events = await client.history_since(since)
        findings = from_history(waiting.tracked, named(events, AppHierarchy.of(client)))
        await self._tracker.note_history(context.lease, findings, max((one.at for one in events), default=None))
        log.info("history read", events=len(events), settled=len(findings.results))

    async def _since(self, instance_id: int, began_at: datetime | None) -> datetime:
        """From the last event that was read, or from the first search that may have led to a grab since then."""
        newest = await self._tracker.newest_event(instance_id)
        known = [at for at in (newest, began_at) if at is not None]
        return min(known, default=self._clock() - FOLLOW_UP_AFTER)

    async def _plan_next(self, context: HuntContext) -> None:
        """In five minutes while something is open, else when the app is to be looked at for changes."""
        now = self._clock()
        waiting = await self._tracker.open(context.lease.instance_id)
        is_open = waiting.waits and context.hunting.track_outcomes
        is_open = is_open or bool(await self._ledger.unsettled(context.lease.instance_id))
        next_look = await self._changes.next_look(context.lease.instance_id, now)
        async with self._db.session() as session:
            hunt_state = await check_fence(session, context.lease.instance_id, context.lease.fence)
            planned = now + FOLLOW_UP_AFTER if is_open else max(next_look, now + FOLLOW_UP_AFTER)
            told = hunt_state.follow_up_at
            # A look that the app's own call asked for, meanwhile or for a minute from now, stays planned.
            is_told = told is not None and now + A_MOMENT < told < planned
            hunt_state.follow_up_at = told if is_told else planned
            hunt_state.followed_up_at = now


def named(events: Iterable[HistoryEvent], hierarchy: AppHierarchy) -> list[KeyedEvent]:
    """Each event with the keys of the searches that may have led to it."""
    found = []
    for event in events:
        parents = hierarchy.parents(event.owner_id, event.season)
        found.append(KeyedEvent(event, (item_key(hierarchy.item, event.item_id), *parents)))
    return found

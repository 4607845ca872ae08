"""Looking after an instance between its hunts: what came of its searches, and what changed in the app.

Rationed: every five minutes the history is read, if a search waits for it, and every ten minutes one thing more is
asked. That makes three requests in ten minutes at most, whatever the library, unless the history grew by more than a
page meanwhile. An app that calls our webhook is asked
for its history at once, and then at most once a minute.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import HistoryEvent
from app.hunting.running.changes import ChangeDetector
from app.hunting.running.claims import Claims
from app.hunting.running.commands import CommandTracker
from app.hunting.running.context import InstanceContext, RunningServices
from app.hunting.running.history_reader import HistoryReader
from app.hunting.selection.candidates import AppHierarchy, item_key
from app.hunting.store.followed import OpenSearches
from app.hunting.store.lease import LeaseLost, fenced
from app.hunting.store.models import HuntState
from app.hunting.store.outcomes import KeyedEvent, from_history
from app.hunting.store.searches import FOLLOW_UP_AFTER

log = structlog.get_logger(__name__)

BETWEEN_PROBES = timedelta(minutes=10)
BETWEEN_READS = timedelta(minutes=1)
TOLERANCE = timedelta(seconds=1)
SETTLED_AT_ONCE = 1

Probe = Callable[[InstanceContext, ArrClient], Awaitable[None]]


class FollowUp:
    """Follows searches up; one for each worker process."""

    def __init__(self, services: RunningServices, claims: Claims, changes: ChangeDetector) -> None:
        self._services = services
        self._claims = claims
        self._changes = changes
        self._db = services.db
        self._clock = services.clock
        self._searches = services.searches
        self._followed = services.followed
        self._history = HistoryReader()

    async def run(self, instance_id: int) -> None:
        """One follow-up, unless a hunt is open at the instance; safe to call any number of times."""
        await self._claimed(instance_id, self._probe)

    async def read(self, instance_id: int) -> None:
        """Read the history and nothing else, because the app called our webhook."""
        async with self._db.reading() as session:
            hunt_state = await session.get(HuntState, instance_id)
        last = hunt_state.followed_up_at if hunt_state is not None else None
        now = self._clock()
        if last is None or not now - BETWEEN_READS + TOLERANCE < last <= now:
            await self._claimed(instance_id, self._read_after_webhook)

    async def _claimed(self, instance_id: int, probe: Probe) -> None:
        with suppress(LeaseLost):
            async with self._services.leases.hold(instance_id) as is_ours:
                context = await self._claims.follow_up(instance_id) if is_ours else None
                if context is not None:
                    app_type = context.lease.app_type
                    with structlog.contextvars.bound_contextvars(instance_id=instance_id, app_type=app_type):
                        await self._follow_up(context, probe)

    async def _follow_up(self, context: InstanceContext, probe: Probe) -> None:
        await self._searches.give_up(context.lease)
        try:
            if context.app.is_known:
                await probe(context, context.app.client(self._services.http))
        except ArrError as failure:
            log.warning("follow-up put off", error=failure.message)
            if failure.ends_all:
                await self._claims.app_failed(context, failure)
        await self._plan_next(context)

    async def _probe(self, context: InstanceContext, client: ArrClient) -> None:
        now, instance_id = self._clock(), context.lease.instance_id
        probed_at = await self._changes.probed_at(instance_id)
        if probed_at is None or abs(now - probed_at) >= BETWEEN_PROBES:
            searches = await self._followed.unsettled(instance_id)
            if searches:
                await self._changes.note_probe(context.lease)
                tracker = CommandTracker(self._services, context, client)
                await tracker.settle(searches[:SETTLED_AT_ONCE])
                await tracker.confirm()
            else:
                await self._changes.probe(context.lease, client)
        waiting = await self._followed.open(instance_id)
        if waiting.is_waiting:
            await self._read_history(context, client, waiting)

    async def _read_after_webhook(self, context: InstanceContext, client: ArrClient) -> None:
        """Also when only failed searches are left: the app may have imported one after all."""
        waiting = await self._followed.open(context.lease.instance_id)
        if waiting.tracked:
            await self._read_history(context, client, waiting)

    async def _read_history(self, context: InstanceContext, client: ArrClient, waiting: OpenSearches) -> None:
        """Settle what can be settled, once all that is new was read: the begin of a download explains its end."""
        if not context.hunting.track_outcomes:
            return
        since = await self._since(context.lease.instance_id, waiting)
        events = await self._history.read(context.lease.instance_id, client, since)
        if events is None:
            log.info("history read in part", since=since)
            return
        findings = from_history(waiting.tracked, keyed(events, AppHierarchy.of(client)))
        newest = max((event.at for event in events), default=None)
        await self._searches.settle_by_history(context.lease, findings, newest)
        log.info("history read", events=len(events), settled=len(findings.results))

    async def _since(self, instance_id: int, waiting: OpenSearches) -> datetime:
        """From the last event that was read, or from the first search that may have led to a grab since then; never
        from before the oldest search that is followed."""
        read_to = await self._followed.history_read_to(instance_id)
        known = [at for at in (read_to, waiting.began_at) if at is not None]
        since = min(known, default=self._clock() - FOLLOW_UP_AFTER)
        return since if waiting.oldest_at is None else max(since, waiting.oldest_at)

    async def _plan_next(self, context: InstanceContext) -> None:
        """In five minutes while a search is open, else when the next probe for changes is due."""
        now, instance_id = self._clock(), context.lease.instance_id
        waiting = await self._followed.open(instance_id)
        is_open = waiting.is_waiting and context.hunting.track_outcomes
        is_open = is_open or bool(await self._followed.unsettled(instance_id))
        next_probe_at = await self._changes.next_probe_at(instance_id, now)
        async with fenced(self._db, context.lease) as (_, hunt_state):
            planned = now + FOLLOW_UP_AFTER if is_open else max(next_probe_at, now + FOLLOW_UP_AFTER)
            earlier = hunt_state.follow_up_at
            # An earlier follow-up that a webhook call asked for meanwhile stays planned.
            is_asked_for = earlier is not None and now + TOLERANCE < earlier < planned
            hunt_state.follow_up_at = earlier if is_asked_for else planned
            hunt_state.followed_up_at = now


def keyed(events: Iterable[HistoryEvent], hierarchy: AppHierarchy) -> list[KeyedEvent]:
    """Each event with the keys of the searches that may have led to it."""
    found = []
    for event in events:
        parents = hierarchy.parents(event.owner_id, event.season)
        found.append(KeyedEvent(event, (item_key(hierarchy.item, event.item_id), *parents)))
    return found

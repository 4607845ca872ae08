"""One hunt from its first gate to its last search; the worker's only way into the engine."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import AppDatabase, HuntPass
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Unavailable
from app.counters.rollup import count, count_hunt
from app.events.outbox import record_event
from app.hunting.running.claims import Claims, HuntContext
from app.hunting.running.gates import by_queue, queue_unreadable
from app.hunting.running.sender import SearchSender, Sent, Timing
from app.hunting.selection.app_reader import AppReader, QueueFacts, ReadTarget, SelectionServices
from app.hunting.selection.policy import Reason
from app.hunting.store.events import HuntBroadcaster, hunt_ended
from app.hunting.store.lease import LeaseLost, Leases, check_fence, check_fence_of_state
from app.hunting.store.models import OPEN, Hunt, HuntStatus
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.hunting.store.searches import SearchStore
from app.hunting.store.tracking import OutcomeTracker
from app.instances import health

log = structlog.get_logger(__name__)


@dataclass
class Tally:
    """What the passes of a hunt came to."""

    searches: int = 0
    pretended: int = 0
    """Searches that a dry run would have sent."""
    pretended_units: int = 0
    errors: int = 0
    closed: EarlyEnd | None = None
    message: str | None = None
    is_over: bool = False

    def failed(self, message: str) -> None:
        self.errors += 1
        self.message = self.message or message


class HuntRunner:
    """Runs hunts; one for each worker process."""

    def __init__(
        self,
        db: Database,
        http: ArrHttp,
        claims: Claims,
        leases: Leases,
        ledger: SearchStore,
        tracker: OutcomeTracker,
        selection: SelectionServices,
        ticker: HuntBroadcaster,
        clock: Clock,
        *,
        pace: Timing | None = None,
        rng: Callable[[], random.Random] = random.Random,
    ) -> None:
        self._db = db
        self._http = http
        self._claims = claims
        self._leases = leases
        self._ledger = ledger
        self._tracker = tracker
        self._selection = selection
        self._ticker = ticker
        self._clock = clock
        self._pace = pace or Timing()
        self._rng = rng

    async def run(self, hunt_id: int) -> None:
        """Run the hunt if it is still to do and nobody else is at its instance; safe to call any number of times."""
        async with self._db.reading() as session:
            hunt = await session.get(Hunt, hunt_id)
        if hunt is None or hunt.status not in OPEN:
            return
        if hunt.instance_id is None:
            await self._abandon(hunt_id)
            return
        with suppress(LeaseLost):
            async with self._leases.hold(hunt.instance_id) as is_ours:
                if is_ours:
                    await self._run_held(hunt_id, hunt.instance_id)

    async def _run_held(self, hunt_id: int, instance_id: int) -> None:
        context = await self._claims.hunt(hunt_id, instance_id)
        if context is None:
            return
        with structlog.contextvars.bound_contextvars(
            hunt_id=hunt_id, instance_id=context.lease.instance_id, app_type=context.lease.app_type
        ):
            log.info("hunt started", trigger=context.trigger)
            await self._ticker.queue_changed()
            tally = Tally(closed=context.closed)
            try:
                if context.closed is None:
                    await self._hunt(context, tally)
            except ArrError as failure:
                await self._app_failed(context, failure, tally)
            except LeaseLost:
                raise
            except Unavailable as failure:
                # As if the worker had died: the hunt stays open, and whoever takes it up finds out what was sent.
                log.warning("hunt is interrupted", error=failure.message)
                return
            except Exception:
                log.exception("hunt failed")
                tally.failed("An internal error ended the hunt; the log tells more.")
                tally.is_over = True
            await self._finish(context, tally)

    async def _hunt(self, context: HuntContext, tally: Tally) -> None:
        app = await self._claims.identified(context)
        client = app.client(self._http)
        sender = SearchSender(client, self._ledger, context.lease, context.hunting, clock=self._clock, pace=self._pace)
        await self._settle(context, sender)
        survey = self._survey(context, client, app.database or AppDatabase.SQLITE)
        queue = await self._queue(context, survey, tally)
        if tally.closed is not None:
            return
        gone: ArrError | None = None
        try:
            for hunt_pass in context.passes:
                if not tally.is_over and survey.refusal(hunt_pass) is None:
                    await self._pass(context, hunt_pass, survey, sender, queue, tally)
        except ArrError as failure:
            gone = failure
        await sender.drain()
        if gone is not None:
            raise gone
        await self._tag(context, survey)

    def _survey(self, context: HuntContext, client: ArrClient, database: AppDatabase) -> AppReader:
        return AppReader(
            ReadTarget(context.lease.instance_id, client, context.app.connection.url, database, context.hunting),
            self._selection,
            now=self._clock(),
            rng=self._rng(),
            pretends=context.dry_run,
        )

    async def _pass(
        self,
        context: HuntContext,
        hunt_pass: HuntPass,
        survey: AppReader,
        sender: SearchSender,
        queue: QueueFacts,
        tally: Tally,
    ) -> None:
        batch = await self._batch(context, hunt_pass, tally)
        if batch <= 0:
            return
        async with self._db.reading() as session:
            left = (await self._ledger.caps(session, context.lease.instance_id, context.hunting)).left
        left = left if left is None else max(0, left - tally.pretended_units)
        try:
            selection, walk = await survey.select(hunt_pass, queue=queue, batch=batch, left=left)
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("pass failed", hunt_pass=hunt_pass, error=failure.message)
            tally.failed(f"{hunt_pass}: {failure.message}")
            return
        judged = [one for one in selection.evaluated if context.dry_run or one.decision.reason is not Reason.SEARCH]
        cursor = None
        if context.dry_run:
            tally.pretended += len(selection.selected)
            tally.pretended_units += selection.units
        else:
            await survey.with_files(hunt_pass, selection)
            await self._ticker.progress(
                context.lease,
                hunt_pass=hunt_pass,
                searched=tally.searches,
                planned=tally.searches + len(selection.selected),
            )
            sent = await sender.send(hunt_pass, selection.selected)
            judged += sent.left
            tally.searches += len(sent.searched)
            cursor = walk.cursor_after(sent.searched, selection.left | {one.candidate.key for one in sent.left})
            await self._after_sending(context, tally, sent)
        await self._ledger.end_pass(context.lease, hunt_pass, judged, cursor, walk.total)

    async def _after_sending(self, context: HuntContext, tally: Tally, sent: Sent) -> None:
        if sent.stop is not None:
            tally.is_over = True
            tally.closed = _stopped(sent.stop)
        if sent.trouble is not None:
            tally.is_over = True
            tally.failed(sent.trouble.message)
            async with self._db.session() as session:
                state, _ = await check_fence_of_state(session, context.lease.instance_id, context.lease.fence)
                health.seen_trouble(state, sent.trouble, self._clock())

    async def _batch(self, context: HuntContext, hunt_pass: HuntPass, tally: Tally) -> int:
        """Searches left to this pass: its batch or the caller's limit, less what was sent, by a dead worker too."""
        batch = context.hunting.of(hunt_pass).batch
        if batch == 0:  # the pass is off, whoever asks
            return 0
        if context.limit is None:
            return batch - await self._ledger.sent_in(context.lease.hunt_id, hunt_pass)
        return context.limit - tally.pretended - await self._ledger.sent_in(context.lease.hunt_id)

    async def _queue(self, context: HuntContext, survey: AppReader, tally: Tally) -> QueueFacts:
        try:
            queue = await survey.queue()
        except ArrError as failure:
            tally.closed = queue_unreadable(failure)
            return QueueFacts()
        if queue.total is not None:
            async with self._db.session() as session:
                hunt_state = await check_fence(session, context.lease.instance_id, context.lease.fence)
                hunt_state.queue_total = queue.total
            await self._tracker.note_queue(context.lease, queue.stuck)
        tally.closed = by_queue(context.hunting, queue)
        return queue

    async def _tag(self, context: HuntContext, survey: AppReader) -> None:
        """Write the user's label onto what this hunt searched, also before its worker died."""
        label = context.hunting.tag_searched
        ids = await self._ledger.searched_owners(context.lease.hunt_id) if label is not None else set()
        if label is None or not ids:
            return
        try:
            await survey.tag(ids, label)
        except ArrError as failure:
            log.warning("searched items not tagged", label=label, error=failure.message)

    async def _settle(self, context: HuntContext, sender: SearchSender) -> None:
        searches = await self._ledger.unsettled(context.lease.instance_id)
        if not searches:
            return
        try:
            await sender.settle(searches)
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("searches not settled", error=failure.message)  # a later look may; it is no reason to stop

    async def _app_failed(self, context: HuntContext, failure: ArrError, tally: Tally) -> None:
        await self._claims.app_failed(context, failure)
        if tally.searches:
            tally.failed(failure.message)
        else:
            reason = HuntReason.OFFLINE if failure.retry_after is None else HuntReason.RESTING
            tally.closed = EarlyEnd(reason, failure.message)

    async def _abandon(self, hunt_id: int) -> None:
        async with self._db.session() as session:
            hunt = await session.get_one(Hunt, hunt_id)
            hunt.status, hunt.reason = HuntStatus.CANCELLED.value, HuntReason.DELETED.value
            hunt.message, hunt.ended_at = "The instance was deleted.", self._clock()
            session.add(hunt)

    async def _finish(self, context: HuntContext, tally: Tally) -> None:
        async with self._db.session() as session:
            hunt_state = await check_fence(session, context.lease.instance_id, context.lease.fence)
            hunt = await session.get_one(Hunt, context.lease.hunt_id)
            hunt.ended_at = self._clock()
            if hunt.cancel_requested and tally.closed is None:
                tally.closed = _stopped(HuntReason.CANCELLED)
            hunt.status = _verdict(hunt, tally).value
            hunt.reason = tally.closed.reason.value if tally.closed else None
            hunt.message = tally.closed.message if tally.closed else tally.message
            if tally.errors and not hunt.errors:  # a failed search was counted when it failed
                await count(session, context.lease.app_type, context.lease.instance_id, self._clock(), errors=1)
            session.add(hunt)
            await count_hunt(session, context.lease.app_type, context.lease.instance_id, hunt.status, hunt.took_seconds)
            await record_event(session, hunt_ended(hunt, hunt_state.next_hunt_at), self._clock())
        await self._ticker.queue_changed()
        log.info("hunt ended", status=hunt.status, reason=hunt.reason, searched=hunt.searched)


def _stopped(reason: HuntReason) -> EarlyEnd:
    """Why a running hunt sends no further search."""
    messages = {HuntReason.CANCELLED: "It was cancelled.", HuntReason.PAUSED: "All hunting was paused."}
    return EarlyEnd(reason, messages.get(reason, "The cap is used up."))


def _verdict(hunt: Hunt, tally: Tally) -> HuntStatus:
    """The final status of a hunt."""
    if tally.closed is not None and tally.closed.reason is HuntReason.CANCELLED:
        return HuntStatus.CANCELLED
    if tally.closed is not None and tally.closed.reason is HuntReason.GAVE_UP:
        return HuntStatus.FAILED
    if tally.errors:
        return HuntStatus.PARTIAL if hunt.searched else HuntStatus.FAILED
    if tally.closed is not None and not hunt.searched:
        return HuntStatus.SKIPPED
    return HuntStatus.COMPLETED

"""One hunt from its first gate to its last search; the worker's only way into the engine."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection, HuntPass
from app.arr.models import Database as AppDatabase
from app.arr.registry import make_client
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.gates import Closed, before_network, by_queue
from app.hunting.lease import LeaseLost, Leases, check_fence
from app.hunting.ledger import Hold, HuntLedger
from app.hunting.models import OPEN, Hunt, HuntStatus, Trigger
from app.hunting.policy import Reason
from app.hunting.sending import Pace, SearchSender, Sent
from app.hunting.survey import Lexicon, QueueFacts, Survey
from app.instances import health
from app.instances.models import Instance, InstanceState
from app.instances.service import InstanceService, interval
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService
from app.stats.rollup import count

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 10
SEND_LIMIT = timedelta(minutes=20)
HUNT_LIMIT = timedelta(minutes=28)
LEASE_SECONDS = 45.0
GONE = (ErrorCode.UNREACHABLE, ErrorCode.TIMEOUT, ErrorCode.TLS, ErrorCode.STARTING, ErrorCode.BLOCKED_ADDRESS)


@dataclass(frozen=True, slots=True)
class Job:
    """What a claimed hunt works with; read once, so that a change of settings counts from the next hunt on."""

    hold: Hold
    app_type: AppType
    connection: Connection
    hunting: HuntingSettings
    passes: tuple[HuntPass, ...]
    limit: int | None
    dry_run: bool
    trigger: Trigger
    started_at: datetime
    closed: Closed | None
    needs_status: bool
    database: AppDatabase


@dataclass
class Tally:
    """What the passes of a hunt came to."""

    searches: int = 0
    pretended: int = 0
    """Searches that a dry run would have sent."""
    errors: int = 0
    closed: Closed | None = None
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
        redis: Redis,
        http: ArrHttp,
        instances: InstanceService,
        settings: SettingsService,
        ledger: HuntLedger,
        clock: Clock,
        *,
        lease_seconds: float = LEASE_SECONDS,
        pace: Pace | None = None,
        rng: Callable[[], random.Random] = random.Random,
    ) -> None:
        self._db = db
        self._http = http
        self._instances = instances
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self.leases = Leases(redis, seconds=lease_seconds)
        self._pace = pace or Pace()
        self._rng = rng
        self._lexicon = Lexicon()

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
            async with self.leases.hold(hunt.instance_id) as is_ours:
                if is_ours:
                    await self._run_held(hunt_id, hunt.instance_id)

    async def settle(self, instance_id: int) -> None:
        """Find out what came of searches that no hunt waits for any more."""
        with suppress(LeaseLost):
            async with self.leases.hold(instance_id) as is_ours:
                job = await self._claim_settling(instance_id) if is_ours else None
                if job is not None:
                    with suppress(ArrError):
                        await self._settle(job, self._sender(job))

    async def _run_held(self, hunt_id: int, instance_id: int) -> None:
        job = await self._claim(hunt_id, instance_id)
        if job is None:
            return
        with structlog.contextvars.bound_contextvars(hunt_id=hunt_id, instance_id=job.hold.instance_id):
            log.info("hunt started", app_type=job.app_type, trigger=job.trigger)
            tally = Tally(closed=job.closed)
            try:
                if job.closed is None:
                    await self._hunt(job, tally)
            except ArrError as failure:
                await self._app_failed(job, failure, tally)
            except LeaseLost:
                raise
            except Exception:
                log.exception("hunt failed")
                tally.failed("An internal error ended the hunt; the log tells more.")
                tally.is_over = True
            await self._finish(job, tally)

    async def _hunt(self, job: Job, tally: Tally) -> None:
        client = make_client(job.app_type, self._http, job.connection)
        database = await self._check_status(job, client)
        sender = self._sender(job, client)
        await self._settle(job, sender)
        survey = Survey(
            client, self._ledger, self._lexicon, job.hunting, instance_id=job.hold.instance_id,
            now=self._clock(), rng=self._rng(),
        )  # fmt: skip
        queue = await self._queue(job, survey, tally)
        if tally.closed is not None:
            return
        gone: ArrError | None = None
        try:
            for hunt_pass in job.passes:
                if not tally.is_over:
                    await self._pass(job, hunt_pass, survey, sender, queue, database, tally)
        except ArrError as failure:
            gone = failure
        await sender.drain(deadline=job.started_at + HUNT_LIMIT)
        if gone is not None:
            raise gone

    async def _pass(
        self,
        job: Job,
        hunt_pass: HuntPass,
        survey: Survey,
        sender: SearchSender,
        queue: QueueFacts,
        database: AppDatabase,
        tally: Tally,
    ) -> None:
        batch = await self._batch(job, hunt_pass, tally)
        if batch <= 0:
            return
        async with self._db.reading() as session:
            left = (await self._ledger.caps(session, job.hold.instance_id, job.hunting)).left
        left = left if left is None else max(0, left - tally.pretended)
        try:
            selection, walk = await survey.select(hunt_pass, database=database, queue=queue, batch=batch, left=left)
        except ArrError as failure:
            if failure.code in GONE or failure.retry_after is not None:
                raise
            log.warning("pass failed", hunt_pass=hunt_pass, error=failure.message)
            tally.failed(f"{hunt_pass}: {failure.message}")
            return
        judged = [one for one in selection.judged if job.dry_run or one.decision.reason is not Reason.SEARCH]
        cursor = None
        if job.dry_run:
            tally.pretended += len(selection.choices)
        else:
            sent = await sender.send(hunt_pass, selection.choices, deadline=job.started_at + SEND_LIMIT)
            judged += sent.left
            tally.searches += len(sent.searched)
            cursor = walk.cursor_after(sent.searched, selection.left | {one.candidate.key for one in sent.left})
            await self._after_sending(job, tally, sent)
        await self._ledger.note_skips(job.hold, hunt_pass, judged)
        await self._ledger.keep_walk(job.hold, hunt_pass, cursor, walk.total)

    async def _after_sending(self, job: Job, tally: Tally, sent: Sent) -> None:
        if sent.stop is not None:
            tally.is_over = True
            tally.closed = Closed(sent.stop.gate, _STOPPED.get(sent.stop.gate, "The cap is used up."))
        if sent.trouble is not None:
            tally.is_over = True
            tally.failed(sent.trouble.message)
            async with self._db.session() as session:
                state = await check_fence(session, job.hold.instance_id, job.hold.fence)
                health.seen_trouble(state, sent.trouble, self._clock())
                session.add(state)

    async def _batch(self, job: Job, hunt_pass: HuntPass, tally: Tally) -> int:
        """Searches left to this pass: its batch or the caller's limit, less what was sent, by a dead worker too."""
        batch = job.hunting.of(hunt_pass).batch
        if job.limit is None or batch == 0:  # 0 turns the pass off, whoever asks
            return batch - await self._ledger.sent_in(job.hold.hunt_id, hunt_pass)
        return job.limit - tally.pretended - await self._ledger.sent_in(job.hold.hunt_id)

    async def _queue(self, job: Job, survey: Survey, tally: Tally) -> QueueFacts:
        try:
            queue = await survey.queue()
        except ArrError as failure:
            tally.closed = Closed("queue_unreadable", f"The queue could not be read: {failure.message}")
            return QueueFacts()
        if queue.total is not None:
            async with self._db.session() as session:
                state = await check_fence(session, job.hold.instance_id, job.hold.fence)
                state.queue_total = queue.total
                session.add(state)
        tally.closed = by_queue(job.hunting, queue)
        return queue

    async def _check_status(self, job: Job, client: ArrClient) -> AppDatabase:
        """Ask who the app is, unless that was known less than ten minutes ago."""
        if not job.needs_status:
            return job.database
        status = await client.status()
        if status.app_name.casefold() != client.app_name.casefold():
            message = f"This is {status.app_name}, not {client.app_name}: check the URL."
            raise ArrError(ErrorCode.WRONG_APP, message, may_have_reached=False)
        async with self._db.session() as session:
            state = await check_fence(session, job.hold.instance_id, job.hold.fence)
            if health.seen_online(state, status, self._clock()):
                log.info("instance is online again")
            session.add(state)
        return status.database

    async def _settle(self, job: Job, sender: SearchSender) -> None:
        searches = await self._ledger.unsettled(job.hold.instance_id)
        if not searches:
            return
        try:
            await sender.settle(searches)
        except ArrError as failure:
            if failure.code in GONE or failure.retry_after is not None:
                raise
            log.warning("searches not settled", error=failure.message)  # a later look may; it is no reason to stop

    async def _app_failed(self, job: Job, failure: ArrError, tally: Tally) -> None:
        """The app cannot be used now: it is offline, and rests longer the longer that lasts."""
        async with self._db.session() as session:
            state = await check_fence(session, job.hold.instance_id, job.hold.fence)
            if failure.retry_after is not None:
                health.seen_trouble(state, failure, self._clock())
            elif health.seen_offline(state, failure, self._clock()):
                log.warning("instance is offline", error=failure.message)
            session.add(state)
        if tally.searches:
            tally.failed(failure.message)
        else:
            tally.closed = Closed("offline" if failure.retry_after is None else "resting", failure.message)

    async def _claim(self, hunt_id: int, instance_id: int) -> Job | None:
        """Become the holder: raise the fence, mark the hunt as running, read what it works with."""
        now = self._clock()
        async with self._db.session() as session:
            # The state first, as every write of a holder does: two orders would be a deadlock on PostgreSQL.
            state = await session.get(InstanceState, instance_id, with_for_update=True)
            hunt = await session.get(Hunt, hunt_id, with_for_update=True)
            instance = await session.get(Instance, instance_id)
            if state is None or instance is None or hunt is None or hunt.status not in OPEN:
                return None
            hunting = await self._instances.hunting(session, instance)
            state.fence += 1
            hunt.fence, hunt.attempts = state.fence, hunt.attempts + 1
            first = hunt.status == HuntStatus.QUEUED
            if first:
                hunt.status, hunt.started_at = HuntStatus.RUNNING.value, now
                state.last_hunt_at, state.next_hunt_at = now, now + interval(hunting)
            session.add_all([hunt, state])
            return await self._job(session, hunt, instance, state, hunting)

    async def _job(
        self, session: AsyncSession, hunt: Hunt, instance: Instance, state: InstanceState, hunting: HuntingSettings
    ) -> Job:
        now = self._clock()
        general = await self._settings.general_in(session)
        used = await self._ledger.caps(session, state.instance_id, hunting)
        trigger = Trigger(hunt.trigger)
        closed = before_network(general, hunting, state, used, enabled=instance.enabled, trigger=trigger, now=now)
        if hunt.cancel_requested:
            closed = Closed("cancelled", "It was cancelled.")
        elif hunt.attempts > MAX_ATTEMPTS:
            closed = Closed("gave_up", f"Its worker ended {MAX_ATTEMPTS} times.")
        return Job(
            hold=Hold(hunt.id or 0, state.instance_id, instance.name, instance.app_type, state.fence),
            app_type=AppType(instance.app_type),
            connection=self._instances.connection(instance, general, hunting),
            hunting=hunting,
            passes=tuple(HuntPass(name) for name in hunt.passes),
            limit=hunt.limit,
            dry_run=hunt.dry_run,
            trigger=trigger,
            started_at=now,
            closed=closed,
            needs_status=not health.is_fresh(state, now),
            database=AppDatabase(state.database) if state.database else AppDatabase.SQLITE,
        )

    async def _claim_settling(self, instance_id: int) -> Job | None:
        """The right to settle searches of an instance that no hunt is at."""
        async with self._db.session() as session:
            query = select(Hunt.id).where(col(Hunt.instance_id) == instance_id, col(Hunt.status).in_(OPEN))
            instance = await session.get(Instance, instance_id)
            if instance is None or (await session.exec(query)).first() is not None:
                return None
            state = await session.get_one(InstanceState, instance_id, with_for_update=True)
            if state.rest_until is not None and self._clock() < state.rest_until:
                return None
            state.fence += 1
            session.add(state)
            hunting = await self._instances.hunting(session, instance)
            nothing = Hunt(
                instance_name=instance.name, app_type=instance.app_type, trigger=Trigger.INTERVAL,
                queued_at=self._clock(),
            )  # fmt: skip
            return await self._job(session, nothing, instance, state, hunting)

    async def _abandon(self, hunt_id: int) -> None:
        async with self._db.session() as session:
            hunt = await session.get_one(Hunt, hunt_id)
            hunt.status, hunt.reason = HuntStatus.CANCELLED.value, "deleted"
            hunt.message, hunt.ended_at = "The instance was deleted.", self._clock()
            session.add(hunt)

    async def _finish(self, job: Job, tally: Tally) -> None:
        async with self._db.session() as session:
            await check_fence(session, job.hold.instance_id, job.hold.fence)
            hunt = await session.get_one(Hunt, job.hold.hunt_id)
            hunt.ended_at = self._clock()
            if hunt.cancel_requested and tally.closed is None:
                tally.closed = Closed("cancelled", _STOPPED["cancelled"])
            hunt.status = _verdict(hunt, tally).value
            hunt.reason = tally.closed.reason if tally.closed else None
            hunt.message = tally.closed.message if tally.closed else tally.message
            if tally.errors and not hunt.errors:  # a failed search was counted when it failed
                await count(session, job.hold.app_type, job.hold.instance_id, self._clock(), errors=1)
            session.add(hunt)
        log.info("hunt ended", status=hunt.status, reason=hunt.reason, searched=hunt.searched)

    def _sender(self, job: Job, client: ArrClient | None = None) -> SearchSender:
        return SearchSender(
            client or make_client(job.app_type, self._http, job.connection), self._ledger, job.hold, job.hunting,
            clock=self._clock, pace=self._pace,
        )  # fmt: skip


_STOPPED = {"cancelled": "It was cancelled.", "paused": "All hunting was paused."}


def _verdict(hunt: Hunt, tally: Tally) -> HuntStatus:
    """How a hunt that ends is called."""
    if tally.closed is not None and tally.closed.reason == "cancelled":
        return HuntStatus.CANCELLED
    if tally.closed is not None and tally.closed.reason == "gave_up":
        return HuntStatus.FAILED
    if tally.errors:
        return HuntStatus.PARTIAL if hunt.searched else HuntStatus.FAILED
    if tally.closed is not None and not hunt.searched:
        return HuntStatus.SKIPPED
    return HuntStatus.COMPLETED

"""Fires schedules, once for each due time however many workers try, and executes their runs.

The row of a run is written in the transaction that moves the schedule on to its next due time. A job then claims the
run for a minute. A run whose claim has expired is enqueued again, until it is too old.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from cronsim import CronSimError
from pydantic import ValidationError
from sqlalchemy import func
from sqlmodel import and_, col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.actions.actions import ACTIONS, ActionServices, ActionTarget
from app.actions.targets import app_type_of
from app.core.clock import CLOCK_TOLERANCE, Clock, claim_holds
from app.core.db import Database
from app.core.errors import Conflict, HuntarrError, NotFound, Unavailable
from app.core.queue import RUN_SCHEDULE, Queue, try_enqueue
from app.schedules.models import OPEN_RUNS, RunStatus, RunTrigger, Schedule, ScheduleRun
from app.schedules.planning import is_outdated, rule_of, schedule_next
from app.schedules.schemas import ScheduleRunOut
from app.schedules.service import require
from app.schedules.timing import MAX_DELAY, fire
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

MAX_DUE = 500
ENQUEUE_AGAIN_AFTER = timedelta(seconds=30)
UNREADABLE_AGAIN_AFTER = timedelta(hours=1)
"""A schedule whose rule cannot be read is looked at again then; each time it is said."""
CLAIM = timedelta(seconds=60)
"""Longer than the job may take: after that its worker is taken for dead."""
MAX_ATTEMPTS = 10

MISSED = "Huntarr was not running then, and a run is at most an hour late."
TOO_LATE = "No worker started it within an hour."
GAVE_UP = "Ten attempts failed: each time the worker died or Redis was unavailable."
BROKEN = "Something went wrong inside Huntarr; the log tells more."


@dataclass(frozen=True, slots=True)
class RunClaim:
    """The right to execute a run, until another worker makes a later attempt."""

    run_id: int
    schedule_id: int
    attempt: int
    action: str
    params: dict[str, object]
    target: ActionTarget


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    status: RunStatus
    message: str
    hunt_ids: list[int] = field(default_factory=list)


class ScheduleRunner:
    """Owner of the runs."""

    def __init__(
        self, db: Database, queue: Queue, settings: SettingsService, services: ActionServices, clock: Clock
    ) -> None:
        self._db = db
        self._queue = queue
        self._settings = settings
        self._services = services
        self._clock = clock

    async def fire_due(self) -> int:
        """Queue a run of every schedule that is due; the number of runs."""
        now = self._clock()
        async with self._db.reading() as session:
            zone = (await self._settings.general_in(session)).timezone
            due = (await session.exec(_due(now, zone))).first()
        if due is None:
            return 0
        async with self._db.session() as session:
            # Read again, with a lock: several workers do this at the same time.
            rows = (await session.exec(_due(now, zone).with_for_update(skip_locked=True))).all()
            runs = [run for row in rows if (run := await self._fire_readable(session, row, zone, now)) is not None]
        await self._enqueue(runs)
        return len(runs)

    async def next_due_at(self) -> datetime | None:
        """When the first schedule is due; in the past where one waits already."""
        async with self._db.glance() as session:
            query = select(func.min(Schedule.next_run_at)).where(col(Schedule.enabled).is_(True))
            return (await session.exec(query)).one()

    async def start(self, schedule_id: int) -> ScheduleRunOut:
        """Queue a manual run, also of a disabled schedule; without Redis nothing is written."""
        await self._queue.require()
        async with self._db.session() as session:
            row = await require(session, schedule_id, lock=True)
            run = ScheduleRun(schedule_id=schedule_id, trigger=RunTrigger.MANUAL.value, at=self._clock())
            await _add(session, row, run)
        await self._enqueue([run])
        return ScheduleRunOut.model_validate(run)

    async def run(self, run_id: int) -> None:
        """Execute a run, unless it has ended or another worker has claimed it. A job may come twice, or too late."""
        claim = await self._claim(run_id)
        if claim is None:
            return
        try:
            result = await self._execute(claim)
        except Unavailable as failure:
            log.warning("schedule run postponed", run_id=run_id, reason=failure.message)
            return  # `reconcile` enqueues it again
        except Exception:
            log.exception("schedule run failed", run_id=run_id)
            result = RunResult(RunStatus.FAILED, BROKEN)
        await self._finish(claim, result)

    async def reconcile(self, *, after: timedelta = ENQUEUE_AGAIN_AFTER) -> bool:
        """Enqueue runs that no worker executes: their job was lost, or their worker died. Whether any is open.

        `after`: how old a run is whose job may be lost.
        """
        now = self._clock()
        query = select(ScheduleRun).where(col(ScheduleRun.status).in_(OPEN_RUNS)).order_by(col(ScheduleRun.id))
        async with self._db.glance() as session:
            runs = (await session.exec(query.limit(MAX_DUE))).all()
        await self._enqueue([run for run in runs if not _is_claimed(run, now) and abs(now - run.at) >= after])
        return bool(runs)

    async def _fire_readable(
        self, session: AsyncSession, row: Schedule, zone: str, now: datetime
    ) -> ScheduleRun | None:
        """`_fire`; a schedule whose rule cannot be read is passed over for an hour and does not stop the others."""
        try:
            rule_of(row, zone).next_after(now)
        except (CronSimError, ValueError, TypeError, KeyError) as wrong:
            row.next_run_at, row.zone = now + UNREADABLE_AGAIN_AFTER, row.timezone or zone
            log.error(
                "schedule not run: its rule cannot be read",
                schedule_id=row.id,
                schedule=row.name,
                error=type(wrong).__name__,
            )
            return None
        return await self._fire(session, row, zone, now)

    async def _fire(self, session: AsyncSession, row: Schedule, zone: str, now: datetime) -> ScheduleRun | None:
        """Record the runs of a schedule that is due, and set its next run; the run to enqueue, if there is one."""
        if is_outdated(row, zone) or (row.next_run_at is not None and row.next_run_at > now):
            schedule_next(row, zone, now)
            return None
        if row.next_run_at is None:
            return None
        firing = fire(rule_of(row, zone), row.next_run_at, now)
        row.next_run_at = firing.next_at
        run = None
        if firing.missed_at is not None:
            await _add_due(session, row, firing.missed_at, now, is_missed=True)
        if firing.run_at is not None:
            run = await _add_due(session, row, firing.run_at, now)
        return run

    async def _claim(self, run_id: int) -> RunClaim | None:
        now = self._clock()
        async with self._db.session() as session:
            run = await session.get(ScheduleRun, run_id, with_for_update=True)
            schedule = await session.get(Schedule, run.schedule_id) if run is not None else None
            if run is None or schedule is None or run.status not in OPEN_RUNS or _is_claimed(run, now):
                return None
            if (result := _given_up(run, now)) is not None:
                run.status, run.message, run.ended_at = result.status.value, result.message, now
                return None
            since = run.started_at
            run.status, run.claimed_at, run.attempts = RunStatus.RUNNING.value, now, run.attempts + 1
            run.started_at = run.started_at or now
            target = ActionTarget(app_type_of(schedule.app_type), schedule.instance_id, since)
            return RunClaim(run_id, run.schedule_id, run.attempts, schedule.action, dict(schedule.params), target)

    async def _execute(self, claim: RunClaim) -> RunResult:
        action = ACTIONS.get(claim.action)
        if action is None:
            return RunResult(RunStatus.FAILED, f"There is no action {claim.action}.")
        try:
            done = await action.run(self._services, claim.target, action.params.model_validate(claim.params))
        except ValidationError:  # written by another version
            sentence = f"The params do not fit the action {claim.action}: save the schedule again."
            return RunResult(RunStatus.FAILED, sentence)
        except (NotFound, Conflict) as nothing_to_do:
            return RunResult(RunStatus.SKIPPED, nothing_to_do.message)
        except Unavailable:
            raise
        except HuntarrError as failure:
            return RunResult(RunStatus.FAILED, failure.message)
        return RunResult(RunStatus.COMPLETED, done.message, sorted(hunt.id for hunt in done.hunts))

    async def _finish(self, claim: RunClaim, result: RunResult) -> None:
        ours = (col(ScheduleRun.id) == claim.run_id, col(ScheduleRun.attempts) == claim.attempt)
        ended = {"status": result.status.value, "message": result.message, "hunt_ids": result.hunt_ids}
        is_open = col(ScheduleRun.status) == RunStatus.RUNNING.value
        async with self._db.session() as session:
            await session.exec(update(ScheduleRun).where(*ours, is_open).values(**ended, ended_at=self._clock()))
        log.info("schedule run ended", schedule_id=claim.schedule_id, run_id=claim.run_id, status=result.status.value)

    async def _enqueue(self, runs: Sequence[ScheduleRun]) -> None:
        now = self._clock()
        for run in runs:
            key = f"schedule:{run.id}:{run.attempts}"
            if not await try_enqueue(self._queue, RUN_SCHEDULE, run.id or 0, key=key, age=now - run.at):
                return


def _due(now: datetime, zone: str):  # type: ignore[no-untyped-def]
    """Schedules that are due, and those whose next run must be computed again: the time zone changed, or their last run
    lies in the future because the clock was set back."""
    uses_general_zone = and_(col(Schedule.interval_minutes).is_(None), col(Schedule.timezone).is_(None))
    is_outdated = and_(uses_general_zone, col(Schedule.zone) != zone)
    ran_later = col(Schedule.last_run_id).in_(select(ScheduleRun.id).where(col(ScheduleRun.at) > now + CLOCK_TOLERANCE))
    return (
        select(Schedule)
        .where(col(Schedule.enabled).is_(True))
        .where(or_(col(Schedule.next_run_at) <= now, is_outdated, ran_later))
        .order_by(col(Schedule.next_run_at), col(Schedule.id))
        .limit(MAX_DUE)
    )


async def _add_due(
    session: AsyncSession, row: Schedule, due_at: datetime, now: datetime, *, is_missed: bool = False
) -> ScheduleRun | None:
    """The run of one due time; `None` when it exists already, as after the clock was set back."""
    schedule_id = row.id or 0
    known = select(ScheduleRun.id).where(ScheduleRun.schedule_id == schedule_id, ScheduleRun.due_at == due_at)
    if (await session.exec(known)).first() is not None:
        return None
    run = ScheduleRun(schedule_id=schedule_id, trigger=RunTrigger.SCHEDULE.value, due_at=due_at, at=now)
    if is_missed:
        run.status, run.message, run.ended_at = RunStatus.MISSED.value, MISSED, now
    return await _add(session, row, run)


async def _add(session: AsyncSession, row: Schedule, run: ScheduleRun) -> ScheduleRun:
    session.add(run)
    await session.flush()
    row.last_run_id = run.id
    return run


def _is_claimed(run: ScheduleRun, now: datetime) -> bool:
    """Whether a worker that may still live has claimed it."""
    return run.status == RunStatus.RUNNING and claim_holds(run.claimed_at, CLAIM, now)


def _given_up(run: ScheduleRun, now: datetime) -> RunResult | None:
    """How a run ends that is not to be tried again."""
    if run.attempts >= MAX_ATTEMPTS:
        return RunResult(RunStatus.FAILED, GAVE_UP)
    if now - (run.due_at or run.at) > MAX_DELAY:
        return RunResult(RunStatus.FAILED if run.attempts > 0 else RunStatus.MISSED, TOO_LATE)
    return None

"""Fires schedules, each moment once however many workers tick, and carries their runs out.

The row of a run is written in the transaction that moves the schedule on to its next moment. A job then takes the run
by a claim that holds for a minute; what nobody holds any more is rung for again, until it is too old.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from sqlmodel import and_, col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.actions.actions import ACTIONS, ActionResult, ActionServices, ActionTarget
from app.arr.models import AppType
from app.core.clock import CLOCK_TOLERANCE, Clock, claim_holds
from app.core.db import Database
from app.core.errors import Conflict, HuntarrError, NotFound, Unavailable
from app.core.queue import RUN_SCHEDULE, Queue, try_enqueue
from app.schedules.models import OPEN_RUNS, RunStatus, RunTrigger, Schedule, ScheduleRun
from app.schedules.planning import is_moved, reckon, rhythm_of
from app.schedules.schemas import ALL, ScheduleRunOut
from app.schedules.service import require
from app.schedules.timing import LATEST, fire
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

DUE_AT_ONCE = 500
ENQUEUE_AGAIN_AFTER = timedelta(seconds=30)
CLAIM = timedelta(seconds=60)
"""Longer than the job may take: who has claimed a run for so long is dead."""
MAX_ATTEMPTS = 10

MISSED = "Huntarr was not running then; after an hour it is not made up for."
TOO_LATE = "No worker took it up within an hour."
GAVE_UP = "Ten workers in a row died over it, or had no Redis."
BROKEN = "Something went wrong inside Huntarr; the log tells more."


@dataclass(frozen=True, slots=True)
class RunClaim:
    """The right to carry a run out; worth nothing when somebody else made a later attempt."""

    run_id: int
    schedule_id: int
    attempt: int
    action: str
    params: dict[str, object]
    order: ActionTarget


class ScheduleRunner:
    """The one owner of the runs."""

    def __init__(
        self, db: Database, queue: Queue, settings: SettingsService, hands: ActionServices, clock: Clock
    ) -> None:
        self._db = db
        self._queue = queue
        self._settings = settings
        self._hands = hands
        self._clock = clock

    async def fire_due(self) -> int:
        """Queue a run of every schedule whose moment has come; how many."""
        now = self._clock()
        async with self._db.reading() as session:
            zone = (await self._settings.general_in(session)).timezone
            due = (await session.exec(_due(now, zone))).first()
        if due is None:
            return 0
        async with self._db.session() as session:
            # Read again: several workers tick at the same time, and only one may be first.
            rows = (await session.exec(_due(now, zone).with_for_update(skip_locked=True))).all()
            runs = [run for row in rows if (run := await self._fire(session, row, zone, now)) is not None]
        await self._enqueue(runs)
        return len(runs)

    async def start(self, schedule_id: int) -> ScheduleRunOut:
        """Queue a run by hand, of a disabled schedule too; without Redis nothing is written."""
        await self._queue.require()
        async with self._db.session() as session:
            row = await require(session, schedule_id, lock=True)
            run = ScheduleRun(schedule_id=schedule_id, trigger=RunTrigger.MANUAL.value, at=self._clock())
            await _add(session, row, run)
        await self._enqueue([run])
        return ScheduleRunOut.model_validate(run)

    async def run(self, run_id: int) -> None:
        """Carry a run out, unless it is over or somebody is at it. A job may come twice, or too late."""
        claim = await self._claim(run_id)
        if claim is None:
            return
        try:
            done = await self._carry_out(claim)
        except Unavailable as failure:
            log.warning("run of a schedule is put off", run_id=run_id, reason=failure.message)
            return  # `reconcile` rings again
        except Exception:
            log.exception("run of a schedule failed", run_id=run_id)
            done = ActionResult(BROKEN, RunStatus.FAILED)
        await self._finish(claim, done)

    async def reconcile(self) -> None:
        """Ring for runs that nobody works on: their ring was lost, or their worker died."""
        now = self._clock()
        query = select(ScheduleRun).where(col(ScheduleRun.status).in_(OPEN_RUNS)).order_by(col(ScheduleRun.id))
        async with self._db.reading() as session:
            runs = (await session.exec(query.limit(DUE_AT_ONCE))).all()
        await self._enqueue(
            [run for run in runs if not _is_claimed(run, now) and abs(now - run.at) >= ENQUEUE_AGAIN_AFTER]
        )

    async def _fire(self, session: AsyncSession, row: Schedule, zone: str, now: datetime) -> ScheduleRun | None:
        """Write down what the moment of a schedule brings, and move it on; the run, if there is one to ring for."""
        if is_moved(row, zone) or (row.next_run_at is not None and row.next_run_at > now):
            reckon(row, zone, now)
            session.add(row)
            return None
        if row.next_run_at is None:
            return None
        firing = fire(rhythm_of(row, zone), row.next_run_at, now)
        row.next_run_at = firing.next_at
        run = None
        if firing.missed_at is not None:
            await _add_moment(session, row, firing.missed_at, now, is_missed=True)
        if firing.run_at is not None:
            run = await _add_moment(session, row, firing.run_at, now)
        session.add(row)
        return run

    async def _claim(self, run_id: int) -> RunClaim | None:
        now = self._clock()
        async with self._db.session() as session:
            run = await session.get(ScheduleRun, run_id, with_for_update=True)
            schedule = await session.get(Schedule, run.schedule_id) if run is not None else None
            if run is None or schedule is None or run.status not in OPEN_RUNS or _is_claimed(run, now):
                return None
            session.add(run)
            if (over := _given_up(run, now)) is not None:
                run.status, run.message, run.ended_at = over.status.value, over.message, now
                return None
            since = run.started_at
            run.status, run.claimed_at, run.attempts = RunStatus.RUNNING.value, now, run.attempts + 1
            run.started_at = run.started_at or now
            app_type = None if schedule.app_type == ALL else AppType(schedule.app_type)
            order = ActionTarget(app_type, schedule.instance_id, since)
            return RunClaim(run_id, run.schedule_id, run.attempts, schedule.action, dict(schedule.params), order)

    async def _carry_out(self, claim: RunClaim) -> ActionResult:
        action = ACTIONS.get(claim.action)
        if action is None:
            return ActionResult(f"There is no action {claim.action}.", RunStatus.FAILED)
        try:
            return await action.run(self._hands, claim.order, action.params.model_validate(claim.params))
        except ValidationError:  # written by another version
            return ActionResult(f"The params are none of {claim.action}: save the schedule anew.", RunStatus.FAILED)
        except (NotFound, Conflict) as nothing:
            return ActionResult(nothing.message, RunStatus.SKIPPED)
        except Unavailable:
            raise
        except HuntarrError as failure:
            return ActionResult(failure.message, RunStatus.FAILED)

    async def _finish(self, claim: RunClaim, done: ActionResult) -> None:
        mine = (col(ScheduleRun.id) == claim.run_id, col(ScheduleRun.attempts) == claim.attempt)
        ended = {"status": done.status.value, "message": done.message, "hunt_ids": done.hunt_ids}
        is_open = col(ScheduleRun.status) == RunStatus.RUNNING.value
        async with self._db.session() as session:
            await session.exec(update(ScheduleRun).where(*mine, is_open).values(**ended, ended_at=self._clock()))
        log.info("schedule ran", schedule_id=claim.schedule_id, run_id=claim.run_id, status=done.status.value)

    async def _enqueue(self, runs: Sequence[ScheduleRun]) -> None:
        now = self._clock()
        for run in runs:
            key = f"schedule:{run.id}:{run.attempts}"
            if not await try_enqueue(self._queue, RUN_SCHEDULE, run.id or 0, key=key, age=now - run.at):
                return


def _due(now: datetime, zone: str):  # type: ignore[no-untyped-def]
    """Schedules whose moment has come, and those to be reckoned anew: the time zone is another one, or they ran later
    than now, because the clock was set back."""
    lives_here = and_(col(Schedule.interval_minutes).is_(None), col(Schedule.timezone).is_(None))
    is_moved = and_(lives_here, col(Schedule.zone) != zone)
    ran_later = col(Schedule.last_run_id).in_(select(ScheduleRun.id).where(col(ScheduleRun.at) > now + CLOCK_TOLERANCE))
    return (
        select(Schedule)
        .where(col(Schedule.enabled).is_(True))
        .where(or_(col(Schedule.next_run_at) <= now, is_moved, ran_later))
        .order_by(col(Schedule.next_run_at), col(Schedule.id))
        .limit(DUE_AT_ONCE)
    )


async def _add_moment(
    session: AsyncSession, row: Schedule, due_at: datetime, now: datetime, *, is_missed: bool = False
) -> ScheduleRun | None:
    """The run of one moment; `None` when it is written down already, as after the clock was set back."""
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
    session.add(row)
    return run


def _is_claimed(run: ScheduleRun, now: datetime) -> bool:
    """Whether a worker that may still live has claimed it."""
    return run.status == RunStatus.RUNNING and claim_holds(run.claimed_at, CLAIM, now)


def _given_up(run: ScheduleRun, now: datetime) -> ActionResult | None:
    """Why nobody should take the run up any more, if so."""
    if run.attempts >= MAX_ATTEMPTS:
        return ActionResult(GAVE_UP, RunStatus.FAILED)
    if now - (run.due_at or run.at) > LATEST:
        was_begun = run.attempts > 0
        return ActionResult(TOO_LATE, RunStatus.FAILED if was_begun else RunStatus.MISSED)
    return None

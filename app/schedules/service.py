"""Create, read, change and delete schedules, and read their runs."""

from collections.abc import Iterable
from datetime import timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.actions.targets import check_target
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import NotFound
from app.core.pagination import page_of
from app.core.retention import delete_in_batches
from app.core.schemas import Page
from app.instances.service import InstanceService
from app.schedules.models import OPEN_RUNS, Schedule, ScheduleRun
from app.schedules.planning import is_outdated, schedule_next
from app.schedules.schemas import LastRunOut, ScheduleIn, ScheduleOut, ScheduleRunOut
from app.settings.service import SettingsService

TIMING_FIELDS = ("enabled", "cron", "time", "days", "interval_minutes", "timezone")
"""A change of one of these changes the next run."""
MAX_RUNS_KEPT = 1000


class ScheduleService:
    """Owner of the schedules; the runner owns their runs."""

    def __init__(self, db: Database, settings: SettingsService, instances: InstanceService, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._instances = instances
        self._clock = clock

    async def all(self) -> list[ScheduleOut]:
        async with self._db.reading() as session:
            rows = (await session.exec(select(Schedule).order_by(col(Schedule.id)))).all()
            return await self._shown(session, rows)

    async def get(self, schedule_id: int) -> ScheduleOut:
        async with self._db.reading() as session:
            [shown] = await self._shown(session, [await require(session, schedule_id)])
        return shown

    async def create(self, given: ScheduleIn) -> ScheduleOut:
        now = self._clock()
        async with self._db.session() as session:
            await check_target(session, self._instances, given.app_type, given.instance_id)
            values = given.model_dump(mode="json")
            row = Schedule(**values, zone="", starts_at=now, created_at=now, updated_at=now)
            schedule_next(row, await self._zone(session), now)
            session.add(row)
            await session.flush()
            [shown] = await self._shown(session, [row])
        return shown

    async def replace(self, schedule_id: int, given: ScheduleIn) -> ScheduleOut:
        """Replace all fields; the next run is computed again only when a timing field changed."""
        now = self._clock()
        async with self._db.session() as session:
            row = await require(session, schedule_id, lock=True)
            await check_target(session, self._instances, given.app_type, given.instance_id)
            values = given.model_dump(mode="json")
            is_timing_changed = any(getattr(row, name) != values[name] for name in TIMING_FIELDS)
            for name, value in values.items():
                setattr(row, name, value)
            row.updated_at = now
            if is_timing_changed:
                row.starts_at = now
                schedule_next(row, await self._zone(session), now)
            [shown] = await self._shown(session, [row])
        return shown

    async def delete(self, schedule_id: int) -> None:
        """Delete a schedule and its runs; a queued run never starts."""
        async with self._db.session() as session:
            row = await require(session, schedule_id, lock=True)
            await session.exec(delete(Schedule).where(col(Schedule.id) == row.id))

    async def runs(self, schedule_id: int, *, page: int, page_size: int) -> Page[ScheduleRunOut]:
        """Newest first."""
        ours = col(ScheduleRun.schedule_id) == schedule_id
        query = select(ScheduleRun).where(ours).order_by(col(ScheduleRun.id).desc())
        async with self._db.reading() as session:
            await require(session, schedule_id)
            rows, total = await page_of(session, query, page=page, page_size=page_size)
        items = [ScheduleRunOut.model_validate(row) for row in rows]
        return Page[ScheduleRunOut](items=items, total=total, page=page, page_size=page_size)

    async def purge(self, retention_days: int) -> None:
        """Keep the newest thousand runs of each schedule; of those too old, only the latest. 0 days is no age limit."""
        has_ended = col(ScheduleRun.status).not_in(OPEN_RUNS)
        latest = select(Schedule.last_run_id).where(col(Schedule.last_run_id).is_not(None))
        if retention_days:
            oldest = self._clock() - timedelta(days=retention_days)
            await delete_in_batches(
                self._db, ScheduleRun, has_ended, col(ScheduleRun.at) < oldest, col(ScheduleRun.id).not_in(latest)
            )
        async with self._db.reading() as session:
            ids = (await session.exec(select(Schedule.id))).all()
        for schedule_id in ids:
            ours = col(ScheduleRun.schedule_id) == schedule_id
            newest = select(ScheduleRun.id).where(ours).order_by(col(ScheduleRun.id).desc())
            async with self._db.reading() as session:
                last = (await session.exec(newest.offset(MAX_RUNS_KEPT).limit(1))).first()
            if last is not None:
                await delete_in_batches(self._db, ScheduleRun, has_ended, ours, col(ScheduleRun.id) <= last)

    async def _zone(self, session: AsyncSession) -> str:
        return (await self._settings.general_in(session)).timezone

    async def _shown(self, session: AsyncSession, rows: Iterable[Schedule]) -> list[ScheduleOut]:
        zone, now = await self._zone(session), self._clock()
        ids = [row.last_run_id for row in rows if row.last_run_id is not None]
        found = (await session.exec(select(ScheduleRun).where(col(ScheduleRun.id).in_(ids)))).all()
        last = {run.id: LastRunOut.model_validate(run) for run in found}
        shown = []
        for row in rows:
            values = row.model_dump()
            if is_outdated(row, zone):  # the next tick stores it
                updated = Schedule(**values)
                schedule_next(updated, zone, now)
                values["next_run_at"] = updated.next_run_at
            shown.append(ScheduleOut.model_validate({**values, "last_run": last.get(row.last_run_id)}))
        return shown


async def require(session: AsyncSession, schedule_id: int, *, lock: bool = False) -> Schedule:
    row = await session.get(Schedule, schedule_id, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"There is no schedule with the id {schedule_id}.")
    return row

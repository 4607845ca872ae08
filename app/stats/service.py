"""The one read model of the dashboard: fixed in the number of its statements, whatever the size of the history."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from arq.connections import ArqRedis
from redis.exceptions import RedisError
from sqlmodel import case, col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType
from app.core.clock import Clock
from app.core.db import Database, day_of
from app.core.heartbeat import count_alive
from app.core.schemas import Reply
from app.hunting.budget import DAY, HOUR
from app.hunting.models import OPEN, CapEntry, Hunt, HuntStatus
from app.instances.models import Instance, InstanceState
from app.settings.hunting import effective
from app.settings.service import SettingsService
from app.stats.models import StatDay, StatTotal
from app.stats.rollup import COUNTERS
from app.stats.schemas import (
    AppStatsOut,
    CountersOut,
    DayOut,
    InstanceStatsOut,
    QueueStatsOut,
    StatsOut,
    TimelineOut,
)

FRESH_SECONDS = 1.0


class StatsService:
    """Reads the roll-ups; one answer serves every caller for a second."""

    def __init__(self, db: Database, redis: ArqRedis, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._redis = redis
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[float, bytes] | None = None

    async def reply(self) -> bytes:
        """The whole reply as JSON, at most a second old."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._kept is None or now - self._kept[0] > FRESH_SECONDS:
                reply = Reply[StatsOut](data=await self.read())
                self._kept = (now, reply.model_dump_json().encode())
            return self._kept[1]

    async def read(self) -> StatsOut:
        now = self._clock()
        async with self._db.reading() as session:
            rows = (
                await session.exec(select(Instance, InstanceState).join(InstanceState).order_by(col(Instance.id)))
            ).all()
            totals = (await session.exec(select(StatTotal))).all()
            defaults = await self._settings.all_hunting_defaults(session)
            used = await self._used(session)
            statuses = select(Hunt.status, func.count()).where(col(Hunt.status).in_(OPEN)).group_by(Hunt.status)
            hunts = dict((await session.exec(statuses)).all())
        counted = {(row.app_type, row.instance_id): row for row in totals}
        apps: dict[AppType, AppStatsOut] = {}
        for app_type in AppType:
            shown = [
                _instance(one, state, effective(defaults[app_type], one.overrides), used, counted)
                for one, state in rows
                if one.app_type == app_type
            ]
            sums = _summed([row for row in totals if row.app_type == app_type])
            apps[app_type] = AppStatsOut(**sums, instances=shown)
        queue = QueueStatsOut(
            queued=hunts.get(HuntStatus.QUEUED.value, 0),
            running=hunts.get(HuntStatus.RUNNING.value, 0),
            workers=await self._workers(),
        )
        return StatsOut(generated_at=now, totals=CountersOut(**_summed(totals)), apps=apps, queue=queue)

    async def timeline(self, days: int, app_type: AppType | None) -> TimelineOut:
        """Counters per UTC day; days without a fact are there, as zeros."""
        first = self._clock() - timedelta(days=days - 1)
        sums = [func.sum(getattr(StatDay, name)) for name in COUNTERS]
        query: Any = select(StatDay.day, *sums).where(col(StatDay.day) >= day_of(first)).group_by(StatDay.day)
        if app_type is not None:
            query = query.where(StatDay.app_type == app_type)
        async with self._db.reading() as session:
            found = {row[0]: row[1:] for row in (await session.exec(query)).all()}
        names = [day_of(first + timedelta(days=number)) for number in range(days)]
        nothing = (0,) * len(COUNTERS)
        return TimelineOut(
            days=[
                DayOut(day=name, **dict(zip(COUNTERS, map(int, found.get(name, nothing)), strict=True)))
                for name in names
            ]
        )

    async def reset(self, app_type: AppType | None) -> None:
        """Set the totals back to zero; the timeline keeps what happened."""
        change = update(StatTotal).values(dict.fromkeys(COUNTERS, 0))
        if app_type is not None:
            change = change.where(col(StatTotal.app_type) == app_type)
        async with self._db.session() as session:
            await session.exec(change)
        self._kept = None

    async def _used(self, session: AsyncSession) -> dict[int, tuple[int, int]]:
        """Units of the last hour and of the last day, by instance."""
        now = self._clock()
        in_hour = func.sum(case((col(CapEntry.reserved_at) > now - HOUR, col(CapEntry.units)), else_=0))
        query = (
            select(CapEntry.instance_id, in_hour, func.sum(CapEntry.units))
            .where(col(CapEntry.reserved_at) > now - DAY)
            .group_by(col(CapEntry.instance_id))
        )
        return {row[0]: (int(row[1]), int(row[2])) for row in (await session.exec(query)).all()}

    async def _workers(self) -> int:
        try:
            return await count_alive(self._redis, self._clock())
        except (RedisError, OSError):
            return 0


def _instance(
    one: Instance,
    state: InstanceState,
    hunting: Any,
    used: Mapping[int, tuple[int, int]],
    counted: Mapping[tuple[str, int], StatTotal],
) -> InstanceStatsOut:
    instance_id = one.id or 0
    hour, day = used.get(instance_id, (0, 0))
    row = counted.get((one.app_type, instance_id))
    return InstanceStatsOut(
        **_summed([row] if row else []), id=instance_id, name=one.name, enabled=one.enabled, online=state.online,
        version=state.version, error=state.error, missing_total=state.missing_total, cutoff_total=state.cutoff_total,
        queue_total=state.queue_total, searches_this_hour=hour, hourly_cap=hunting.hourly_cap, searches_today=day,
        daily_cap=hunting.daily_cap, last_hunt_at=state.last_hunt_at, next_hunt_at=state.next_hunt_at,
        checked_at=state.checked_at,
    )  # fmt: skip


def _summed(rows: Any) -> dict[str, int]:
    return {name: sum(getattr(row, name) for row in rows) for name in COUNTERS}

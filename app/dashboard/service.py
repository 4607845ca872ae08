"""Reads the dashboard with a fixed number of statements, whatever the size of the history."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from arq.connections import ArqRedis
from redis.exceptions import RedisError
from sqlmodel import col, func, select, update

from app.arr.models import AppType
from app.arr.registry import all_apps
from app.core.clock import Clock
from app.core.db import Database, day_of
from app.core.heartbeat import count_alive
from app.core.schemas import Reply
from app.counters.models import StatDay, StatPass, StatTotal
from app.counters.rollup import COUNTERS, YIELDS
from app.dashboard.schemas import (
    AppStatsOut,
    CountersOut,
    DayOut,
    InstanceStatsOut,
    MovieHuntStatsOut,
    QueueStatsOut,
    StatsOut,
    SwaparrStatsOut,
    TimelineOut,
    YieldOut,
)
from app.hunting.store.cap_entries import used_by_instance
from app.hunting.store.caps import UsedUnits
from app.hunting.store.models import HuntState, HuntStatus
from app.hunting.store.open_hunts import open_hunts
from app.instances.models import Instance, InstanceState
from app.movie_hunt.totals import movie_totals
from app.settings.hunting import one_setting
from app.settings.service import SettingsService
from app.swaparr.totals import reset_swaparr_totals, swaparr_totals

FRESH_SECONDS = 1.0
REDIS_SECONDS = 0.5
STATS_REPLY = Reply[StatsOut]
SEEN = ("online", "version", "error", "checked_at")
HUNTED = (
    *("missing_total", "missing_total_at", "cutoff_total", "cutoff_total_at"),
    *("queue_total", "last_hunt_at", "next_hunt_at"),
)

# Columns instead of ORM rows: five times as fast for a hundred instances.
_INSTANCES: Any = (
    select(Instance.id, Instance.app_type, Instance.name, Instance.enabled)
    .add_columns(col(Instance.overrides), *(getattr(InstanceState, name) for name in SEEN))
    .add_columns(*(getattr(HuntState, name) for name in HUNTED))
    .add_columns(col(HuntState.instance_id).is_not(None).label("hunts"))
    .join(InstanceState)
    .outerjoin(HuntState)
    .order_by(col(Instance.id))
)
_TOTALS: Any = select(StatTotal.app_type, StatTotal.instance_id).add_columns(
    *(getattr(StatTotal, name) for name in COUNTERS)
)

ZEROS: Mapping[str, int] = dict.fromkeys(COUNTERS, 0)
GENERATED_AT = re.compile(rb'"generated_at":"[^"]*",')


@dataclass(frozen=True, slots=True)
class CachedReply:
    """A reply ready to be sent, and its ETag."""

    body: bytes
    tag: str


class StatsService:
    """Reads the roll-ups; a reply is cached for a second for all callers."""

    def __init__(
        self,
        db: Database,
        redis: ArqRedis,
        settings: SettingsService,
        clock: Clock,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._redis = redis
        self._settings = settings
        self._clock = clock
        self._timer = timer
        self._lock = asyncio.Lock()
        self._cached: tuple[float, CachedReply] | None = None

    async def reply(self) -> CachedReply:
        """The reply as JSON, at most a second old."""
        async with self._lock:
            now = self._timer()
            if self._cached is None or now - self._cached[0] > FRESH_SECONDS:
                self._cached = (now, _answer(await self.read()))
            return self._cached[1]

    async def read(self) -> StatsOut:
        now = self._clock()
        async with self._db.reading() as session:
            rows = (await session.exec(_INSTANCES)).all()
            totals = (await session.exec(_TOTALS)).all()
            defaults = await self._settings.all_hunting_defaults(session)
            used = await used_by_instance(session, now)
            hunts = await open_hunts(session)
            swaparr = await swaparr_totals(session)
            movies = await movie_totals(session, self._clock())
        counted = {row.instance_id: row for row in totals}
        instances: dict[AppType, list[InstanceStatsOut]] = {app_type: [] for app_type in all_apps()}
        for row in rows:
            layers = (defaults[AppType(row.app_type)], row.overrides) if row.hunts else ()
            shown = _instance(row, layers, used.get(row.id, UsedUnits()), counted.get(row.id))
            instances[AppType(row.app_type)].append(shown)
        apps = {
            app_type: AppStatsOut(**_summed([row for row in totals if row.app_type == app_type]), instances=found)
            for app_type, found in instances.items()
        }
        queue = QueueStatsOut(
            queued=hunts[HuntStatus.QUEUED].number,
            running=hunts[HuntStatus.RUNNING].number,
            workers=await self._workers(),
        )
        totals_out = CountersOut(**_summed(totals))
        return StatsOut(
            generated_at=now,
            totals=totals_out,
            apps=apps,
            movie_hunt=MovieHuntStatsOut.model_validate(movies),
            swaparr=SwaparrStatsOut.model_validate(swaparr),
            queue=queue,
        )

    async def timeline(self, days: int, app_type: AppType | None) -> TimelineOut:
        """Counters for each UTC day; zeros for days on which nothing happened."""
        first = self._clock() - timedelta(days=days - 1)
        sums = [func.sum(getattr(StatDay, name)) for name in COUNTERS]
        query: Any = select(StatDay.day, *sums).where(col(StatDay.day) >= day_of(first)).group_by(StatDay.day)
        if app_type is not None:
            query = query.where(StatDay.app_type == app_type)
        passes: Any = select(StatPass.app_type, StatPass.instance_id, StatPass.hunt_pass).add_columns(
            *(func.sum(getattr(StatPass, name)) for name in YIELDS)
        )
        passes = passes.where(col(StatPass.day) >= day_of(first))
        if app_type is not None:
            passes = passes.where(StatPass.app_type == app_type)
        keys = (StatPass.app_type, StatPass.instance_id, StatPass.hunt_pass)
        async with self._db.reading() as session:
            found = {row[0]: row[1:] for row in (await session.exec(query)).all()}
            led_to = (await session.exec(passes.group_by(*keys).order_by(*keys))).all()
        names = [day_of(first + timedelta(days=number)) for number in range(days)]
        nothing = (0,) * len(COUNTERS)
        return TimelineOut(
            days=[
                DayOut(day=name, **dict(zip(COUNTERS, map(int, found.get(name, nothing)), strict=True)))
                for name in names
            ],
            yields=[_yield(row) for row in led_to],
        )

    async def reset(self, app_type: AppType | None) -> None:
        """Set the totals to zero; the timeline does not change."""
        change = update(StatTotal).values(dict.fromkeys(COUNTERS, 0))
        if app_type is not None:
            change = change.where(col(StatTotal.app_type) == app_type)
        async with self._db.session() as session:
            await session.exec(change)
            if app_type in (None, AppType.SWAPARR):
                await reset_swaparr_totals(session)
        self._cached = None

    async def _workers(self) -> int:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                return await count_alive(self._redis, self._clock())
        except (RedisError, OSError, TimeoutError):
            return 0


def _answer(stats: StatsOut) -> CachedReply:
    """With a weak ETag that ignores `generated_at`."""
    body = STATS_REPLY(data=stats).model_dump_json().encode()
    lasting = GENERATED_AT.sub(b"", body, count=1)
    return CachedReply(body, f'W/"{hashlib.blake2b(lasting, digest_size=16).hexdigest()}"')


def _instance(row: Any, layers: Sequence[Mapping[str, Any]], used: UsedUnits, counted: Any) -> InstanceStatsOut:
    shown = {
        **row._mapping,
        **(_counted(counted) if counted else ZEROS),
        "searches_this_hour": used.hour,
        "hourly_cap": one_setting("hourly_cap", *layers) if layers else 0,
        "searches_today": used.day,
        "daily_cap": one_setting("daily_cap", *layers) if layers else 0,
        "next_hunt_at": row.next_hunt_at if row.enabled else None,
    }
    return InstanceStatsOut.model_validate(shown)


def _yield(row: Any) -> YieldOut:
    app_type, instance_id, hunt_pass, *sums = row
    searches, grabbed, imported = map(int, sums)
    return YieldOut(
        app_type=app_type,
        instance_id=instance_id,
        hunt_pass=hunt_pass,
        searches=searches,
        grabbed=grabbed,
        imported=imported,
        searches_per_import=round(searches / imported, 2) if imported else None,
    )


def _counted(row: Any) -> dict[str, int]:
    return {name: getattr(row, name) for name in COUNTERS}


def _summed(rows: Sequence[Any]) -> dict[str, int]:
    return {name: sum(getattr(row, name) for row in rows) for name in COUNTERS}

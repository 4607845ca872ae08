"""The instances as Home Assistant shows them: all of them, also those that do not hunt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import col, select

from app.arr.models import AppType
from app.arr.registry import hunting_apps
from app.core.clock import Clock
from app.core.db import Database
from app.dashboard.schemas import InstanceStatsOut, StatsOut
from app.dashboard.service import StatsService
from app.instances.models import Instance, InstanceState
from app.settings.service import Pause, SettingsService
from app.swaparr.totals import NOTHING, SwaparrTotals, totals_by_policy

_INSTANCES: Final[Any] = (
    select(Instance.id, Instance.app_type, Instance.name)
    .add_columns(col(Instance.enabled), col(Instance.url), col(Instance.target_instance_id))
    .add_columns(col(InstanceState.online), col(InstanceState.version), col(InstanceState.error))
    .join(InstanceState)
    .order_by(col(Instance.id))
)


@dataclass(frozen=True, slots=True)
class InstanceDevice:
    """An instance; `stats` is None where Huntarr does not hunt."""

    id: int
    app_type: AppType
    name: str
    enabled: bool
    url: str | None
    """`None` for a policy of Swaparr."""
    online: bool | None
    version: str | None
    error: str | None
    stats: InstanceStatsOut | None
    swaparr: SwaparrTotals | None = None
    """Of a policy."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is published at one moment."""

    stats: StatsOut
    instances: list[InstanceDevice]
    pause: Pause
    public_url: str | None
    now: datetime


class SnapshotReader:
    """Reads what is published."""

    def __init__(self, db: Database, stats: StatsService, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._stats = stats
        self._settings = settings
        self._clock = clock

    async def read(self) -> Snapshot:
        stats = await self._stats.read()
        hunted = {instance.id: instance for app in hunting_apps() for instance in stats.apps[app].instances}
        async with self._db.reading() as session:
            rows = (await session.exec(_INSTANCES)).all()
            general = await self._settings.general_in(session)
            pause = await self._settings.pause_in(session)
            policies = await totals_by_policy(session)
        instances = [
            InstanceDevice(
                id=row.id,
                app_type=AppType(row.app_type),
                name=row.name,
                enabled=row.enabled,
                url=row.url if row.target_instance_id is None else None,
                online=row.online,
                version=row.version,
                error=row.error,
                stats=hunted.get(row.id),
                swaparr=policies.get(row.id, NOTHING) if row.app_type == AppType.SWAPARR else None,
            )
            for row in rows
            # An instance that was created between the two reads comes with the next snapshot.
            if row.id in hunted or AppType(row.app_type) not in hunting_apps()
        ]
        return Snapshot(stats, instances, pause, general.public_url, self._clock())

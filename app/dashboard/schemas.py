"""What dashboards read."""

from pydantic import Field

from app.arr.models import AppType, HuntPass
from app.core.schemas import In, Out, UtcTime


class CountersOut(Out):
    """Counted since the last reset. `grabbed` and `imported` are confirmed by the app."""

    hunted: int = Field(description="Missing items searched.")
    upgraded: int = Field(description="Items searched for something better.")
    grabbed: int
    imported: int
    errors: int


class InstanceStatsOut(CountersOut):
    """One instance on the dashboard."""

    id: int
    name: str
    enabled: bool
    online: bool | None
    version: str | None
    error: str | None
    missing_total: int | None
    cutoff_total: int | None
    queue_total: int | None
    searches_this_hour: int
    hourly_cap: int
    searches_today: int
    daily_cap: int
    last_hunt_at: UtcTime | None
    next_hunt_at: UtcTime | None
    checked_at: UtcTime | None


class AppStatsOut(CountersOut):
    """All of one app type; the counters outlive deleted instances."""

    instances: list[InstanceStatsOut]


class QueueStatsOut(Out):
    """Hunts that wait or run, and workers that live."""

    queued: int
    running: int
    workers: int = Field(description="0 also while Redis does not answer.")


class StatsOut(Out):
    """Everything a dashboard shows, at most a second old."""

    generated_at: UtcTime
    totals: CountersOut
    apps: dict[AppType, AppStatsOut]
    queue: QueueStatsOut


class DayOut(CountersOut):
    """The counters of one UTC day."""

    day: str = Field(examples=["2026-11-23"])


class YieldOut(Out):
    """What the searches of one pass of an instance led to, over all days of the timeline."""

    instance_id: int
    app_type: AppType
    hunt_pass: HuntPass = Field(serialization_alias="pass")
    searches: int
    grabbed: int
    imported: int
    searches_per_import: float | None = Field(description="Null as long as nothing was imported.")


class TimelineOut(Out):
    """One entry for each day, the oldest first, and what came of it by instance and pass."""

    days: list[DayOut]
    yields: list[YieldOut]


class StatsResetIn(In):
    """Which counters to set back: of one type, or all."""

    app_type: AppType | None = None

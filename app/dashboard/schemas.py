"""Replies of the statistics routes."""

from pydantic import Field

from app.arr.models import AppType, HuntPass
from app.core.schemas import In, Out, UtcTime, example


class CountersOut(Out):
    """Counts since the last reset. The app confirmed what is grabbed and imported."""

    hunted: int = Field(description="Missing items searched.")
    upgraded: int = Field(description="Items searched for something better.")
    grabbed: int
    imported: int
    errors: int


class InstanceStatsOut(CountersOut):
    """An instance on the dashboard; what speaks of hunts is 0 or null where Huntarr does not hunt."""

    id: int
    name: str
    enabled: bool
    online: bool | None
    version: str | None
    error: str | None
    missing_total: int | None
    missing_total_at: UtcTime | None = Field(description="When the app told it; later imports are subtracted.")
    cutoff_total: int | None
    cutoff_total_at: UtcTime | None
    queue_total: int | None
    searches_this_hour: int
    hourly_cap: int
    searches_today: int
    daily_cap: int
    last_hunt_at: UtcTime | None
    next_hunt_at: UtcTime | None
    checked_at: UtcTime | None


class AppStatsOut(CountersOut):
    """One app type; its counters include deleted instances."""

    instances: list[InstanceStatsOut]


class QueueStatsOut(Out):
    """Queued and running hunts, and live workers."""

    queued: int
    running: int
    workers: int = Field(description="0 also while Redis is unavailable.")


class SwaparrStatsOut(Out):
    """Stuck downloads: what is watched now, and what was decided since the last reset."""

    tracked: int
    strikes: int
    removed: int


class MovieHuntStatsOut(Out):
    """The library of Movie Hunt."""

    movies: int
    missing: int = Field(description="Monitored movies that are available, have no file, and are not under way.")
    downloading: int = Field(description="Downloads that are not imported yet.")
    imported: int = Field(description="Movies that have a file.")


class StatsOut(Out):
    """The whole dashboard, at most one second old."""

    generated_at: UtcTime
    totals: CountersOut
    apps: dict[AppType, AppStatsOut]
    movie_hunt: MovieHuntStatsOut
    swaparr: SwaparrStatsOut
    queue: QueueStatsOut


class DayOut(CountersOut):
    """The counters of one UTC day."""

    day: str = Field(examples=["2026-11-23"])


class YieldOut(Out):
    """Results of the searches of one pass of an instance, over all days of the timeline."""

    instance_id: int
    app_type: AppType
    hunt_pass: HuntPass = Field(serialization_alias="pass")
    searches: int
    grabbed: int
    imported: int
    searches_per_import: float | None = Field(description="Null until something was imported.")


class TimelineOut(Out):
    """One entry for each day, oldest first, and the results by instance and pass."""

    days: list[DayOut]
    yields: list[YieldOut]


class StatsResetIn(In):
    """Which counters to reset: of one app type, or all."""

    model_config = example({"app_type": "sonarr"})

    app_type: AppType | None = None

"""From the row of a schedule to its rhythm and its next moment. Pure: rows in, rows changed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.schedules.models import Schedule
from app.schedules.timing import Cron, Every, Rhythm, daily


def rhythm_of(row: Schedule, general_zone: str) -> Rhythm:
    """The rule of the schedule, in its own time zone or else in the general one."""
    if row.interval_minutes is not None:
        return Every(timedelta(minutes=row.interval_minutes), row.starts_at)
    expression = row.cron or daily(row.time or "", row.days or [])
    return Cron(expression, ZoneInfo(row.timezone or general_zone))


def is_moved(row: Schedule, general_zone: str) -> bool:
    """Whether the time zone changed since its next moment was reckoned; an interval lives in none."""
    return row.interval_minutes is None and row.zone != (row.timezone or general_zone)


def reckon(row: Schedule, general_zone: str, now: datetime) -> None:
    """The first moment after `now`, none while the schedule is disabled."""
    row.zone = row.timezone or general_zone
    row.next_run_at = rhythm_of(row, general_zone).next_after(now) if row.enabled else None

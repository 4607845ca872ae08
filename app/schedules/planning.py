"""From the row of a schedule to its rule and its next run. Pure: rows in, rows changed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.schedules.models import Schedule
from app.schedules.timing import Cron, Every, Rule, daily


def rule_of(row: Schedule, general_zone: str) -> Rule:
    """The rule of the schedule, in its own time zone or else in the general one."""
    if row.interval_minutes is not None:
        return Every(timedelta(minutes=row.interval_minutes), row.starts_at)
    expression = row.cron or daily(row.time or "", row.days or [])
    return Cron(expression, ZoneInfo(row.timezone or general_zone))


def is_outdated(row: Schedule, general_zone: str) -> bool:
    """Whether the time zone changed since its next run was computed; an interval depends on none."""
    return row.interval_minutes is None and row.zone != (row.timezone or general_zone)


def schedule_next(row: Schedule, general_zone: str, now: datetime) -> None:
    """Set the next run: the first one after `now`, none while the schedule is disabled."""
    row.zone = row.timezone or general_zone
    row.next_run_at = rule_of(row, general_zone).next_after(now) if row.enabled else None

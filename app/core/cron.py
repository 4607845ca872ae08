"""Cron expressions on a wall clock: each minute matches once, also when daylight saving begins or ends. Pure.

A minute that the clock skips counts as the next one that exists; of a minute that the clock shows twice, the first
counts. cronsim parses the expressions and iterates over times without a zone. Its own daylight saving rules (those of
Debian's cron, where `*/10` runs again in the doubled hour) are not used.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - cronsim takes times without a zone
MINUTE = timedelta(minutes=1)


def checked_cron(text: str) -> str:
    """The expression with single spaces; `ValueError` when it is not valid or never matches."""
    fields = text.split()
    if len(fields) != FIELDS or not text.isascii():
        raise ValueError("must have five fields: minute, hour, day of month, month, day of week")
    expression = " ".join(fields)
    try:
        first = next(CronSim(expression, ANY_DAY), None)
    except CronSimError as wrong:
        if _parses(fields[:2], "*", fields[3:]):
            raise ValueError(_bad_day(fields)) from None
        raise ValueError(f"has a {str(wrong).lower()}") from None
    if first is None:
        raise ValueError("never matches: there is no such day in the next 50 years")
    return expression


def next_after(expression: str, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first match after `moment`; `None` when there is none in the next 50 years."""
    wall = moment.astimezone(zone).replace(tzinfo=None)
    for match in CronSim(expression, wall):
        found = _as_shown(match, zone)
        if found > moment:  # in an hour that is shown twice the first matches may be in the past
            return found
    return None


def _as_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += MINUTE


def _parses(before: Sequence[str], day: str, after: Sequence[str]) -> bool:
    try:
        CronSim(" ".join([*before, day, *after]), ANY_DAY)
    except CronSimError:
        return False
    return True


def _bad_day(fields: Sequence[str]) -> str:
    """cronsim reports a day that is not a number and a day that no given month has by the same error."""
    if _parses(fields[:3], "*", fields[4:]):
        return f"never matches: there is no day {fields[2]} in month {fields[3]}"
    return "has a bad day-of-month"

"""Cron expressions as moments of a wall clock: each minute of the wall once, whatever daylight saving does to it. Pure.

A minute that the clocks skip happens at the next one that exists, one that they show twice happens the first time.
cronsim reads the expressions and walks over bare wall times; what it does about daylight saving itself (as Debian's
cron, where `*/10` runs again in the doubled hour) is not used.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall time, as all that cronsim is given
MINUTE = timedelta(minutes=1)


def checked_cron(text: str) -> str:
    """The expression with single spaces; `ValueError` with a sentence when it is none or never comes true."""
    fields = text.split()
    if len(fields) != FIELDS or not text.isascii():
        raise ValueError("must have five fields: minute, hour, day of month, month, day of week")
    expression = " ".join(fields)
    try:
        first = next(CronSim(expression, ANY_DAY), None)
    except CronSimError as wrong:
        if _is_read(fields[:2], "*", fields[3:]):
            raise ValueError(_never(fields)) from None
        raise ValueError(f"has a {str(wrong).lower()}") from None
    if first is None:
        raise ValueError("never comes true: no day of the next 50 years is meant by it")
    return expression


def next_after(expression: str, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first match later than `moment`. A minute that the clocks skip counts as the next one that they show."""
    wall = moment.astimezone(zone).replace(tzinfo=None)
    for match in CronSim(expression, wall):
        found = _shown(match, zone)
        if found > moment:  # in a doubled hour the first matches lie an hour back
            return found
    return None


def _shown(wall: datetime, zone: ZoneInfo) -> datetime:
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += MINUTE


def _is_read(before: Sequence[str], day: str, after: Sequence[str]) -> bool:
    try:
        CronSim(" ".join([*before, day, *after]), ANY_DAY)
    except CronSimError:
        return False
    return True


def _never(fields: Sequence[str]) -> str:
    """cronsim has one word for a day that is no number and for one that its months have not."""
    if _is_read(fields[:3], "*", fields[4:]):
        return f"never comes true: there is no day {fields[2]} in month {fields[3]}"
    return "has a bad day-of-month"

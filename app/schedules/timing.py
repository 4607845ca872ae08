"""When a schedule runs: wall-clock rules in a time zone, or equal steps of real time. Pure.

A rule of the wall clock names minutes of the wall. Each of them happens once: one that the clocks skip happens at the
next minute that exists, one that they show twice happens the first time. cronsim reads the expressions and walks over
bare wall times; what it does about daylight saving itself (as Debian's cron, where `*/10` runs again in the doubled
hour) is not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MINUTE = timedelta(minutes=1)
LATEST = timedelta(hours=1)
"""What was missed is made up for as long as it is not older."""
FIELDS = 5
ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall time, as all that cronsim is given


class Rhythm(Protocol):
    """A rule that tells the moments of a schedule, one after the other."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first moment that is later; `None` when there is none in the next 50 years."""
        ...


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes of the wall clock in `zone` that match a cron expression of five fields."""

    expression: str
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        wall = moment.astimezone(self.zone).replace(tzinfo=None)
        for match in CronSim(self.expression, wall):
            found = self._moment(match)
            if found > moment:  # within a doubled hour the first matches lie an hour back
                return found
        return None

    def _moment(self, wall: datetime) -> datetime:
        """When the clocks show `wall` for the first time, or else the next minute that they do show."""
        while True:
            moment = wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)
            if moment.astimezone(self.zone).replace(tzinfo=None) == wall:
                return moment
            wall += MINUTE


@dataclass(frozen=True, slots=True)
class Every:
    """Equal steps of real time from `starts_at`, which is no moment itself; no clock change moves them."""

    step: timedelta
    starts_at: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        steps = max((moment - self.starts_at) // self.step + 1, 1)
        return self.starts_at + steps * self.step


@dataclass(frozen=True, slots=True)
class Firing:
    """What is to be done about a schedule whose moment came: one run, one note of what is past, and the next moment."""

    run_at: datetime | None
    missed_at: datetime | None
    next_at: datetime | None


def fire(rhythm: Rhythm, due_at: datetime, now: datetime) -> Firing:
    """Of the moments from `due_at` to `now` the latest runs, if it is not too old; older ones are missed, as one."""
    missed_at: datetime | None = None
    latest: datetime | None = None
    following: datetime | None = due_at
    if due_at < now - LATEST:
        missed_at, following = due_at, rhythm.next_after(now - LATEST - timedelta(microseconds=1))
    while following is not None and following <= now:
        latest, following = following, rhythm.next_after(following)
    return Firing(latest, missed_at, following)


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


def daily(time: str, days: Sequence[str]) -> str:
    """The cron expression for `HH:MM` on these days of the week (`mon`, …); none are all."""
    hour, minute = time.split(":")
    return f"{int(minute)} {int(hour)} * * {','.join(days) or '*'}"


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

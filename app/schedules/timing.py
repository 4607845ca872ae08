"""When a schedule runs: wall-clock rules in a time zone, or equal steps of real time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from app.core.cron import next_after

LATEST = timedelta(hours=1)
"""What was missed is made up for as long as it is not older."""


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
        return next_after(self.expression, self.zone, moment)


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


def daily(time: str, days: Sequence[str]) -> str:
    """The cron expression for `HH:MM` on these days of the week (`mon`, …); none are all."""
    hour, minute = time.split(":")
    return f"{int(minute)} {int(hour)} * * {','.join(days) or '*'}"

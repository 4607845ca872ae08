"""When a schedule runs: cron rules in a time zone, or equal steps of real time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from app.core.cron import next_after

MAX_DELAY = timedelta(hours=1)
"""A run that is late by more than this is missed."""


class Rule(Protocol):
    """Computes the times at which a schedule is due."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due time after `moment`; `None` when there is none in the next 50 years."""
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
    """Equal steps of real time after `starts_at`; daylight saving does not move them."""

    step: timedelta
    starts_at: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        steps = max((moment - self.starts_at) // self.step + 1, 1)
        return self.starts_at + steps * self.step


@dataclass(frozen=True, slots=True)
class Firing:
    """What follows when a schedule is due: a run, or a missed run to record, or both, and the next due time."""

    run_at: datetime | None
    missed_at: datetime | None
    next_at: datetime | None


def fire(rule: Rule, due_at: datetime, now: datetime) -> Firing:
    """Of the due times up to `now` the latest one runs, if it is not too old. Those too old are one missed run."""
    missed_at: datetime | None = None
    latest: datetime | None = None
    following: datetime | None = due_at
    if due_at < now - MAX_DELAY:
        missed_at, following = due_at, rule.next_after(now - MAX_DELAY - timedelta(microseconds=1))
    while following is not None and following <= now:
        latest, following = following, rule.next_after(following)
    return Firing(latest, missed_at, following)


def daily(time: str, days: Sequence[str]) -> str:
    """The cron expression for `HH:MM` on these days of the week (`mon`, …); none are all."""
    hour, minute = time.split(":")
    return f"{int(minute)} {int(hour)} * * {','.join(days) or '*'}"

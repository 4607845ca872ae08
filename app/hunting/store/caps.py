"""Sliding caps: how many searches an instance has left in the last hour and day. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.hunting.store.reasons import HuntReason

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Spent:
    """Search units of one search, and when they were reserved."""

    at: datetime
    units: int


@dataclass(frozen=True, slots=True)
class Window:
    """What is used of one cap; `cap` 0 means none. `resets_at` is when the first of the used units is free again."""

    used: int
    cap: int
    resets_at: datetime | None

    @property
    def left(self) -> int | None:
        """Units that may still be spent; `None` without a cap."""
        return None if self.cap == 0 else max(0, self.cap - self.used)


@dataclass(frozen=True, slots=True)
class Caps:
    """Both caps of an instance at one moment."""

    hour: Window
    day: Window

    @property
    def left(self) -> int | None:
        known = [left for left in (self.hour.left, self.day.left) if left is not None]
        return min(known, default=None)

    def allows(self, units: int) -> bool:
        return self.left is None or units <= self.left

    @property
    def closed_by(self) -> HuntReason | None:
        """Which cap is used up; the daily one if both are."""
        if self.day.left == 0:
            return HuntReason.DAILY_CAP
        return HuntReason.HOURLY_CAP if self.hour.left == 0 else None


def caps(spent: Sequence[Spent], *, hourly: int, daily: int, now: datetime) -> Caps:
    """The caps at `now`; only what lies within the last hour and day counts.

    An entry from more than a day ahead was written by a clock that was wrong, and must not close the cap for years.
    """
    return Caps(_window(spent, HOUR, hourly, now), _window(spent, DAY, daily, now))


def _window(spent: Sequence[Spent], length: timedelta, cap: int, now: datetime) -> Window:
    inside = [entry for entry in spent if now - length < entry.at <= now + DAY]
    first = min((entry.at for entry in inside), default=None)
    return Window(sum(entry.units for entry in inside), cap, first + length if first is not None else None)

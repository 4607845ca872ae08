"""Sliding caps: how many searches an instance has left in the last hour and day. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.hunting.selection.policy import MAX_AHEAD
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


@dataclass(frozen=True, slots=True)
class UsedUnits:
    """Units that were reserved in the last hour and day, and when the first of each was."""

    hour: int = 0
    day: int = 0
    hour_began_at: datetime | None = None
    day_began_at: datetime | None = None

    def caps(self, *, hourly: int, daily: int) -> Caps:
        return Caps(
            Window(self.hour, hourly, self.hour_began_at + HOUR if self.hour_began_at else None),
            Window(self.day, daily, self.day_began_at + DAY if self.day_began_at else None),
        )


def caps(spent: Sequence[Spent], *, hourly: int, daily: int, now: datetime) -> Caps:
    """The caps at `now`; only what lies within the last hour and day counts.

    An entry from more than a day ahead was written by a clock that was wrong, and must not close the cap for years.
    """
    in_day = [entry for entry in spent if now - DAY < entry.at <= now + MAX_AHEAD]
    in_hour = [entry for entry in in_day if entry.at > now - HOUR]
    used = UsedUnits(
        hour=sum(entry.units for entry in in_hour),
        day=sum(entry.units for entry in in_day),
        hour_began_at=min((entry.at for entry in in_hour), default=None),
        day_began_at=min((entry.at for entry in in_day), default=None),
    )
    return used.caps(hourly=hourly, daily=daily)

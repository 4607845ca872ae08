"""Time as an argument: code that needs the time of day is given a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]

CLOCK_TOLERANCE: Final = timedelta(minutes=1)
"""Clocks of processes may differ by less than this. A stored time further ahead of now was written before the clock was
set back."""


def utc_now() -> datetime:
    """The real clock: aware, UTC."""
    return datetime.now(UTC)


def claim_holds(claimed_at: datetime | None, length: timedelta, now: datetime) -> bool:
    """Whether a claim of `length` is still in force. One from further ahead is not: the clock was set back."""
    return claimed_at is not None and abs(now - claimed_at) < length

"""Time as an argument: whoever needs the time of day is given a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], datetime]

A_STEP: Final = timedelta(minutes=1)
"""Clocks of processes may differ, and be put right, by less than this. What happened further ahead of now was written
down before the clock was set back."""


def utc_now() -> datetime:
    """The real clock: aware, UTC."""
    return datetime.now(UTC)

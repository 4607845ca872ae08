"""Time as an argument: whoever needs the time of day is given a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The real clock: aware, UTC."""
    return datetime.now(UTC)

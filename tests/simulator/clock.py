"""The simulator's clock: real time plus what a test has added, or a time that stands still until it is moved."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _real_now() -> datetime:
    return datetime.now(UTC)


class SimClock:
    """A callable that returns aware UTC; `advance` moves it, `source` replaces what it is based on."""

    def __init__(self, source: Callable[[], datetime] = _real_now) -> None:
        self.source = source
        self._offset = timedelta(0)

    @classmethod
    def frozen(cls, at: datetime | None = None) -> "SimClock":
        """A clock that only moves by `advance`."""
        moment = at or datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)
        return cls(lambda: moment)

    def __call__(self) -> datetime:
        return self.source() + self._offset

    def timestamp(self) -> float:
        if self.source is _real_now:  # called several times per request: skip the datetime round trip
            return time.time() + self._offset.total_seconds()
        return self().timestamp()

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)

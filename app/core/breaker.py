"""Circuit breaker: after a failure Redis is not asked again for a few seconds, so that callers do not wait in vain."""

import time

REST_SECONDS = 5.0


class Breaker:
    """Closed at first; `open` it after a failure."""

    def __init__(self) -> None:
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    def open(self) -> None:
        self._open_until = time.monotonic() + REST_SECONDS

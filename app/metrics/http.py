"""Counts the replies of this process by route template, so that no caller can create labels."""

from collections.abc import Iterable
from typing import Final

from prometheus_client.core import Metric

from app.metrics import families
from app.metrics.histogram import Histogram

SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD: Final = "other"
UNMATCHED: Final = "unmatched"
NO_STATUS: Final = "none"


class HttpNumbers:
    """Filled by the metrics middleware, read by scrapes."""

    def __init__(self) -> None:
        self._replies: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}

    def count(self, method: str, route: str | None, status: int, seconds: float | None) -> None:
        """Count one reply; `status` is 0 and `seconds` is `None` when the caller disconnected before it."""
        if method not in METHODS:
            method = OTHER_METHOD
        if route is None:
            route = UNMATCHED
        key = (method, route, status)
        self._replies[key] = self._replies.get(key, 0) + 1
        if seconds is not None:
            histogram = self._seconds.get((method, route))
            if histogram is None:
                histogram = self._seconds[method, route] = Histogram(SECONDS)
            histogram.observe(seconds)

    def collect(self) -> Iterable[Metric]:
        yield families.HTTP_REQUESTS.of(
            ((method, route, str(status or NO_STATUS)), number)
            for (method, route, status), number in self._replies.items()
        )
        yield families.HTTP_SECONDS.histogram(
            SECONDS, ((key, times.cumulative(), times.total) for key, times in self._seconds.items())
        )

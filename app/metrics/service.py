"""One scrape: shared numbers, at most five seconds old, and the numbers of this process."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog
from arq.connections import ArqRedis
from prometheus_client import ProcessCollector
from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from redis.exceptions import RedisError

from app import __version__
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import NotFound, Unavailable
from app.metrics import families
from app.metrics.facts import Labels, read_facts
from app.metrics.http import HttpNumbers
from app.metrics.queue import read_queue
from app.metrics.traffic import NO_ANSWER, SECONDS, AppTraffic, Traffic
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 5.0
REDIS_SECONDS: Final = 1.0
RESULTS: Final = ("2xx", "4xx", "5xx", NO_ANSWER)
END: Final = b"# EOF\n"
OFF: Final = "Metrics are turned off: metrics_enabled in the general settings turns them on."


class Format(StrEnum):
    """Format of a scrape; the value is the content type."""

    PLAIN = CONTENT_TYPE_PLAIN_0_0_4
    OPENMETRICS = openmetrics.CONTENT_TYPE_LATEST


@dataclass(slots=True)
class _Shared:
    """The numbers that all processes share, with their text: writing it takes as long as reading them."""

    read_at: float
    metrics: list[Metric]
    texts: dict[Format, bytes] = field(default_factory=dict)

    def text(self, wanted: Format) -> bytes:
        if wanted not in self.texts:
            self.texts[wanted] = _written(self.metrics, wanted)
        return self.texts[wanted]


class MetricsService:
    """Reads roll-ups and Redis; the result is cached for five seconds."""

    def __init__(
        self,
        db: Database,
        redis: ArqRedis,
        settings: SettingsService,
        traffic: AppTraffic,
        clock: Clock,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._redis = redis
        self._settings = settings
        self._traffic = traffic
        self._clock = clock
        self._timer = timer
        self._process = ProcessCollector(registry=None)
        self._lock = asyncio.Lock()
        self._cached: _Shared | None = None
        self._is_enabled = True
        self._labels: dict[int, Labels] = {}

    async def scrape(self, http: HttpNumbers, wanted: Format) -> bytes:
        """All metrics; `NotFound` while they are turned off. Without database or Redis their metrics are missing."""
        if not await self._enabled():
            raise NotFound(OFF)
        shared = await self._shared()
        build = families.BUILD.of([((__version__, "sqlite" if self._db.is_sqlite else "postgresql"), 1)])
        own = _written([build, *http.collect(), *self._process.collect()], wanted)
        return shared.text(wanted) + own + (END if wanted is Format.OPENMETRICS else b"")

    async def _enabled(self) -> bool:
        try:
            self._is_enabled = (await self._settings.general()).metrics_enabled
        except Unavailable:
            log.debug("metrics_enabled not read: database unavailable")
        return self._is_enabled

    async def _shared(self) -> _Shared:
        async with self._lock:
            now = self._timer()
            if self._cached is None or now - self._cached.read_at > FRESH_SECONDS:
                self._cached = _Shared(now, [*await self._of_database(), *await self._of_redis()])
            return self._cached

    async def _of_database(self) -> list[Metric]:
        try:
            async with self._db.reading() as session:
                self._labels, metrics = await read_facts(session, self._settings, self._clock())
        except Unavailable as failure:
            log.warning("metrics incomplete: database unavailable", error=failure.message)
            return [families.DATABASE_UP.single(0)]
        return [families.DATABASE_UP.single(1), *metrics]

    async def _of_redis(self) -> list[Metric]:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                await self._traffic.flush()
                traffic = await self._traffic.read(self._labels)
                metrics = await read_queue(self._redis, self._clock())
        except (RedisError, OSError, TimeoutError) as failure:
            log.warning("metrics incomplete: Redis unavailable", error=type(failure).__name__)
            return [families.REDIS_UP.single(0)]
        return [families.REDIS_UP.single(1), *metrics, *_traffic(traffic, self._labels)]


class _CollectedRegistry(CollectorRegistry):
    """Collected metrics as the registry that the library writes."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _written(metrics: list[Metric], wanted: Format) -> bytes:
    """The text without its end mark, so that parts can be joined."""
    if wanted is Format.PLAIN:
        return generate_latest(_CollectedRegistry(metrics))
    text: bytes = openmetrics.generate_latest(_CollectedRegistry(metrics))  # type: ignore[no-untyped-call] # the library has no types here
    return text.removesuffix(END)


def _traffic(found: Traffic, labels: dict[int, Labels]) -> Iterable[Metric]:
    """The usual results start at 0: Prometheus ignores the first value of a series."""
    requests = {(instance_id, result): 0 for instance_id in labels for result in RESULTS} | dict(found.requests)
    yield families.APP_REQUESTS.of(((*labels[key], result), number) for (key, result), number in requests.items())
    yield families.APP_SECONDS.histogram(
        SECONDS, (((app_type,), times.cumulative(), times.total) for app_type, times in found.answers.items())
    )
    yield families.APP_LAST.of((labels[instance_id], seconds) for instance_id, seconds in found.last.items())

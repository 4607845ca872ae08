"""One scrape: what all processes share, at most five seconds old, and what this process saw itself."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from arq.connections import ArqRedis
from prometheus_client import ProcessCollector
from prometheus_client.core import CollectorRegistry, Metric
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
OFF: Final = "Metrics are turned off: metrics_enabled in the general settings turns them on."


class Scrape(CollectorRegistry):
    """Metrics that are read already, as the library wants them for writing."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class MetricsService:
    """Reads roll-ups and Redis; one reading serves every scrape for five seconds."""

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
        self._kept: tuple[float, list[Metric]] | None = None
        self._is_enabled = True
        self._labels: dict[int, Labels] = {}

    async def scrape(self, http: HttpNumbers) -> Scrape:
        """Everything; `NotFound` while it is turned off. Parts that are away are left out, and said to be."""
        if not await self._may_answer():
            raise NotFound(OFF)
        build = families.BUILD.of([((__version__, "sqlite" if self._db.is_sqlite else "postgresql"), 1)])
        return Scrape([build, *await self._shared(), *http.collect(), *self._process.collect()])

    async def _may_answer(self) -> bool:
        try:
            self._is_enabled = (await self._settings.general()).metrics_enabled
        except Unavailable:
            log.debug("the switch of the metrics cannot be read: as before")
        return self._is_enabled

    async def _shared(self) -> list[Metric]:
        async with self._lock:
            now = self._timer()
            if self._kept is None or now - self._kept[0] > FRESH_SECONDS:
                self._kept = (now, [*await self._of_database(), *await self._of_redis()])
            return self._kept[1]

    async def _of_database(self) -> list[Metric]:
        try:
            async with self._db.reading() as session:
                self._labels, metrics = await read_facts(session, self._settings, self._clock())
        except Unavailable as failure:
            log.warning("metrics without the database", error=failure.message)
            return [families.DATABASE_UP.one(0)]
        return [families.DATABASE_UP.one(1), *metrics]

    async def _of_redis(self) -> list[Metric]:
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                await self._traffic.flush()
                traffic = await self._traffic.read(self._labels)
                metrics = await read_queue(self._redis, self._clock())
        except (RedisError, OSError, TimeoutError) as failure:
            log.warning("metrics without redis", error=type(failure).__name__)
            return [families.REDIS_UP.one(0)]
        return [families.REDIS_UP.one(1), *metrics, *_traffic(traffic, self._labels)]


def _traffic(found: Traffic, labels: dict[int, Labels]) -> Iterable[Metric]:
    """The usual results from 0 on: Prometheus does not see the growth to the first value of a series."""
    requests = {(one, result): 0 for one in labels for result in RESULTS} | dict(found.requests)
    yield families.APP_REQUESTS.of(((*labels[one], result), number) for (one, result), number in requests.items())
    yield families.APP_SECONDS.histogram(
        SECONDS, (((app_type,), one.cumulative(), one.total) for app_type, one in found.answers.items())
    )
    yield families.APP_LAST.of((labels[one], seconds) for one, seconds in found.last.items())

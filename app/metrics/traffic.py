"""Counts of requests to the apps: every process adds its own to one hash in Redis.

So every gateway shows the same sums. They do not fall when a worker ends: Prometheus would take that for a restart.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, cast

import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError
from sqlmodel import select

from app.core.db import Database
from app.core.errors import Unavailable
from app.core.loops import running
from app.http.messages import Exchange
from app.instances.models import Instance
from app.metrics.histogram import Histogram

log = structlog.get_logger(__name__)

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
KEY: Final = "huntarr:metrics:apps:1"  # raise the number when the fields change their meaning
KEPT_FOR: Final = timedelta(days=30)
EVERY_SECONDS: Final = 5.0
REDIS_SECONDS: Final = 1.0
MAX_ADDRESSES: Final = 1000
NO_ANSWER: Final = "no_answer"

# Fields: `requests:{instance}:{result}`, `last:{instance}`, `answers:{app type}:{place}`, `seconds:{app type}`.


@dataclass(slots=True)
class _Counts:
    """Requests to one address since the last flush."""

    results: dict[str, int] = field(default_factory=dict)
    answers: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    last: float | None = None

    def add(self, other: "_Counts") -> None:
        for result, number in other.results.items():
            self.results[result] = self.results.get(result, 0) + number
        self.answers.counts = [a + b for a, b in zip(self.answers.counts, other.answers.counts, strict=True)]
        self.answers.total += other.answers.total
        self.last = self.last if other.last is None else other.last


@dataclass(frozen=True, slots=True)
class Traffic:
    """The sums: requests by instance and result, answer times by app type, the last answer time by instance."""

    requests: Mapping[tuple[int, str], int]
    answers: Mapping[str, Histogram]
    last: Mapping[int, float]


class AppTraffic:
    """Counts the requests of this process and adds them to Redis every few seconds."""

    def __init__(self, db: Database, redis: ArqRedis) -> None:
        self._db = db
        self._redis = redis
        self._seen: dict[str, _Counts] = {}
        self._flushing = asyncio.Lock()
        self._arrived = asyncio.Event()

    def observe(self, exchange: Exchange) -> None:
        """Count one request of `ArrHttp`."""
        status = exchange.status
        seen = self._seen.get(exchange.url)
        if seen is None:
            if len(self._seen) >= MAX_ADDRESSES:  # Redis is unavailable, and many addresses are tested
                return
            seen = self._seen[exchange.url] = _Counts()
        result = NO_ANSWER if status is None else f"{status // 100}xx"
        seen.results[result] = seen.results.get(result, 0) + 1
        seen.answers.observe(exchange.seconds)
        self._arrived.set()
        if status is not None:
            seen.last = exchange.seconds

    async def flush(self) -> None:
        """Add the counts to the sums. Without Redis or database they are kept for the next time."""
        async with self._flushing:
            if not self._seen:
                return
            seen, self._seen = self._seen, {}
            try:
                await self._add(seen, await self._owners())
                seen = {}
            except (RedisError, OSError, TimeoutError, Unavailable):
                log.debug("app requests not counted yet: Redis or database unavailable")
            finally:
                for url, newer in self._seen.items():
                    seen.setdefault(url, _Counts()).add(newer)
                self._seen = seen
                if seen:
                    self._arrived.set()

    async def read(self, instances: Iterable[int]) -> Traffic:
        """The sums of these instances; sums of other, deleted instances are removed."""
        fields = await cast(Awaitable[dict[bytes, bytes]], self._redis.hgetall(KEY))
        known, gone = set(instances), list[str]()
        requests: dict[tuple[int, str], int] = {}
        answers: dict[str, Histogram] = {}
        last: dict[int, float] = {}
        for name, value in fields.items():
            kind, whose, *rest = name.decode().split(":")
            if kind in ("requests", "last") and int(whose) not in known:
                gone.append(name.decode())
            elif kind == "requests":
                requests[int(whose), rest[0]] = int(value)
            elif kind == "last":
                last[int(whose)] = float(value)
            elif kind == "answers":
                answers.setdefault(whose, Histogram(SECONDS)).counts[int(rest[0])] = int(value)
            else:
                answers.setdefault(whose, Histogram(SECONDS)).total = float(value)
        if gone:
            await cast(Awaitable[int], self._redis.hdel(KEY, *gone))
        return Traffic(requests, answers, last)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Flush a few seconds after a request during the block, and at its end."""
        try:
            async with running(self._flow()):
                yield
        finally:
            await self.flush()

    async def _flow(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await asyncio.sleep(EVERY_SECONDS)
            await self.flush()

    async def _owners(self) -> dict[str, tuple[int, str]]:
        """Instance id and app type by address. Requests to an address of two apps count for the first of them."""
        async with self._db.reading() as session:
            rows = (await session.exec(select(Instance.url, Instance.id, Instance.app_type))).all()
        return {url: (instance_id or 0, app_type) for url, instance_id, app_type in reversed(rows)}

    async def _add(self, seen: Mapping[str, _Counts], owners: Mapping[str, tuple[int, str]]) -> None:
        """All or nothing. Addresses of no instance were only tested."""
        async with asyncio.timeout(REDIS_SECONDS), self._redis.pipeline(transaction=True) as pipe:
            for url, counts in seen.items():
                if url not in owners:
                    continue
                instance_id, app_type = owners[url]
                for result, number in counts.results.items():
                    pipe.hincrby(KEY, f"requests:{instance_id}:{result}", number)
                for place, number in enumerate(counts.answers.counts):
                    if number:
                        pipe.hincrby(KEY, f"answers:{app_type}:{place}", number)
                pipe.hincrbyfloat(KEY, f"seconds:{app_type}", counts.answers.total)
                if counts.last is not None:
                    pipe.hset(KEY, f"last:{instance_id}", str(counts.last))
            pipe.expire(KEY, KEPT_FOR)
            await pipe.execute()

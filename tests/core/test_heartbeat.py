"""Workers count as alive until their expiry."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from arq.connections import ArqRedis

from app.core import heartbeat
from app.core.redis import make_redis
from tests.api.kernel import redis_server

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TTL = timedelta(seconds=30)


@pytest_asyncio.fixture
async def redis() -> AsyncIterator[ArqRedis]:
    async with redis_server() as server:
        pool = make_redis(server)
        yield pool
        await pool.aclose()


@pytest.mark.asyncio
async def test_workers_count_until_they_expire(redis: ArqRedis) -> None:
    assert await heartbeat.count_alive(redis, NOW) == 0
    await heartbeat.beat(redis, "a", NOW, TTL)
    await heartbeat.beat(redis, "b", NOW + timedelta(seconds=10), TTL)
    assert await heartbeat.count_alive(redis, NOW + timedelta(seconds=29)) == 2
    assert await heartbeat.count_alive(redis, NOW + TTL) == 1
    await heartbeat.beat(redis, "b", NOW + TTL, TTL)
    assert await redis.zcard(heartbeat.WORKERS) == 1
    await heartbeat.leave(redis, "b")
    assert await heartbeat.count_alive(redis, NOW) == 0

"""A cancellation in the middle of a command ends the task, whenever it comes."""

import asyncio

import pytest
from arq.connections import RedisSettings
from redis.asyncio import Redis

from app.core.redis import make_redis

ROUNDS = 150


@pytest.mark.asyncio
async def test_no_cancellation_is_lost(redis_url: str) -> None:
    redis = make_redis(RedisSettings.from_dsn(redis_url), connections=2)
    try:
        for steps in range(ROUNDS):
            task = asyncio.create_task(_ping_for_ever(redis))
            for _ in range(steps % 37 + 1):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=1)
            assert done, f"a cancellation after {steps % 37 + 1} steps was swallowed"
    finally:
        await redis.aclose()


async def _ping_for_ever(redis: Redis) -> None:
    while True:
        await redis.ping()

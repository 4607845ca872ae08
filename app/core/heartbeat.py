"""Liveness of processes: each renews an expiry in Redis every 15 seconds."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from app.core.clock import Clock
from app.core.loops import running

log = structlog.get_logger(__name__)

# Sorted sets: id of a process → unix time until which it counts as alive.
WORKERS = "huntarr:workers"
GATEWAYS = "huntarr:gateways"

RENEW_SECONDS = 15.0
COUNTS_FOR = timedelta(seconds=35)
MAX_AHEAD = 2 * COUNTS_FOR
"""Clocks of machines differ. An expiry further ahead was written before the clock was set back."""
LEAVE_SECONDS = 1.0
"""A stopping process does not wait for a Redis that hangs: its entry expires soon."""


async def beat(redis: ArqRedis, worker_id: str, now: datetime, ttl: timedelta, kind: str = WORKERS) -> None:
    """Count as alive until `now + ttl`. The same round trip removes expired entries."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(kind, "-inf", now.timestamp())
        pipe.zremrangebyscore(kind, (now + MAX_AHEAD).timestamp(), "+inf")
        pipe.zadd(kind, {worker_id: (now + ttl).timestamp()})
        await pipe.execute()


async def leave(redis: ArqRedis, worker_id: str, kind: str = WORKERS) -> None:
    """Stop counting as alive at once."""
    await redis.zrem(kind, worker_id)


async def count_alive(redis: ArqRedis, now: datetime, kind: str = WORKERS) -> int:
    """The number of processes that count as alive at `now`."""
    return int(await redis.zcount(kind, f"({now.timestamp()}", (now + MAX_AHEAD).timestamp()))


@asynccontextmanager
async def registered(redis: ArqRedis, clock: Clock, kind: str) -> AsyncIterator[None]:
    """Count as alive for the time of the block. A failure of Redis is only logged."""
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    try:
        async with running(_beat_forever(redis, clock, name, kind)):
            yield
    finally:
        with suppress(RedisError, OSError):  # TimeoutError is an OSError
            async with asyncio.timeout(LEAVE_SECONDS):
                await leave(redis, name, kind)


async def _beat_forever(redis: ArqRedis, clock: Clock, name: str, kind: str) -> None:
    while True:
        try:
            await beat(redis, name, clock(), COUNTS_FOR, kind)
        except (RedisError, OSError):
            log.debug("heartbeat not sent: Redis unavailable")
        await asyncio.sleep(RENEW_SECONDS)

"""Which workers live: each says every few seconds until when it can be counted on."""

from datetime import datetime, timedelta

from arq.connections import ArqRedis

WORKERS = "huntarr:workers"  # a sorted set: worker id → unix time until which it counts as alive


async def beat(redis: ArqRedis, worker_id: str, now: datetime, ttl: timedelta) -> None:
    """Count me as alive until `now + ttl`; whoever is overdue is struck off in the same round trip."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zremrangebyscore(WORKERS, "-inf", now.timestamp())
        pipe.zadd(WORKERS, {worker_id: (now + ttl).timestamp()})
        await pipe.execute()


async def leave(redis: ArqRedis, worker_id: str) -> None:
    """A worker that ends by itself need not be waited for."""
    await redis.zrem(WORKERS, worker_id)


async def count_alive(redis: ArqRedis, now: datetime) -> int:
    """How many workers count as alive at `now`."""
    return int(await redis.zcount(WORKERS, f"({now.timestamp()}", "+inf"))

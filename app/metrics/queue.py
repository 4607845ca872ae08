"""Metrics from Redis: waiting and running jobs, live workers and gateways."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from prometheus_client.core import Metric

from app.core.heartbeat import COUNTS_FOR, GATEWAYS, MAX_AHEAD, WORKERS, count_alive
from app.metrics import families

MAX_JOBS: Final = 1000


async def read_queue(redis: ArqRedis, now: datetime) -> list[Metric]:
    """arq keeps a job in its queue until it has ended; another key marks it as running."""
    queued = await redis.zrange(redis.default_queue_name, 0, MAX_JOBS - 1, withscores=True)
    keys = [in_progress_key_prefix.encode() + job_id for job_id, _ in queued]
    running = await redis.mget(keys) if keys else []
    waiting = [due for (_, due), is_running in zip(queued, running, strict=True) if is_running is None]
    return [
        families.JOBS.of([(("waiting",), len(waiting)), (("running",), len(queued) - len(waiting))]),
        families.OLDEST_JOB.single(max(0.0, now.timestamp() - min(waiting) / 1000) if waiting else 0.0),
        families.WORKERS.single(await count_alive(redis, now)),
        families.GATEWAYS.single(await count_alive(redis, now, GATEWAYS)),
        families.HEARTBEAT_AT.of(await _heartbeat(redis, now)),
    ]


async def _heartbeat(redis: ArqRedis, now: datetime) -> Iterable[tuple[tuple[()], float]]:
    """Workers store when they expire, always the same time after a heartbeat."""
    newest = await redis.zrevrangebyscore(
        WORKERS, (now + MAX_AHEAD).timestamp(), f"({now.timestamp()}", start=0, num=1, withscores=True
    )
    return [((), until - COUNTS_FOR.total_seconds()) for _, until in newest]

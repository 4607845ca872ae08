"""What Redis knows: jobs that wait or run, and who lives."""

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
    """arq leaves a job in its queue until it is over; that it runs, another key says."""
    queued = await redis.zrange(redis.default_queue_name, 0, MAX_JOBS - 1, withscores=True)
    keys = [in_progress_key_prefix.encode() + job_id for job_id, _ in queued]
    running = await redis.mget(keys) if keys else []
    waiting = [due for (_, due), at_work in zip(queued, running, strict=True) if at_work is None]
    return [
        families.JOBS.of([(("waiting",), len(waiting)), (("running",), len(queued) - len(waiting))]),
        families.OLDEST_JOB.one(max(0.0, now.timestamp() - min(waiting) / 1000) if waiting else 0.0),
        families.WORKERS.one(await count_alive(redis, now)),
        families.GATEWAYS.one(await count_alive(redis, now, GATEWAYS)),
        families.HEARTBEAT_AT.of(await _heartbeat(redis, now)),
    ]


async def _heartbeat(redis: ArqRedis, now: datetime) -> Iterable[tuple[tuple[()], float]]:
    """A worker says until when it counts as alive, always for the same time from its beat on."""
    newest = await redis.zrevrangebyscore(
        WORKERS, (now + MAX_AHEAD).timestamp(), f"({now.timestamp()}", start=0, num=1, withscores=True
    )
    return [((), until - COUNTS_FOR.total_seconds()) for _, until in newest]

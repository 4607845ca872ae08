"""The queue of jobs: their names, and how they are enqueued.

Rows are the truth. A job that is lost with Redis is enqueued again by a periodic task.
"""

import asyncio
from datetime import timedelta
from typing import Protocol

import structlog
from arq.connections import ArqRedis
from pydantic_core import from_json, to_json
from redis.exceptions import RedisError

from app.core.bells import BellName, Bells
from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

RUN_HUNT = "run_hunt"
PROBE_INSTANCE = "probe_instance"
FOLLOW_UP = "follow_up"
READ_HISTORY = "read_history"
RUN_SCHEDULE = "run_schedule"
RUN_BACKUP = "run_backup"
RUN_SWAPARR = "run_swaparr"
SEARCH_MOVIE = "search_movie"
TRACK_DOWNLOADS = "track_downloads"
IMPORT_MOVIE = "import_movie"
READ_FEEDS = "read_feeds"
REFRESH_MOVIES = "refresh_movies"
DELETE_OLD_ROWS = "delete_old_rows"

NO_REDIS = "Redis is not available: nothing can be queued now. Try again in a moment."
REQUIRE_SECONDS = 3.0
NOW = timedelta(0)
NEW_ID_AFTER = timedelta(minutes=1)

load = from_json


def dump(value: object) -> bytes:
    """A job, or its end, which may be an exception."""
    return to_json(value, fallback=str)


class Queue(Protocol):
    """What services use of the queue."""

    async def require(self) -> None:
        """`Unavailable` when there is no Redis; called before rows are written that need a job."""
        ...

    async def enqueue(self, job: str, *ids: int, job_id: str, delay: timedelta = NOW) -> bool:
        """False when a job of that id is queued or running already; `Unavailable` when there is no Redis."""
        ...


async def try_enqueue(queue: Queue, job: str, *ids: int, key: str, age: timedelta) -> bool:
    """Enqueue under `key`; false when Redis is unavailable, which is logged.

    The job id is another one after each minute of `age`, because arq locks that of a killed worker's job for half an
    hour.
    """
    try:
        await queue.enqueue(job, *ids, job_id=f"{key}:{int(age / NEW_ID_AFTER)}")
    except Unavailable:
        log.warning("jobs not enqueued: Redis unavailable", job=job)
        return False
    return True


class ArqQueue:
    """The queue on Redis, through arq. Job ids are global, results are not kept (see docs/architecture.md)."""

    def __init__(self, redis: ArqRedis, bells: Bells) -> None:
        self._redis = redis
        self._bells = bells

    async def require(self) -> None:
        try:
            async with asyncio.timeout(REQUIRE_SECONDS):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as failure:
            raise Unavailable(NO_REDIS) from failure

    async def enqueue(self, job: str, *ids: int, job_id: str, delay: timedelta = NOW) -> bool:
        try:
            is_new = await self._redis.enqueue_job(job, *ids, _job_id=job_id, _defer_by=delay or None) is not None
            if is_new:
                self._bells.ring({BellName.JOBS})
            return is_new
        except (RedisError, OSError, TimeoutError) as failure:
            raise Unavailable(NO_REDIS) from failure

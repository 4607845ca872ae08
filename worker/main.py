"""The worker: arq runs the jobs, timers the periodic tasks; a supervisor starts arq again when it lost Redis."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC
from typing import Any

import structlog
from arq.constants import in_progress_key_prefix
from arq.utils import timestamp_ms
from arq.worker import Worker, func
from redis.exceptions import RedisError

from app.container import Container
from app.core.bells import Bell, BellName, Bells
from app.core.heartbeat import WORKERS, registered
from app.core.loops import running
from app.core.queue import (
    DELETE_OLD_ROWS,
    FOLLOW_UP,
    IMPORT_MOVIE,
    PROBE_INSTANCE,
    READ_FEEDS,
    READ_HISTORY,
    REFRESH_MOVIES,
    RUN_BACKUP,
    RUN_HUNT,
    RUN_SCHEDULE,
    RUN_SWAPARR,
    SEARCH_MOVIE,
    TRACK_DOWNLOADS,
    dump,
    load,
)
from app.core.redis import make_redis, redis_settings
from worker import tasks
from worker.outages import OutageWatch
from worker.ticks import PeriodicTasks

log = structlog.get_logger(__name__)

MAX_JOBS = 200
MAX_TRIES = 3
"""A job that the end of its worker interrupted runs again; later its row asks for another."""
HUNT_SECONDS = 1800
SCHEDULE_SECONDS = 50  # less than the length of a claim
BACKUP_SECONDS = 7200
SWAPARR_SECONDS = 900
MOVIE_SECONDS = 840
"""Less than the time after which a search that still runs counts as lost."""
IMPORT_SECONDS = 7200
"""A file of a hundred gigabytes may have to be copied."""
MIN_POLL_SECONDS = 0.2
MAX_POLL_SECONDS = 30.0
"""Between two looks for jobs that no bell told of."""
DELETE_SECONDS = 300
RESTART_SECONDS = (1.0, 2.0, 5.0, 10.0)
"""Between two starts of arq while Redis is away."""
STEADY_SECONDS = 30.0
HAND_BACK_SECONDS = 3.0
CLOSE_SECONDS = 1.0
"""arq talks to Redis at its end, which may hang."""


class FrugalWorker(Worker):
    """arq's worker, which looks for jobs when it is told of one, and finds out with one request which run already.

    Jobs stay in the queue until they end, and arq makes four requests for each of them at every look: with two
    hundred jobs that was more than half of a worker's time (measured).
    """

    bell: Bell | None = None

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        new = [job_id for job_id in job_ids if job_id.decode() not in self.tasks]
        if new:
            running = await self.pool.mget([in_progress_key_prefix + job_id.decode() for job_id in new])
            new = [job_id for job_id, mark in zip(new, running, strict=True) if mark is None]
        before = set(self.tasks)
        await super().start_jobs(new)
        for job_id in self.tasks.keys() - before:
            self.tasks[job_id].add_done_callback(self._ended)

    async def _poll_iteration(self) -> None:  # arq calls it in an endless loop
        await super()._poll_iteration()
        if self.bell is not None:
            await self.bell.wait(min(MAX_POLL_SECONDS, await self._until_next()))

    async def _until_next(self) -> float:
        """Seconds until the first job that was put off is due."""
        now = timestamp_ms()
        found = await self.pool.zrangebyscore(self.queue_name, now + 1, "+inf", start=0, num=1, withscores=True)
        return (found[0][1] - now) / 1000 if found else MAX_POLL_SECONDS

    def _ended(self, _task: object) -> None:
        """There is room for another job."""
        if self.bell is not None:
            self.bell.ring()


def make_worker(container: Container, **options: Any) -> FrugalWorker:
    """arq's worker on its own pool of connections. Results are not kept: the rows hold them."""
    redis = make_redis(redis_settings(container.infra.config))
    chosen: dict[str, Any] = {"poll_delay": MIN_POLL_SECONDS, **options}
    return FrugalWorker(
        functions=[
            func(tasks.run_hunt, name=RUN_HUNT, timeout=HUNT_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.follow_up, name=FOLLOW_UP, timeout=HUNT_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.read_history, name=READ_HISTORY, timeout=HUNT_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.run_schedule, name=RUN_SCHEDULE, timeout=SCHEDULE_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.run_backup, name=RUN_BACKUP, timeout=BACKUP_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.run_swaparr, name=RUN_SWAPARR, timeout=SWAPARR_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.search_movie, name=SEARCH_MOVIE, timeout=MOVIE_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.track_downloads, name=TRACK_DOWNLOADS, timeout=MOVIE_SECONDS, max_tries=1, keep_result=0),
            func(tasks.import_movie, name=IMPORT_MOVIE, timeout=IMPORT_SECONDS, max_tries=MAX_TRIES, keep_result=0),
            func(tasks.read_feeds, name=READ_FEEDS, timeout=MOVIE_SECONDS, max_tries=1, keep_result=0),
            func(tasks.refresh_movies, name=REFRESH_MOVIES, timeout=MOVIE_SECONDS, max_tries=1, keep_result=0),
            func(tasks.probe_instance, name=PROBE_INSTANCE, timeout=320, max_tries=MAX_TRIES, keep_result=0),
            func(
                tasks.delete_old_rows, name=DELETE_OLD_ROWS, timeout=DELETE_SECONDS, max_tries=MAX_TRIES, keep_result=0
            ),
        ],
        redis_pool=redis,
        ctx={"container": container},
        handle_signals=False,
        keep_result=0,
        max_jobs=MAX_JOBS,
        health_check_interval=3600,  # Huntarr has heartbeats of its own
        timezone=UTC,
        job_serializer=dump,
        job_deserializer=load,
        **chosen,
    )


async def supervise(container: Container) -> None:
    """Work until cancelled. arq ends when it loses Redis; then a new worker starts, ever later while Redis is away."""
    loop, failures = asyncio.get_running_loop(), 0
    bell = container.infra.db.bells.bell(BellName.JOBS)
    async with registered(container.infra.redis, container.infra.clock, WORKERS):
        while True:
            worker, started_at = make_worker(container), loop.time()
            worker.bell = bell
            try:
                await worker.async_run()
            except (RedisError, OSError, TimeoutError) as failure:
                log.debug("worker lost Redis; it starts again", error=str(failure))
            finally:
                await _close(worker, container.infra.db.bells)
            failures = 0 if loop.time() - started_at > STEADY_SECONDS else failures + 1
            await asyncio.sleep(RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)])


async def _close(worker: Worker, bells: Bells) -> None:
    """Cancel the jobs that run: their rows stay open, and the next worker continues them."""
    jobs = [task for task in worker.tasks.values() if not task.done()]
    for job in jobs:
        job.cancel()
    if jobs:
        await asyncio.wait(jobs, timeout=HAND_BACK_SECONDS)
        bells.ring({BellName.JOBS})  # other workers continue them
    with suppress(RedisError, OSError, asyncio.CancelledError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await worker.close()


def embedded(container: Container) -> AbstractAsyncContextManager[None]:
    """The worker inside another process, for the time of the block."""
    return running(
        container.infra.db.bells.listen(),
        supervise(container),
        PeriodicTasks(container).run(),
        OutageWatch.of(container.infra).run(),
        container.events.relay.run(),
        container.notifications.deliverer.run(),
        container.home_assistant.publisher.run(),
    )


async def run_alone(container: Container) -> None:
    """The worker as a process, until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with embedded(container):
        log.info("worker started")
        await stop.wait()
    log.info("worker ended")

"""The periodic tasks: timers of one worker at a time; rows and job ids ensure that nothing is done twice."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn

import structlog
from redis.exceptions import RedisError

from app.container import Container
from app.core.bells import BellName
from app.core.clock import Clock, utc_now
from app.core.errors import HuntarrError, Unavailable
from app.core.leader_lock import LeaderLock
from app.core.loops import cancelled
from app.core.queue import DELETE_OLD_ROWS, READ_FEEDS, REFRESH_MOVIES, TRACK_DOWNLOADS

log = structlog.get_logger(__name__)

Task = Callable[[Container], Coroutine[Any, Any, datetime | None]]
"""It may return when it wants to run next (`Tick.is_planned`)."""

TIMEOUT_SECONDS = 300
EVERY_5 = frozenset(range(0, 60, 5))
LEASE = "huntarr:ticks"
LEASE_SECONDS = 9.0
LOOK_AGAIN_AFTER = timedelta(minutes=1)
"""A planned task looks without a bell too: a ring may be lost."""
AT_ONCE = timedelta(0)
JUST_BEFORE = timedelta(microseconds=1)
MAX_SLEEP_SECONDS = 15.0
"""The clock may be set back meanwhile."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A task, and the seconds of which minutes it runs at, in UTC; no minutes are all."""

    task: Task
    seconds: Collection[int]
    minutes: Collection[int] | None = None
    in_every_worker: bool = False
    """Not only in the leader."""
    is_planned: bool = False
    """Left out until the moment that its last run returned, a minute has passed, or the bell for plans rings."""

    def next_after(self, moment: datetime) -> datetime:
        """The first of its times that is later than `moment`."""
        minute = moment.replace(second=0, microsecond=0)
        while True:
            if self.minutes is None or minute.minute in self.minutes:
                for second in sorted(self.seconds):
                    if (found := minute + timedelta(seconds=second)) > moment:
                        return found
            minute += timedelta(minutes=1)


async def start_due_hunts(container: Container) -> datetime | None:
    await container.hunting.dispatcher.start_due()
    return await container.hunting.dispatcher.next_due_at()


async def fire_due_schedules(container: Container) -> datetime | None:
    await container.schedules.runner.fire_due()
    return await container.schedules.runner.next_due_at()


async def enqueue_lost_jobs(container: Container) -> datetime | None:
    """Hunts and runs of schedules whose job was lost or whose worker died. Where none is open, none is lost soon."""
    hunts = await container.hunting.dispatcher.reconcile()
    runs = await container.schedules.runner.reconcile()
    return container.infra.clock() if hunts or runs else None


async def enqueue_waiting_jobs(container: Container) -> None:
    """What was queued before the start: Redis may have been started anew with us, and have no jobs."""
    await container.hunting.dispatcher.reconcile(after=AT_ONCE)
    await container.schedules.runner.reconcile(after=AT_ONCE)


async def start_due_backups(container: Container) -> None:
    await container.backups.planner.tick()


async def apply_log_level(container: Container) -> None:
    """Another process may have changed it."""
    await container.settings.apply_level()


async def follow_up(container: Container) -> None:
    """Follow-ups that are due, and first connection tests whose job was lost."""
    await container.hunting.dispatcher.enqueue_follow_ups()
    await container.instances.enqueue_first_probes()


async def refresh_prowlarrs(container: Container) -> None:
    """The figures of every Prowlarr that is due."""
    await container.prowlarr.refresher.refresh_due()


async def look_at_queues(container: Container) -> None:
    """Every policy of Swaparr that is due."""
    await container.swaparr.runner.enqueue_due()


async def tend_movies(container: Container) -> None:
    """Searches and feeds that are due, and what became of downloads. Without movies there is nothing to ask."""
    movies, queue, now = container.movie_hunt, container.infra.queue, container.infra.clock()
    if not await movies.library.has_movies():
        return
    search_at, feed_at = await movies.searches.next_due_at(), await movies.feeds.next_due_at()
    if search_at is not None and search_at <= now:
        await movies.searches.start_due()
    # Jobs, because clients and indexers may answer slowly.
    if feed_at is not None and feed_at <= now:
        await queue.enqueue(READ_FEEDS, job_id=f"{READ_FEEDS}:{now:%H%M}")
    if await movies.tracker.has_work():
        await queue.enqueue(TRACK_DOWNLOADS, job_id=f"{TRACK_DOWNLOADS}:{now:%H%M}")


async def refresh_movies(container: Container) -> None:
    """A job: TMDB is asked for each of them."""
    if not await container.movie_hunt.library.has_movies():
        return
    hour = f"{container.infra.clock():%Y-%m-%dT%H}"
    await container.infra.queue.enqueue(REFRESH_MOVIES, job_id=f"{REFRESH_MOVIES}:{hour}")


async def delete_old_rows(container: Container) -> None:
    """It takes long: a job. Its id is another one each hour: arq locks that of a killed worker's job for two."""
    hour = f"{container.infra.clock():%Y-%m-%dT%H}"
    await container.infra.queue.enqueue(DELETE_OLD_ROWS, job_id=f"{DELETE_OLD_ROWS}:{hour}")


async def delete_old_log_entries(container: Container) -> None:
    await container.logs.store.purge()


TICKS = (
    Tick(start_due_hunts, seconds=EVERY_5, is_planned=True),
    Tick(fire_due_schedules, seconds=EVERY_5, is_planned=True),
    Tick(enqueue_lost_jobs, seconds={0, 15, 30, 45}, is_planned=True),
    Tick(follow_up, seconds={10}),
    Tick(refresh_prowlarrs, seconds={30}),
    Tick(look_at_queues, seconds={45}),
    Tick(tend_movies, seconds={25}),
    Tick(refresh_movies, seconds={50}, minutes={23}),
    Tick(start_due_backups, seconds={15}),
    Tick(apply_log_level, seconds=EVERY_5, in_every_worker=True, is_planned=True),
    Tick(delete_old_rows, seconds={20}, minutes={7}),
    Tick(delete_old_log_entries, seconds={40}, minutes=EVERY_5),
)


class PeriodicTasks:
    """Runs the periodic tasks by the clock. A leader lock lets one worker do it; two would only share the work."""

    def __init__(
        self,
        container: Container,
        *,
        ticks: Sequence[Tick] = TICKS,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[bool | None]] | None = None,
    ) -> None:
        self._container = container
        self._ticks = ticks
        self._clock = clock
        self._leader = LeaderLock(container.infra.redis, LEASE, seconds=LEASE_SECONDS, is_better_twice=True)
        self._sleep = sleep or container.infra.db.bells.bell(BellName.PLANS).wait
        self._running: dict[Task, asyncio.Task[None]] = {}
        self._quiet: dict[Task, tuple[datetime, datetime]] = {}
        """Of a planned task: when it looked, and when it wants to look again."""

    async def run(self) -> NoReturn:
        """Tick until cancelled. A task whose last run goes on still is left out."""
        before = self._clock()
        try:
            await self._start([Tick(enqueue_waiting_jobs, seconds=())])
            while True:
                due_at = min(self._next_time(tick, before) for tick in self._ticks)
                wait = (due_at - self._clock()).total_seconds()
                if wait > 0 and await self._sleep(min(wait, MAX_SLEEP_SECONDS)):
                    self._quiet.clear()
                now = self._clock()
                due = [tick for tick in self._ticks if self._next_time(tick, before) <= now]
                before = now if due or now < before else before
                await self._start(due)
        finally:
            await cancelled(self._running.values())
            await self._leader.release()

    def _next_time(self, tick: Tick, before: datetime) -> datetime:
        """The first of its times after `before`, and not while it is quiet."""
        looked_at, wanted_at = self._quiet.get(tick.task, (before, before))
        is_quiet = looked_at <= self._clock() < wanted_at  # else the clock was set back
        return tick.next_after(max(before, wanted_at - JUST_BEFORE) if is_quiet else before)

    async def _start(self, due: Sequence[Tick]) -> None:
        if not due:
            return
        is_leader = await self._leader.held()
        for tick in due:
            if (is_leader or tick.in_every_worker) and tick.task not in self._running:
                running = asyncio.create_task(attempt(name_of(tick.task), partial(self._run, tick)))
                running.add_done_callback(partial(self._forget, tick.task))
                self._running[tick.task] = running

    def _forget(self, task: Task, _ended: object) -> None:
        del self._running[task]

    async def _run(self, tick: Tick) -> None:
        looked_at = self._clock()
        wanted_at = await tick.task(self._container)
        if tick.is_planned:
            latest = looked_at + LOOK_AGAIN_AFTER
            self._quiet[tick.task] = looked_at, min(wanted_at or latest, latest)


def name_of(task: Task) -> str:
    return getattr(task, "__name__", "task")


async def attempt(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Run a task once; while the database or Redis is away, which is told once, it waits for its next time."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await work()
    except (Unavailable, RedisError, OSError) as failure:
        log.debug("periodic task postponed", task=name, error=str(failure))
    except HuntarrError as failure:
        log.warning("periodic task postponed", task=name, error=str(failure))
    except Exception:  # the top of a task that has other times to come
        log.exception("periodic task broke; it will run at its next time", task=name)

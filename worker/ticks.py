"""The periodic tasks. Every worker runs them all; rows and job ids ensure that nothing is done twice."""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from arq.cron import CronJob, cron
from arq.typing import WorkerCoroutine
from redis.exceptions import RedisError

from app.core.errors import HuntarrError, Unavailable
from app.events.outbox import purge as purge_events
from app.notifications.retention import purge as purge_deliveries
from worker.tasks import container_of

log = structlog.get_logger(__name__)

Task = Callable[[dict[Any, Any]], Coroutine[Any, Any, None]]

TIMEOUT_SECONDS = 300
EVERY_5 = frozenset(range(0, 60, 5))


@dataclass(frozen=True, slots=True)
class Tick:
    """A task, and the seconds of which minutes it runs at, in UTC; no minutes are all."""

    task: Task
    seconds: Iterable[int]
    minutes: Iterable[int] | None = None


async def start_due_hunts(ctx: dict[Any, Any]) -> None:
    await container_of(ctx).hunting.dispatcher.start_due()


async def enqueue_lost_hunts(ctx: dict[Any, Any]) -> None:
    """Hunts whose job was lost or whose worker died."""
    await container_of(ctx).hunting.dispatcher.reconcile()


async def fire_due_schedules(ctx: dict[Any, Any]) -> None:
    await container_of(ctx).schedules.runner.fire_due()


async def enqueue_lost_runs(ctx: dict[Any, Any]) -> None:
    """Runs of schedules whose job was lost or whose worker died."""
    await container_of(ctx).schedules.runner.reconcile()


async def start_due_backups(ctx: dict[Any, Any]) -> None:
    await container_of(ctx).backups.planner.tick()


async def apply_log_level(ctx: dict[Any, Any]) -> None:
    """Another process may have changed it."""
    await container_of(ctx).settings.apply_level()


async def follow_up(ctx: dict[Any, Any]) -> None:
    """Follow-ups that are due, and first connection tests whose job was lost."""
    await container_of(ctx).hunting.dispatcher.enqueue_follow_ups()
    await container_of(ctx).instances.enqueue_first_probes()


async def refresh_prowlarrs(ctx: dict[Any, Any]) -> None:
    """The figures of every Prowlarr that is due."""
    await container_of(ctx).prowlarr.refresher.refresh_due()


async def look_at_queues(ctx: dict[Any, Any]) -> None:
    """Every policy of Swaparr that is due."""
    await container_of(ctx).swaparr.runner.enqueue_due()


async def delete_old_rows(ctx: dict[Any, Any]) -> None:
    container = container_of(ctx)
    days = (await container.settings.general()).history_retention_days
    await container.history.purge(days)
    await container.schedules.service.purge(days)
    await container.swaparr.service.purge(days)
    await container.idempotency.purge(container.infra.clock())
    await container.auth.purge()
    await purge_events(container.infra.db, container.infra.clock())
    await purge_deliveries(container.infra.db, container.infra.clock())


async def delete_old_log_entries(ctx: dict[Any, Any]) -> None:
    await container_of(ctx).logs.store.purge()


TICKS = (
    Tick(start_due_hunts, seconds=EVERY_5),
    Tick(fire_due_schedules, seconds=EVERY_5),
    Tick(enqueue_lost_hunts, seconds={3, 18, 33, 48}),
    Tick(enqueue_lost_runs, seconds={3, 18, 33, 48}),
    Tick(follow_up, seconds={10}),
    Tick(refresh_prowlarrs, seconds={30}),
    Tick(look_at_queues, seconds={45}),
    Tick(start_due_backups, seconds={15}),
    Tick(apply_log_level, seconds={25, 55}),
    Tick(delete_old_rows, seconds={20}, minutes={7}),
    Tick(delete_old_log_entries, seconds={40}, minutes=EVERY_5),
)


def crons() -> list[CronJob]:
    """For arq. A `job_id` of our own would block each for a minute (docs/architecture.md)."""
    return [
        cron(
            postponed_on_failure(tick.task),
            name=f"tick:{tick.task.__name__}",
            second=set(tick.seconds),
            minute=None if tick.minutes is None else set(tick.minutes),
            keep_result=0,
            timeout=TIMEOUT_SECONDS,
        )
        for tick in TICKS
    ]


def postponed_on_failure(task: Task) -> WorkerCoroutine:
    """The task; while the database or Redis is away, which the worker tells once, it waits for its next time."""

    async def run(ctx: dict[Any, Any], *_args: Any, **_options: Any) -> None:
        try:
            await task(ctx)
        except (Unavailable, RedisError, OSError) as failure:
            log.debug("periodic task postponed", task=run.__qualname__, error=str(failure))
        except HuntarrError as failure:
            log.warning("periodic task postponed", task=run.__qualname__, error=str(failure))

    run.__qualname__ = getattr(task, "__name__", "task")
    return run

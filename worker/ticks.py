"""What happens by the clock. Every worker ticks; rows and job ids prevent that anything is done twice."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from arq.typing import WorkerCoroutine
from redis.exceptions import RedisError

from app.core.errors import HuntarrError
from app.events.outbox import purge as purge_events
from app.notifications.retention import purge as purge_deliveries
from worker.tasks import container_of

log = structlog.get_logger(__name__)

Tick = Callable[[dict[Any, Any]], Coroutine[Any, Any, None]]


async def due(ctx: dict[Any, Any]) -> None:
    """Automatic hunts whose time has come."""
    await container_of(ctx).hunting.dispatcher.start_due()


async def reconcile(ctx: dict[Any, Any]) -> None:
    """Hunts that nobody works on, because a job was lost or a worker died."""
    await container_of(ctx).hunting.dispatcher.reconcile()


async def schedules(ctx: dict[Any, Any]) -> None:
    """Schedules whose moment has come."""
    await container_of(ctx).schedules.runner.fire_due()


async def lost_runs(ctx: dict[Any, Any]) -> None:
    """Runs of schedules that nobody works on, because a job was lost or a worker died."""
    await container_of(ctx).schedules.runner.reconcile()


async def backups(ctx: dict[Any, Any]) -> None:
    """Backups whose time has come."""
    await container_of(ctx).backups.planner.tick()


async def follow_settings(ctx: dict[Any, Any]) -> None:
    """The log level, which another process may have changed."""
    await container_of(ctx).settings.apply_level()


async def follow_ups(ctx: dict[Any, Any]) -> None:
    """Follow-ups that are due, and instances that were never tested."""
    await container_of(ctx).hunting.dispatcher.enqueue_follow_ups()
    await container_of(ctx).instances.ring_untested()


async def retention(ctx: dict[Any, Any]) -> None:
    """Old rows, in short transactions."""
    container = container_of(ctx)
    days = (await container.settings.general()).history_retention_days
    await container.history.purge(days)
    await container.schedules.service.purge(days)
    await container.idempotency.purge(container.infra.clock())
    await container.auth.purge()
    await purge_events(container.infra.db, container.infra.clock())
    await purge_deliveries(container.infra.db, container.infra.clock())


async def log_retention(ctx: dict[Any, Any]) -> None:
    """Old log entries, and those beyond the number that each app type may have."""
    await container_of(ctx).logs.store.purge()


def quiet(tick: Tick) -> WorkerCoroutine:
    """A tick that cannot reach the database or Redis says so and waits for its next turn."""

    async def ticked(ctx: dict[Any, Any], *_args: Any, **_options: Any) -> None:
        try:
            await tick(ctx)
        except (HuntarrError, RedisError, OSError) as failure:
            log.warning("tick put off", tick=ticked.__qualname__, error=str(failure))

    ticked.__qualname__ = getattr(tick, "__name__", "tick")
    return ticked

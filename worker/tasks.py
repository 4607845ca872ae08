"""The jobs: each calls a service with the id of a row. The service checks whether there is still something to do."""

from typing import Any

from app.container import Container
from app.events.outbox import purge as purge_events
from app.notifications.retention import purge as purge_deliveries


def container_of(ctx: dict[Any, Any]) -> Container:
    container = ctx["container"]
    if not isinstance(container, Container):
        raise TypeError("the worker has no container")
    return container


async def run_hunt(ctx: dict[Any, Any], hunt_id: int) -> None:
    """Run one hunt to its end."""
    await container_of(ctx).hunting.runner.run(hunt_id)


async def follow_up(ctx: dict[Any, Any], instance_id: int) -> None:
    """Read the outcomes of an instance's searches and the changes in its app."""
    await container_of(ctx).hunting.follow_up.run(instance_id)


async def read_history(ctx: dict[Any, Any], instance_id: int) -> None:
    """Read the outcomes of searches after a webhook call of the app."""
    await container_of(ctx).hunting.follow_up.read(instance_id)


async def run_schedule(ctx: dict[Any, Any], run_id: int) -> None:
    """Execute one run of a schedule."""
    await container_of(ctx).schedules.runner.run(run_id)


async def run_backup(ctx: dict[Any, Any]) -> None:
    """Make the backup that is due."""
    await container_of(ctx).backups.planner.run()


async def run_swaparr(ctx: dict[Any, Any], instance_id: int, dry_run: int = -1) -> None:
    """Look once at the queue that a policy watches; `dry_run` 0 or 1 instead of the policy's own."""
    chosen = None if dry_run < 0 else bool(dry_run)
    await container_of(ctx).swaparr.runner.run(instance_id, dry_run=chosen)


async def search_movie(ctx: dict[Any, Any], search_id: int) -> None:
    """Run one search for the releases of a movie to its end."""
    await container_of(ctx).movie_hunt.searcher.run(search_id)


async def track_downloads(ctx: dict[Any, Any]) -> None:
    """Ask the download clients of Movie Hunt what became of its downloads."""
    await container_of(ctx).movie_hunt.tracker.look()


async def import_movie(ctx: dict[Any, Any], grab_id: int) -> None:
    """Import one finished download."""
    await container_of(ctx).movie_hunt.importer.run(grab_id)


async def read_feeds(ctx: dict[Any, Any]) -> None:
    """Read the newest releases of the indexers that are due."""
    await container_of(ctx).movie_hunt.feeds.read()


async def refresh_movies(ctx: dict[Any, Any]) -> None:
    """Ask TMDB again for movies whose metadata is old."""
    await container_of(ctx).movie_hunt.library.refresh_stale()


async def probe_instance(ctx: dict[Any, Any], instance_id: int) -> None:
    """Test the connection to a new or changed instance."""
    await container_of(ctx).instances.probe(instance_id)


async def delete_old_rows(ctx: dict[Any, Any]) -> None:
    """Delete what is older than the settings keep it."""
    container = container_of(ctx)
    days = (await container.settings.general()).history_retention_days
    await container.history.purge(days)
    await container.schedules.service.purge(days)
    await container.swaparr.service.purge(days)
    await container.movie_hunt.history.purge(days)
    await container.movie_hunt.searches.purge()
    await container.idempotency.purge(container.infra.clock())
    await container.auth.purge()
    await purge_events(container.infra.db, container.infra.clock())
    await purge_deliveries(container.infra.db, container.infra.clock())

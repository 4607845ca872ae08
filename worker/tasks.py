"""The jobs: each finds its row by id and hands it to a service, which asks whether there is still something to do."""

from typing import Any

from app.container import Container


def container_of(ctx: dict[Any, Any]) -> Container:
    container = ctx["container"]
    if not isinstance(container, Container):
        raise TypeError("the worker has no container")
    return container


async def run_hunt(ctx: dict[Any, Any], hunt_id: int) -> None:
    """Run one hunt to its end."""
    await container_of(ctx).runner.run(hunt_id)


async def settle(ctx: dict[Any, Any], instance_id: int) -> None:
    """Find out what came of searches that no hunt waits for."""
    await container_of(ctx).runner.settle(instance_id)


async def run_backup(ctx: dict[Any, Any]) -> None:
    """Make the backup that is due."""
    await container_of(ctx).backup_planner.run()


async def probe_instance(ctx: dict[Any, Any], instance_id: int) -> None:
    """Learn whether a new or changed instance answers."""
    await container_of(ctx).instances.probe(instance_id)

"""A worker that dies at any step of a hunt: the next one ends it, and no item is searched twice."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.hunting.running.runner import HuntRunner
from app.hunting.schemas import HuntIn
from app.hunting.store.models import HuntStatus
from app.instances.schemas import InstanceOut
from tests.hunting.assertions import check_consistency
from tests.hunting.crashes import Fuse, Killed, stepping_runner
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = [pytest.mark.process, pytest.mark.asyncio, pytest.mark.timeout(120)]

BATCH: dict[str, Any] = {"missing_batch": 2, "cutoff_batch": 1, "hourly_cap": 400, "min_gap_seconds": 1}


async def hunted_instance(rig: Rig) -> tuple[SimApp, InstanceOut]:
    app = rig.sonarr(
        LibrarySpec(series=60, missing_share=0.7, cutoff_share=0.25, unmonitored_share=0, specials=0),
        grab_share=0,
        command_seconds=2,
    )
    return app, await rig.add(app, **BATCH)


async def queued(rig: Rig, instance: InstanceOut) -> int:
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    return hunt.id


async def dies(runner: HuntRunner, hunt_id: int) -> bool:
    try:
        await runner.run(hunt_id)
    except Killed:
        return True
    return False


@pytest.mark.storage
async def test_a_hunt_survives_the_death_of_its_worker_at_every_step(rig: Rig) -> None:
    app, instance = await hunted_instance(rig)
    steps: list[str] = []
    for at in range(500):
        rig.clock.forward(hours=1)
        hunt_id, fuse = await queued(rig, instance), Fuse(at)
        async with stepping_runner(rig, fuse) as runner:
            died = await dies(runner, hunt_id)
        if not died:
            break
        steps.append(fuse.steps[-1])
        await rig.container.hunting.runner.run(hunt_id)
        hunt = await rig.container.hunting.service.get(hunt_id)
        assert hunt.status in (HuntStatus.COMPLETED, HuntStatus.PARTIAL), (fuse.steps[-1], hunt.message)
        assert sum(item.search_id is not None for item in hunt.items) == 3
    await check_consistency(rig, app)
    assert len(steps) > 40
    assert {"after POST /api/v3/command", "before the commit", "after the commit", "after a wait"} <= set(steps)


async def test_a_hunt_survives_a_database_that_fails_at_every_step(rig: Rig) -> None:
    """Locked, full or gone for a moment: the hunt stays open, and the next worker ends it."""
    app, instance = await hunted_instance(rig)
    interrupted = 0
    for at in range(500):
        rig.clock.forward(hours=1)
        hunt_id, passed = await queued(rig, instance), 0

        async def fails(step: str, at: int = at) -> None:
            nonlocal passed
            if step in ("before the transaction", "before the commit"):
                passed += 1
                if passed == at + 1:
                    raise Unavailable("The database is locked.")

        async with stepping_runner(rig, fails) as runner:
            with suppress(Unavailable):
                await runner.run(hunt_id)
        if passed <= at:
            break
        found = await rig.container.hunting.service.get(hunt_id)
        interrupted += found.status is HuntStatus.RUNNING
        await rig.container.hunting.runner.run(hunt_id)
        ended = await rig.container.hunting.service.get(hunt_id)
        assert ended.status in (HuntStatus.COMPLETED, HuntStatus.PARTIAL), (at, ended.message)
        assert sum(item.search_id is not None for item in ended.items) == 3
    await check_consistency(rig, app)
    assert interrupted > 15


async def test_a_hunt_survives_workers_that_die_one_after_the_other(rig: Rig) -> None:
    app, instance = await hunted_instance(rig)
    rng = random.Random(7)
    deaths = 0
    for _ in range(15):
        rig.clock.forward(hours=1)
        hunt_id = await queued(rig, instance)
        for _ in range(3):
            async with stepping_runner(rig, Fuse(rng.randrange(60))) as runner:
                deaths += await dies(runner, hunt_id)
        await rig.container.hunting.runner.run(hunt_id)
        hunt = await rig.container.hunting.service.get(hunt_id)
        assert hunt.status is HuntStatus.COMPLETED
        assert hunt.searched <= 3
    assert deaths > 15
    await check_consistency(rig, app)


async def test_a_search_of_a_dead_worker_is_settled_without_another_hunt(rig: Rig) -> None:
    """Its hunt was cancelled meanwhile: the settling tick's job finds out what came of the search."""
    app, instance = await hunted_instance(rig)
    hunt_id = await queued(rig, instance)

    async def dies_after_post(step: str) -> None:
        if step.startswith("after POST"):
            raise Killed(step)

    async with stepping_runner(rig, dies_after_post) as runner:
        assert await dies(runner, hunt_id)
    await rig.container.hunting.service.cancel(hunt_id)
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert hunt.status is HuntStatus.CANCELLED
    rig.clock.forward(minutes=3)
    await rig.container.hunting.follow_up.run(instance.id)
    await check_consistency(rig, app)
    assert len(app.searcher.records) == 1
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert hunt.searched == 1


async def test_a_hunt_whose_workers_always_die_ends_as_failed(rig: Rig) -> None:
    app, instance = await hunted_instance(rig)
    hunt_id = await queued(rig, instance)
    for _ in range(10):
        async with stepping_runner(rig, Fuse(4)) as runner:
            assert await dies(runner, hunt_id)
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert (hunt.status, hunt.reason) == (HuntStatus.FAILED, "gave_up")
    await check_consistency(rig, app)


@pytest.mark.storage
async def test_a_hunt_survives_being_cancelled_at_any_moment(rig: Rig) -> None:
    """As SIGTERM does it: also inside a transaction and between two bytes of an answer."""
    app, instance = await hunted_instance(rig)
    rng, cancelled = random.Random(5), 0
    for _ in range(40):
        rig.clock.forward(hours=1)
        hunt_id = await queued(rig, instance)
        task = asyncio.create_task(rig.container.hunting.runner.run(hunt_id))
        for _ in range(rng.randrange(400)):
            if task.done():
                break
            await asyncio.sleep(0)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        cancelled += isinstance(outcome, asyncio.CancelledError)
        await rig.container.hunting.runner.run(hunt_id)
        hunt = await rig.container.hunting.service.get(hunt_id)
        assert hunt.status is HuntStatus.COMPLETED, hunt.message
    assert cancelled > 20
    await check_consistency(rig, app)

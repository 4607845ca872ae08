"""Two workers and one instance: one works, and one that was taken over writes nothing any more."""

import asyncio

import pytest

from app.hunting.schemas import HuntIn
from app.hunting.store.lease import Leases
from app.hunting.store.models import HuntStatus
from app.instances.schemas import InstanceOut
from tests.hunting.assertions import check_consistency
from tests.hunting.crashes import stepping_runner
from tests.hunting.libraries import searches_of
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


async def hunted_instance(rig: Rig) -> tuple[SimApp, InstanceOut, int]:
    app = rig.sonarr(LibrarySpec.with_missing(100), grab_share=0, command_seconds=2)
    instance = await rig.add(app, missing_mode="episode", missing_batch=4, cutoff_batch=0)
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    return app, instance, hunt.id


async def nothing(_step: str) -> None:
    return None


@pytest.mark.storage
async def test_of_two_workers_at_one_hunt_one_works(rig: Rig) -> None:
    app, _, hunt_id = await hunted_instance(rig)
    async with stepping_runner(rig, nothing) as other:
        await asyncio.gather(
            rig.container.hunting.runner.run(hunt_id), other.run(hunt_id), rig.container.hunting.runner.run(hunt_id)
        )
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, 4)
    assert len(searches_of(app)) == 4
    await check_consistency(rig, app)


@pytest.mark.storage
@pytest.mark.parametrize(
    "held_up_at",
    ["before POST /api/v3/command", "after POST /api/v3/command", "before the transaction", "after a wait"],
)
@pytest.mark.process
async def test_a_worker_that_was_taken_over_while_it_was_held_up_writes_nothing(rig: Rig, held_up_at: str) -> None:
    """Its lease ran out, another worker ended the hunt; then it wakes up."""
    app, instance, hunt_id = await hunted_instance(rig)
    passed: list[str] = []

    async def is_overtaken(step: str) -> None:
        passed.append(step)
        if step == held_up_at and passed.count(step) == 2:
            await rig.container.infra.redis.delete(f"huntarr:lease:{instance.id}")
            await rig.container.hunting.runner.run(hunt_id)

    async with stepping_runner(rig, is_overtaken, lease_seconds=600) as slow:
        await slow.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert hunt.status is HuntStatus.COMPLETED
    assert sum(item.search_id is not None for item in hunt.items) == 4
    assert set(searches_of(app).values()) == {1}
    assert len(app.commands.every) <= 4
    assert all(item.outcome not in ("sending", "pending") for item in hunt.items)
    after = passed[passed.index(held_up_at) :]
    assert sum(step == "before POST /api/v3/command" for step in after) <= 3


async def test_a_worker_learns_within_the_lease_that_it_was_taken_over(rig: Rig) -> None:
    """It waits for a slow command; the renewal finds the key in other hands and stops it."""
    _, instance, hunt_id = await hunted_instance(rig)
    held_up = asyncio.Event()

    async def waits(step: str) -> None:
        if step == "before a wait":
            held_up.set()
            await asyncio.sleep(3600)

    async with stepping_runner(rig, waits, lease_seconds=0.3) as slow:
        task = asyncio.create_task(slow.run(hunt_id))
        await held_up.wait()
        await rig.container.infra.redis.set(f"huntarr:lease:{instance.id}", "somebody else", px=600_000)
        await asyncio.wait_for(task, 10)
    assert task.cancelling() == 0


async def test_an_emptied_redis_neither_doubles_nor_loses_a_hunt(rig: Rig) -> None:
    app, _, hunt_id = await hunted_instance(rig)

    async def redis_forgets(step: str) -> None:
        if step == "after a wait":
            await rig.container.infra.redis.flushall()

    async with stepping_runner(rig, redis_forgets, lease_seconds=0.3) as runner:
        await asyncio.gather(runner.run(hunt_id), _again_and_again(rig, hunt_id))
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert hunt.status is HuntStatus.COMPLETED
    assert set(searches_of(app).values()) == {1}
    await check_consistency(rig, app)


async def _again_and_again(rig: Rig, hunt_id: int) -> None:
    for _ in range(10):
        await rig.container.hunting.runner.run(hunt_id)
        await asyncio.sleep(0)


async def test_a_stopped_worker_gives_its_lease_back_at_once(rig: Rig) -> None:
    app, instance, hunt_id = await hunted_instance(rig)
    held_up = asyncio.Event()

    async def waits(step: str) -> None:
        if step == "before a wait" and not held_up.is_set():
            held_up.set()
            await asyncio.sleep(3600)

    async with stepping_runner(rig, waits, lease_seconds=600) as stopped:
        task = asyncio.create_task(stopped.run(hunt_id))
        await held_up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await Leases(rig.container.infra.redis, seconds=5).held([instance.id]) == set()
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, 4)
    await check_consistency(rig, app)

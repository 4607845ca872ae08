"""The periodic tasks: due hunts, lost jobs, unsettled searches, old rows; with a real worker and Redis."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlmodel import select

from app.hunting.schemas import HuntIn
from app.hunting.store.models import CapEntry, Hunt, HuntState, HuntStatus, ItemState, Outcome, Search, Skip, Trigger
from app.instances.models import InstanceState
from app.instances.schemas import InstanceOut, InstancePatch
from app.settings.general import GeneralIn
from tests.hunting.assertions import check_consistency
from tests.hunting.crashes import Fuse, Killed, stepping_runner
from tests.simulator import LibrarySpec
from tests.support.rig import Rig
from worker import tasks, ticks

pytestmark = pytest.mark.asyncio


def ctx(rig: Rig) -> dict[Any, Any]:
    return {"container": rig.container}


async def rows(rig: Rig, table: Any) -> list[Any]:
    async with rig.container.infra.db.reading() as session:
        return list((await session.exec(select(table))).all())


async def some_instances(rig: Rig, count: int, **hunting: Any) -> list[InstanceOut]:
    library = LibrarySpec.with_missing(30)
    return [await rig.add(rig.radarr(library, url_base=f"/{number}"), **hunting) for number in range(count)]


@pytest.mark.storage
async def test_workers_that_run_a_task_together_start_one_hunt_an_instance(rig: Rig) -> None:
    await some_instances(rig, 6)
    rig.clock.forward(minutes=40)
    for _ in range(3):
        await asyncio.gather(*(ticks.start_due_hunts(rig.container) for _ in range(4)))
    hunts = await rows(rig, Hunt)
    assert len(hunts) == 6
    assert {hunt.trigger for hunt in hunts} == {Trigger.INTERVAL}
    await rig.work()
    assert {hunt.status for hunt in await rows(rig, Hunt)} == {HuntStatus.COMPLETED}


async def test_the_next_hunt_comes_after_the_interval_give_or_take_a_tenth(rig: Rig) -> None:
    instances = await some_instances(rig, 8, interval_minutes=100)
    began_at = rig.clock.now
    rig.clock.forward(minutes=89)
    await ticks.start_due_hunts(rig.container)
    assert await rows(rig, Hunt) == []
    rig.clock.forward(minutes=22)
    await ticks.start_due_hunts(rig.container)
    await rig.work()
    states = await rows(rig, HuntState)
    assert len(await rows(rig, Hunt)) == len(instances)
    waits = [(state.next_hunt_at - state.last_hunt_at) / timedelta(minutes=1) for state in states]
    assert all(90 <= wait <= 110 for wait in waits)
    assert len(set(waits)) == len(waits)
    assert all(state.last_hunt_at >= began_at for state in states)


async def test_a_cancelled_automatic_hunt_does_not_end_the_series(rig: Rig) -> None:
    [instance] = await some_instances(rig, 1)
    for number in range(1, 4):
        rig.clock.forward(minutes=40)
        await ticks.start_due_hunts(rig.container)
        hunts = await rows(rig, Hunt)
        assert len(hunts) == number
        await rig.container.hunting.service.cancel(hunts[-1].id)
    assert instance.enabled


async def test_a_disabled_instance_is_never_due(rig: Rig) -> None:
    [instance] = await some_instances(rig, 1)
    await rig.container.instances.update(instance.app_type, instance.id, InstancePatch(enabled=False))
    rig.clock.forward(days=1)
    await ticks.start_due_hunts(rig.container)
    assert await rows(rig, Hunt) == []


async def test_a_hunt_whose_job_was_lost_is_enqueued_again(rig: Rig) -> None:
    [instance] = await some_instances(rig, 1)
    await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    await rig.container.infra.redis.flushall()
    await rig.work()
    assert [hunt.status for hunt in await rows(rig, Hunt)] == [HuntStatus.QUEUED]
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    assert [hunt.status for hunt in await rows(rig, Hunt)] == [HuntStatus.QUEUED], "too early to call it lost"
    rig.clock.forward(minutes=1)
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    assert [hunt.status for hunt in await rows(rig, Hunt)] == [HuntStatus.COMPLETED]


async def test_a_hunt_whose_worker_died_is_continued_when_its_lease_is_over(rig: Rig) -> None:
    [instance] = await some_instances(rig, 1)
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    await rig.container.infra.redis.flushall()
    async with stepping_runner(rig, Fuse(30)) as dying:
        with pytest.raises(Killed):
            await dying.run(hunt.id)
    await rig.container.infra.redis.set(f"huntarr:lease:{instance.id}", "a dead worker", px=60_000)
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    assert (await rig.container.hunting.service.get(hunt.id)).status is HuntStatus.RUNNING
    await rig.container.infra.redis.delete(f"huntarr:lease:{instance.id}")
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    assert (await rig.container.hunting.service.get(hunt.id)).status is HuntStatus.COMPLETED
    await check_consistency(rig, rig.apps[instance.id])


async def test_searches_that_nobody_waits_for_are_settled(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(30), command_seconds=400, grab_share=0)
    instance = await rig.add(app, command_timeout_minutes=1)
    await rig.hunt(instance)
    assert {search.outcome for search in await rows(rig, Search)} == {Outcome.PENDING}
    await ticks.follow_up(rig.container)
    await rig.work()
    assert {search.outcome for search in await rows(rig, Search)} == {Outcome.PENDING}, "the app works on them still"
    for _ in range(3):  # one command each, and then the history
        rig.clock.forward(minutes=10)
        await ticks.follow_up(rig.container)
        await rig.work()
    assert {search.outcome for search in await rows(rig, Search)} == {Outcome.NOTHING_FOUND}
    await check_consistency(rig, app)


async def test_searches_whose_command_the_app_forgot_are_settled_by_its_history_or_unknown(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(30), command_seconds=200, grab_share=0, import_share=1)
    app.searcher.force(2, "import")
    instance = await rig.add(app, command_timeout_minutes=1)
    await rig.hunt(instance)
    rig.clock.forward(hours=26)  # the app keeps commands for a day
    for _ in range(3):  # one command each, and then the history
        await ticks.follow_up(rig.container)
        await rig.work()
        rig.clock.forward(minutes=10)
    found = {search.item_id: search.outcome for search in await rows(rig, Search)}
    assert found.pop(2) == Outcome.IMPORTED
    assert set(found.values()) == {Outcome.UNKNOWN}


async def test_an_instance_that_rests_is_not_asked_about_old_searches(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(30), command_seconds=400)
    instance = await rig.add(app, command_timeout_minutes=1)
    await rig.hunt(instance)
    async with rig.container.infra.db.session() as session:
        state = await session.get_one(InstanceState, instance.id)
        state.online, state.rest_until = False, rig.clock.now + timedelta(minutes=10)
        session.add(state)
    rig.clock.forward(minutes=3)
    app.log.reset()
    await rig.container.hunting.follow_up.run(instance.id)
    assert app.log.total == 0


@pytest.mark.storage
async def test_retention_deletes_what_is_old_and_nothing_that_a_hunt_needs(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(200), grab_share=0)
    instance = await rig.add(app, missing_batch=3, cutoff_batch=0)
    await rig.hunt(instance)
    rig.clock.forward(days=60)
    await rig.hunt(instance)
    [waiting] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    keep = GeneralIn.model_validate({"history_retention_days": 30})
    await rig.container.settings.update_general(keep)
    await tasks.delete_old_rows(ctx(rig))
    hunts, searches = await rows(rig, Hunt), await rows(rig, Search)
    assert [hunt.status for hunt in hunts] == [HuntStatus.COMPLETED, HuntStatus.QUEUED]
    assert {search.hunt_id for search in searches} == {hunts[0].id}
    assert len(await rows(rig, ItemState)) == 6
    assert len(await rows(rig, CapEntry)) == 3
    assert {skip.hunt_id for skip in await rows(rig, Skip)} <= {hunt.id for hunt in hunts}
    await rig.container.hunting.runner.run(waiting.id)
    assert (await rig.container.hunting.service.get(waiting.id)).searched == 3
    assert len({record.item_ids for record in app.searcher.records}) == 9


async def test_a_task_without_redis_or_database_waits_for_its_next_time(rig: Rig) -> None:
    async def fails(_container: object) -> None:
        raise ConnectionError("gone")

    await ticks.attempt("fails", partial(fails, rig.container))


async def test_a_job_that_comes_twice_or_too_late_does_nothing(rig: Rig) -> None:
    [instance] = await some_instances(rig, 1)
    hunt = await rig.hunt(instance)
    before = rig.apps[instance.id].log.total
    await rig.container.hunting.runner.run(hunt.id)
    await rig.container.hunting.runner.run(4711)
    await rig.container.hunting.follow_up.run(4711)
    assert rig.apps[instance.id].log.total == before


async def test_the_periodic_tasks_ask_an_app_at_most_three_times_in_ten_minutes(rig: Rig) -> None:
    """A search that hangs in the app for hours is checked again and again."""
    app = rig.radarr(LibrarySpec.with_missing(5), command_seconds=20_000)
    instance = await rig.add(app, command_timeout_minutes=1)
    await rig.hunt(instance)
    await rig.work()  # the test of a new instance is not part of it
    rig.clock.now = rig.clock.now.replace(minute=30, second=0)
    app.log.reset()
    for _ in range(40):
        rig.clock.forward(minutes=1)
        await ticks.follow_up(rig.container)
        await rig.work()
    times = [record.at for record in app.log.records]
    assert len(times) >= 8
    assert all(sum(start <= at < start + 600 for at in times) <= 3 for start in times)

"""Cancel, pause, limits and dry runs: a hunt does no more than it may, and says what it left."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import select

from app.core.errors import Conflict
from app.hunting.schemas import HuntDetailOut, HuntIn
from app.hunting.selection.policy import Reason
from app.hunting.store.models import CapEntry, HuntStatus, ItemState, Outcome, WalkCursor
from app.instances.schemas import InstanceOut
from app.settings.general import GeneralIn
from tests.hunting.assertions import check_consistency
from tests.hunting.crashes import Fuse, Killed, stepping_runner
from tests.hunting.libraries import searches_of
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

Action = Callable[[], Awaitable[object]]


async def hunted(rig: Rig, *, seconds: float = 2, **hunting: object) -> tuple[SimApp, InstanceOut, int]:
    app = rig.sonarr(LibrarySpec.with_missing(100), grab_share=0, command_seconds=seconds, tie_block=1)
    settings = {"missing_mode": "episode", "missing_batch": 5, "cutoff_batch": 0, **hunting}
    instance = await rig.add(app, **settings)  # type: ignore[arg-type] # settings of a hunt
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    return app, instance, hunt.id


async def run_and_do(rig: Rig, hunt_id: int, at: str, times: int, action: Action) -> HuntDetailOut:
    """Run the hunt; at its step `at`, when it comes the given time, something happens outside."""
    seen = 0

    async def step(name: str) -> None:
        nonlocal seen
        seen += name == at
        if name == at and seen == times:
            await action()

    async with stepping_runner(rig, step) as runner:
        await runner.run(hunt_id)
    return await rig.container.hunting.service.get(hunt_id)


async def test_a_queued_hunt_that_was_cancelled_never_starts(rig: Rig) -> None:
    app, _, hunt_id = await hunted(rig)
    cancelled = await rig.container.hunting.service.cancel(hunt_id)
    assert cancelled.status is HuntStatus.CANCELLED
    await rig.container.hunting.runner.run(hunt_id)
    assert app.log.total == 0
    assert (await rig.container.hunting.service.get(hunt_id)).started_at is None
    with pytest.raises(Conflict):
        await rig.container.hunting.service.cancel(hunt_id)


async def test_a_running_hunt_stops_before_its_next_search(rig: Rig) -> None:
    app, _, hunt_id = await hunted(rig)
    hunt = await run_and_do(
        rig, hunt_id, "after POST /api/v3/command", 2, lambda: rig.container.hunting.service.cancel(hunt_id)
    )
    assert (hunt.status, hunt.reason, hunt.searched) == (HuntStatus.CANCELLED, "cancelled", 2)
    assert len(app.commands.every) == 2
    assert hunt.skipped["missing"]["cancelled"] == 3


async def test_a_hunt_that_waits_for_a_slow_search_ends_soon_after_its_cancellation(rig: Rig) -> None:
    """The app works on what it has begun; the hunt does not wait for it, and a later look tells what came of it."""
    app, instance, hunt_id = await hunted(rig, seconds=800, missing_batch=2)
    began_at = rig.clock.now
    hunt = await run_and_do(rig, hunt_id, "after a wait", 6, lambda: rig.container.hunting.service.cancel(hunt_id))
    assert (hunt.status, hunt.searched) == (HuntStatus.CANCELLED, 2)
    assert rig.clock.now - began_at < timedelta(minutes=2)
    for minutes in (14, 11, 6):  # one command at a time, and then the history
        rig.clock.forward(minutes=minutes)
        await rig.container.hunting.follow_up.run(instance.id)
    await check_consistency(rig, app)
    assert len(app.searcher.records) == 2


async def test_a_command_that_the_app_has_not_begun_is_cancelled_and_costs_nothing(rig: Rig) -> None:
    app, instance, hunt_id = await hunted(rig, seconds=60, missing_batch=2)
    app.commands.workers = 1
    hunt = await run_and_do(rig, hunt_id, "after a wait", 5, lambda: rig.container.hunting.service.cancel(hunt_id))
    assert (hunt.status, hunt.searched) == (HuntStatus.CANCELLED, 1)
    rig.clock.forward(minutes=5)
    await rig.container.hunting.follow_up.run(instance.id)
    assert len(app.searcher.records) == 1
    async with rig.container.infra.db.reading() as session:
        assert len((await session.exec(select(CapEntry))).all()) == 1
        cooldowns = [row.last_searched_at is not None for row in (await session.exec(select(ItemState))).all()]
    assert sorted(cooldowns) == [False, True]
    rig.clock.forward(minutes=5)
    again = await rig.hunt(instance)
    assert again.searched == 2
    assert set(searches_of(app).values()) == {1}


async def test_a_cancellation_ends_the_wait_between_searches(rig: Rig) -> None:
    _, _, hunt_id = await hunted(rig, min_gap_seconds=600)
    began_at = rig.clock.now
    hunt = await run_and_do(rig, hunt_id, "after a wait", 3, lambda: rig.container.hunting.service.cancel(hunt_id))
    assert (hunt.status, hunt.searched) == (HuntStatus.CANCELLED, 1)
    assert rig.clock.now - began_at < timedelta(minutes=1)


async def test_a_pause_stops_a_hunt_before_its_next_search(rig: Rig) -> None:
    app, _, hunt_id = await hunted(rig)
    paused = GeneralIn.model_validate({"hunting_paused": True})
    hunt = await run_and_do(
        rig, hunt_id, "after POST /api/v3/command", 2, lambda: rig.container.settings.update_general(paused)
    )
    assert (hunt.status, hunt.reason, hunt.searched) == (HuntStatus.COMPLETED, "paused", 2)
    await check_consistency(rig, app)


async def test_an_instance_that_is_deleted_in_the_middle_ends_its_hunt(rig: Rig) -> None:
    app, instance, hunt_id = await hunted(rig)
    hunt = await run_and_do(
        rig,
        hunt_id,
        "after POST /api/v3/command",
        2,
        lambda: rig.container.instances.delete(instance.app_type, instance.id),
    )
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert (hunt.status, hunt.reason) == (HuntStatus.CANCELLED, "deleted")
    assert not {item.outcome for item in hunt.items} & {Outcome.SENDING, Outcome.PENDING}
    assert len(app.commands.every) == 2


async def test_a_limit_counts_over_all_passes(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(missing_share=0.2, cutoff_share=0.6, series=3), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", missing_batch=50, cutoff_batch=50)
    hunt = await rig.hunt(instance, limit=4)
    assert hunt.searched == 4
    hunt = await rig.hunt(instance, limit=3, passes=["cutoff"])
    assert {item.hunt_pass for item in hunt.items} == {"cutoff"}
    assert hunt.searched == 3


async def test_a_pass_that_is_off_stays_off_whoever_asks(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(missing_share=0.5, cutoff_share=0.4, series=3), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", cutoff_batch=0)
    assert {item.hunt_pass for item in (await rig.hunt(instance, limit=50)).items} == {"missing"}
    assert (await rig.hunt(instance, limit=5, passes=["cutoff"])).searched == 0


async def test_a_dry_run_keeps_to_caps_and_limit_over_all_passes(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(missing_share=0.4, cutoff_share=0.4, series=5), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", missing_batch=3, cutoff_batch=3, hourly_cap=4)

    async def pretended(**given: Any) -> list[str]:
        hunt = await rig.hunt(instance, dry_run=True, **given)
        return [item.hunt_pass for item in hunt.items if item.decision is Reason.SEARCH]

    assert await pretended() == ["missing"] * 3 + ["cutoff"]
    assert await pretended(limit=2) == ["missing"] * 2


async def test_a_dry_run_decides_like_the_next_hunt_and_changes_nothing(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(700), grab_share=0, tie_block=1)
    instance = await rig.add(app, missing_batch=3, exclude_tags=["keep", "anime", "no-hunt"])
    dry = await rig.hunt(instance, dry_run=True)
    assert (dry.status, dry.searched) == (HuntStatus.COMPLETED, 0)
    async with rig.container.infra.db.reading() as session:
        assert (await session.exec(select(CapEntry))).all() == []
        assert (await session.exec(select(ItemState))).all() == []
        assert (await session.exec(select(WalkCursor))).all() == []
    planned = [item.media_key for item in dry.items if item.decision is Reason.SEARCH]
    real = await rig.hunt(instance)
    assert [item.media_key for item in real.items if item.search_id] == planned


async def test_a_hunt_that_a_second_worker_takes_over_keeps_to_its_batch(rig: Rig) -> None:
    app, _, hunt_id = await hunted(rig)
    posts = 0

    async def dies_at_the_third(step: str) -> None:
        nonlocal posts
        posts += step == "after POST /api/v3/command"
        if posts == 3:
            raise Killed(step)

    async with stepping_runner(rig, dies_at_the_third) as first:
        with pytest.raises(Killed):
            await first.run(hunt_id)
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, 5)
    assert len(app.searcher.records) == 5


@pytest.mark.storage
async def test_two_workers_with_a_crash_between_them_keep_to_the_cap(rig: Rig) -> None:
    app, instance, hunt_id = await hunted(rig, hourly_cap=7, missing_batch=4)
    async with stepping_runner(rig, Fuse(45)) as first:
        with pytest.raises(Killed):
            await first.run(hunt_id)
    await rig.container.hunting.runner.run(hunt_id)
    await asyncio.gather(*(rig.hunt(instance) for _ in range(3)))
    await rig.hunt(instance)
    assert len(app.commands.every) <= 7
    await check_consistency(rig, app)


async def test_the_gap_holds_between_two_hunts_too(rig: Rig) -> None:
    app, instance, hunt_id = await hunted(rig, seconds=0.05, min_gap_seconds=30, missing_batch=2)
    await rig.container.hunting.runner.run(hunt_id)
    await rig.hunt(instance)
    times = [record.at for record in app.log.records if record.method == "POST"]
    assert len(times) == 4
    assert all(later - earlier >= 30 for earlier, later in pairwise(times))


async def test_never_more_than_two_searches_are_in_flight(rig: Rig) -> None:
    app, instance, hunt_id = await hunted(rig, seconds=45, min_gap_seconds=0, missing_batch=6)
    most = 0

    async def count(_step: str) -> None:
        nonlocal most
        app.settle()
        most = max(most, len(app.commands.active))

    async with stepping_runner(rig, count) as runner:
        await runner.run(hunt_id)
    assert most == 2
    assert len(app.searcher.records) == 6
    assert (await rig.container.hunting.service.get(hunt_id)).searched == 6
    assert instance.id


async def test_a_search_that_takes_too_long_is_settled_later(rig: Rig) -> None:
    app, instance, hunt_id = await hunted(rig, seconds=1500, missing_batch=1, command_timeout_minutes=5)
    began_at = rig.clock.now
    await rig.container.hunting.runner.run(hunt_id)
    hunt = await rig.container.hunting.service.get(hunt_id)
    [item] = [one for one in hunt.items if one.search_id]
    assert (hunt.status, item.outcome) == (HuntStatus.COMPLETED, Outcome.PENDING)
    assert timedelta(minutes=5) <= rig.clock.now - began_at < timedelta(minutes=7)
    rig.clock.forward(minutes=21)
    await rig.container.hunting.follow_up.run(instance.id)
    await check_consistency(rig, app)

"""The clock of the machine jumps: nothing is searched or fired twice, and nothing waits for a wrong time."""

from datetime import timedelta
from typing import Any

import pytest

from app.core import heartbeat
from app.hunting.schemas import HuntIn, StateResetIn
from app.hunting.store.models import CapEntry, Hunt, HuntState
from app.instances.schemas import InstanceOut
from tests.hunting.assertions import check_consistency
from tests.hunting.libraries import searches_of
from tests.schedules.scheduling import runs_of, scheduled
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig
from tests.worker.test_ticks import rows
from worker import ticks

pytestmark = pytest.mark.asyncio

WRONG = timedelta(days=365)
SETTINGS: dict[str, Any] = {"missing_batch": 3, "interval_minutes": 60, "hourly_cap": 20, "max_queue": -1}


async def hunted(rig: Rig) -> tuple[SimApp, InstanceOut]:
    app = rig.radarr(LibrarySpec.with_missing(200), grab_share=0)
    return app, await rig.add(app, **SETTINGS)


async def minutes(rig: Rig, count: int, *, step: int = 5) -> None:
    """Let time pass while a worker does all that is due."""
    for _ in range(count // step):
        rig.clock.forward(minutes=step)
        for tick in (
            ticks.start_due_hunts,
            ticks.fire_due_schedules,
            ticks.follow_up,
            ticks.enqueue_lost_jobs,
            ticks.start_due_backups,
        ):
            await tick(rig.container)
        await rig.work()


async def began(rig: Rig) -> list[Any]:
    return sorted(hunt.started_at for hunt in await rows(rig, Hunt))


@pytest.mark.storage
@pytest.mark.timeout(120)
async def test_a_clock_that_ran_a_year_ahead_for_a_while(rig: Rig) -> None:
    app, instance = await hunted(rig)
    made = await scheduled(rig, cron="0 * * * *")
    await minutes(rig, 60)
    rig.clock.now += WRONG
    await minutes(rig, 60)
    rig.clock.now -= WRONG
    right_again_at = rig.clock.now
    before = len(searches_of(app))
    await minutes(rig, 130)

    assert [at for at in await began(rig) if right_again_at <= at < right_again_at + timedelta(minutes=80)]
    assert len(searches_of(app)) > before
    assert set(searches_of(app).values()) == {1}, "what was searched in the wrong year counts as searched"
    runs = [run.due_at for run in await runs_of(rig, made.id) if run.status == "completed" and run.due_at]
    assert len([due for due in runs if right_again_at < due <= rig.clock.now]) == 2
    assert len(runs) == len(set(runs))
    caps = await rows(rig, CapEntry)
    assert all(entry.reserved_at <= rig.clock.now for entry in caps)
    assert instance.enabled
    await check_consistency(rig, app)


async def test_the_cooldown_of_a_search_in_the_future_counts_from_the_correction(rig: Rig) -> None:
    app, instance = await hunted(rig)
    rig.clock.now += WRONG
    await rig.hunt(instance)
    rig.clock.now -= WRONG
    for _ in range(8):  # manual hunts too, before any periodic task has run
        rig.clock.forward(hours=3)
        await rig.hunt(instance)
    assert set(searches_of(app).values()) == {1}
    [state] = await rows(rig, HuntState)
    assert state.last_hunt_at <= rig.clock.now


async def test_a_reset_in_the_future_counts_once(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(2), grab_share=0)
    instance = await rig.add(app, **SETTINGS)
    await rig.hunt(instance)
    rig.clock.now += WRONG
    await rig.container.history.reset_state(StateResetIn(instance_id=instance.id))
    rig.clock.now -= WRONG
    for _ in range(4):
        rig.clock.forward(hours=1)
        await rig.hunt(instance)
    assert set(searches_of(app).values()) == {2}


async def test_caps_that_were_used_in_the_future_are_free_after_an_hour(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, **SETTINGS | {"hourly_cap": 3, "min_gap_seconds": 1})
    rig.clock.now += timedelta(hours=10)
    assert (await rig.hunt(instance)).searched == 3
    rig.clock.now -= timedelta(hours=10)
    assert (await rig.hunt(instance)).reason == "hourly_cap"
    rig.clock.forward(minutes=61)
    assert (await rig.hunt(instance)).searched == 3
    assert set(searches_of(app).values()) == {1}


async def test_a_hunt_that_was_queued_in_the_future_is_enqueued(rig: Rig) -> None:
    _, instance = await hunted(rig)
    rig.clock.now += WRONG
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    await rig.container.infra.redis.flushall()
    rig.clock.now -= WRONG
    await minutes(rig, 5)
    assert (await rig.container.hunting.service.get(hunt.id)).status == "completed"


async def test_a_backup_comes_the_next_night(rig: Rig) -> None:
    await ticks.start_due_backups(rig.container)
    rig.clock.now += WRONG
    await ticks.start_due_backups(rig.container)
    await rig.work()
    rig.clock.now -= WRONG
    before = len(await rig.container.backups.service.all())
    for _ in range(24):
        rig.clock.forward(hours=1)
        await ticks.start_due_backups(rig.container)
        await rig.work()
    assert len(await rig.container.backups.service.all()) == before + 1


async def test_heartbeats_from_the_future_do_not_count(rig: Rig) -> None:
    redis, now = rig.container.infra.redis, rig.clock.now
    await heartbeat.beat(redis, "dead", now + WRONG, heartbeat.COUNTS_FOR)
    assert await heartbeat.count_alive(redis, now) == 0
    await heartbeat.beat(redis, "alive", now, heartbeat.COUNTS_FOR)
    assert await heartbeat.count_alive(redis, now) == 1
    assert await redis.zcard(heartbeat.WORKERS) == 1

"""Each due time fires once: with many workers, clock changes, downtime, dead workers and a clock that is set back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.container import Container, open_container
from app.core.schemas import Page
from app.hunting.store.models import HuntStatus
from app.schedules.models import OPEN_RUNS, RunStatus, ScheduleRun
from app.schedules.runner import MISSED, TOO_LATE
from app.schedules.schemas import ScheduleIn, ScheduleOut
from app.settings.general import GeneralIn
from tests.hunting.crashes import Fuse, Killed
from tests.schedules.oracle import CHANGES
from tests.schedules.scheduling import fired, hunts_of, instance, runs_of, scheduled, stepping_runner
from tests.support.rig import START, Rig
from worker import tasks, ticks

pytestmark = pytest.mark.asyncio

HOUR = timedelta(hours=1)
STEP = timedelta(minutes=15)


@asynccontextmanager
async def three_workers(rig: Rig) -> AsyncIterator[list[Container]]:
    """The containers of three processes, on one database, one Redis and one clock."""
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(open_container(rig.config, clock=rig.clock)) for _ in range(2)]
        yield [rig.container, *others]


async def fire_due(workers: list[Container]) -> None:
    """All workers fire at once, as they may; and again, because a task may run twice."""
    for _ in range(2):
        await asyncio.gather(*(ticks.fire_due_schedules(worker) for worker in workers))


def shown(runs: list[ScheduleRun], schedule: ScheduleOut, zone: str) -> list[str]:
    ours = [run.due_at for run in runs if run.schedule_id == schedule.id and run.due_at is not None]
    return [f"{due_at.astimezone(ZoneInfo(zone)):%H:%M %z}" for due_at in ours]


THROUGH: dict[tuple[str, int], dict[str, list[str]]] = {
    ("Europe/Berlin", 0): {
        "30 2 * * *": ["03:00 +0200"],
        "0,30 1-3 * * *": ["01:00 +0100", "01:30 +0100", "03:00 +0200", "03:30 +0200"],
        "0 3 * * *": ["03:00 +0200"],
    },
    ("Europe/Berlin", 1): {
        "30 2 * * *": ["02:30 +0200"],
        "0,30 1-3 * * *": ["01:00 +0200", "01:30 +0200", "02:00 +0200", "02:30 +0200", "03:00 +0100", "03:30 +0100"],
        "0 3 * * *": ["03:00 +0100"],
    },
    ("America/New_York", 0): {"30 2 * * *": ["03:00 -0400"], "0 1,3 * * *": ["01:00 -0500", "03:00 -0400"]},
    ("America/New_York", 1): {"30 1 * * *": ["01:30 -0400"], "0 1,2 * * *": ["01:00 -0400", "02:00 -0500"]},
    ("Australia/Lord_Howe", 0): {"15 2 * * *": ["02:30 +1100"], "30 1,2 * * *": ["01:30 +1030", "02:30 +1100"]},
    ("Australia/Lord_Howe", 1): {
        "45 1 * * *": ["01:45 +1100"],
        "0,30 1,2 * * *": ["01:00 +1100", "01:30 +1100", "02:00 +1030", "02:30 +1030"],
    },
}


@pytest.mark.storage
@pytest.mark.parametrize(("zone", "which"), list(THROUGH), ids=lambda part: str(part))
@pytest.mark.process
async def test_three_workers_fire_each_due_time_once_through_a_clock_change(rig: Rig, zone: str, which: int) -> None:
    change = CHANGES[zone][which]
    rig.clock.now = change - 3 * HOUR
    await rig.container.settings.update_general(GeneralIn.model_validate({"timezone": zone}))
    expected = THROUGH[zone, which]
    made = {text: await scheduled(rig, cron=text) for text in expected}
    timed = await scheduled(rig, time="03:30", timezone=zone)
    steps = await scheduled(rig, interval_minutes=30)
    async with three_workers(rig) as workers:
        while rig.clock.now < change + 3 * HOUR:
            rig.clock.now += STEP
            await fire_due(workers)
            await rig.work()
    runs = await runs_of(rig)
    assert {text: shown(runs, schedule, zone) for text, schedule in made.items()} == expected
    assert shown(runs, timed, zone) == [f"03:30 {(change + HOUR).astimezone(ZoneInfo(zone)):%z}"]
    elapsed = [run.due_at - change for run in runs if run.schedule_id == steps.id and run.due_at is not None]
    assert elapsed == [timedelta(minutes=30 * number) for number in range(-5, 7)]
    assert {run.status for run in runs} == {RunStatus.COMPLETED}
    assert {run.attempts for run in runs} == {1}


@pytest.mark.storage
async def test_many_schedules_and_workers_at_one_time(rig: Rig) -> None:
    for _ in range(20):
        await scheduled(rig, interval_minutes=60)
    async with three_workers(rig) as workers:
        for _ in range(3):
            rig.clock.forward(hours=1)
            await asyncio.gather(*(fire_due(workers) for _ in range(3)))
            await rig.work()
    runs = await runs_of(rig)
    assert len(runs) == len({(run.schedule_id, run.due_at) for run in runs}) == 60
    assert {run.status for run in runs} == {RunStatus.COMPLETED}


@pytest.mark.storage
async def test_a_schedule_queues_one_hunt_with_its_trigger(rig: Rig) -> None:
    first, second = await instance(rig), await instance(rig)
    made = await scheduled(rig, "hunt", params={"passes": ["missing"], "limit": 3})
    rig.clock.forward(hours=1)
    async with three_workers(rig) as workers:
        await fire_due(workers)
        [run] = await runs_of(rig)
        await asyncio.gather(*(worker.schedules.runner.run(run.id or 0) for worker in workers for _ in range(2)))
    hunts = await hunts_of(rig)
    assert [(hunt.instance_id, hunt.trigger, hunt.passes, hunt.limit) for hunt in hunts] == [
        (first, "schedule", ["missing"], 3),
        (second, "schedule", ["missing"], 3),
    ]
    [run] = await runs_of(rig)
    assert (run.status, run.message, run.hunt_ids) == ("completed", "2 hunts queued.", [hunt.id for hunt in hunts])
    last = (await rig.container.schedules.service.get(made.id)).last_run
    assert last is not None
    assert (last.status, last.message) == (RunStatus.COMPLETED, "2 hunts queued.")


@pytest.mark.storage
@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (1, [("03:00", "completed")]),
        (1.001, [("03:00", "missed")]),
        (24, [("03:00", "missed"), ("03:00", "completed")]),
        (80, [("03:00", "missed")]),
    ],
)
async def test_missed_times_become_one_run_or_one_missed_run(
    rig: Rig, hours: float, expected: list[tuple[str, str]]
) -> None:
    made = await scheduled(rig, time="03:00")
    assert made.next_run_at == START.replace(hour=3) + timedelta(days=1)
    rig.clock.now = made.next_run_at + timedelta(hours=hours)
    runs = await fired(rig)
    assert [(f"{run.due_at:%H:%M}", run.status) for run in runs] == expected
    assert {run.message for run in runs if run.status == RunStatus.MISSED} <= {MISSED}
    assert len(await fired(rig)) == len(expected)
    following = (await rig.container.schedules.service.get(made.id)).next_run_at
    assert following is not None
    assert rig.clock.now < following <= rig.clock.now + timedelta(days=1)


@pytest.mark.storage
async def test_a_clock_that_is_set_back_fires_nothing_twice(rig: Rig) -> None:
    made = await scheduled(rig, cron="*/10 * * * *")
    for _ in range(6):
        rig.clock.forward(minutes=10)
        await fired(rig)
    before = [run.due_at for run in await runs_of(rig)]
    rig.clock.forward(minutes=-45)
    # Even when the next run is computed again meanwhile: a recorded run does not come again.
    body = {"name": "S", "action": "resume", "cron": "*/10 * * * *"}
    await rig.container.schedules.service.replace(made.id, ScheduleIn.model_validate({**body, "enabled": False}))
    await rig.container.schedules.service.replace(made.id, ScheduleIn.model_validate(body))
    for _ in range(5):
        await fired(rig)
        rig.clock.forward(minutes=10)
    assert [run.due_at for run in await runs_of(rig)] == before
    rig.clock.forward(minutes=10)
    await fired(rig)
    assert len(await runs_of(rig)) == 7


@pytest.mark.storage
@pytest.mark.process
async def test_wherever_a_worker_dies_there_is_one_run_and_one_hunt(rig: Rig) -> None:
    hunted = await instance(rig)
    at, died = 0, True
    while died:
        made = await scheduled(rig, "hunt", interval_minutes=60)
        rig.clock.forward(hours=1)
        fuse = Fuse(at)
        died = await _fire_and_run(rig, fuse)
        # The hunt of the dead worker has ended before anybody looks: a second hunt would be a new row.
        await _end_hunts(rig)
        for _ in range(3):
            rig.clock.forward(seconds=61)
            await fired(rig)
            await ticks.enqueue_lost_jobs(rig.container)
            await rig.work()
        [run] = await runs_of(rig, made.id)
        assert (run.status, len(run.hunt_ids)) == ("completed", 1), fuse.steps
        at += 1
        assert [hunt.instance_id for hunt in await hunts_of(rig)] == [hunted] * at, fuse.steps
        await _end_hunts(rig)
        await rig.container.schedules.service.delete(made.id)
    assert at >= 12


async def _end_hunts(rig: Rig) -> None:
    for hunt in await hunts_of(rig):
        if hunt.status == HuntStatus.QUEUED:
            await rig.container.hunting.service.cancel(hunt.id or 0)


async def _fire_and_run(rig: Rig, fuse: Fuse) -> bool:
    """One worker from firing to the end of the job; whether it died on the way."""
    async with stepping_runner(rig, fuse) as runner:
        try:
            await runner.fire_due()
            for run in await runs_of(rig):
                if run.status in OPEN_RUNS:
                    await runner.run(run.id or 0)
        except Killed:
            return True
    return False


@pytest.mark.storage
async def test_a_claim_holds_for_a_minute_and_a_late_worker_writes_nothing(rig: Rig) -> None:
    await scheduled(rig)
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    [run] = await runs_of(rig)
    async with stepping_runner(rig, Fuse(2)) as runner:  # after the claim
        with pytest.raises(Killed):
            await runner.run(run.id or 0)
    [run] = await runs_of(rig)
    assert (run.status, run.attempts) == ("running", 1)
    rig.clock.forward(seconds=59)
    await rig.container.schedules.runner.run(run.id or 0)
    assert [run.attempts for run in await runs_of(rig)] == [1]
    rig.clock.forward(seconds=1)
    await rig.container.schedules.runner.run(run.id or 0)
    [run] = await runs_of(rig)
    assert (run.status, run.attempts) == ("completed", 2)
    await rig.container.schedules.runner.run(run.id or 0)
    await rig.container.schedules.runner.run(4711)
    assert [run.attempts for run in await runs_of(rig)] == [2]


@pytest.mark.parametrize("is_over", [True, False])
async def test_a_late_worker_does_not_overwrite_the_result_of_the_next_one(rig: Rig, is_over: bool) -> None:
    await scheduled(rig)
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()

    async def held_up(_step: str) -> None:
        steps.append(_step)
        if len(steps) == 4:  # before it stores the result
            rig.clock.forward(seconds=61)
            async with stepping_runner(rig, Fuse(99 if is_over else 2)) as second:
                with nullcontext() if is_over else pytest.raises(Killed):
                    await second.run(1)
            before.extend(await runs_of(rig))
            rig.clock.forward(seconds=5)

    steps: list[str] = []
    before: list[ScheduleRun] = []
    async with stepping_runner(rig, held_up) as first:
        await first.run(1)
    assert [run.attempts for run in before] == [2]
    assert [run.status for run in before] == ["completed" if is_over else "running"]
    assert await runs_of(rig) == before


async def test_hunts_are_found_again_when_two_workers_died_over_them(rig: Rig) -> None:
    await instance(rig)
    await scheduled(rig, "hunt")
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    for steps in (6, 2):  # with its hunt queued; with nothing but the claim
        async with stepping_runner(rig, Fuse(steps)) as dying:
            with pytest.raises(Killed):
                await dying.run(1)
        await _end_hunts(rig)
        rig.clock.forward(minutes=1)
    assert len(await hunts_of(rig)) == 1
    await rig.container.schedules.runner.run(1)
    [run] = await runs_of(rig)
    assert (run.status, run.hunt_ids, len(await hunts_of(rig))) == ("completed", [1], 1)


async def test_lost_jobs_are_enqueued_again_and_old_runs_are_given_up(rig: Rig) -> None:
    await scheduled(rig, time="13:00")
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    await rig.container.infra.redis.flushall()
    await rig.work()
    assert [run.status for run in await runs_of(rig)] == ["queued"]
    rig.clock.forward(seconds=31)
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    assert [run.status for run in await runs_of(rig)] == ["completed"]
    rig.clock.now = START + timedelta(days=1, hours=1)
    await rig.container.schedules.runner.fire_due()
    await rig.container.infra.redis.flushall()
    rig.clock.forward(hours=2)
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    last = (await runs_of(rig))[-1]
    assert (last.status, last.message) == ("missed", TOO_LATE)


async def test_a_claim_from_the_future_does_not_hold(rig: Rig) -> None:
    """The clock was wrong when it was made."""
    await scheduled(rig)
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    [run] = await runs_of(rig)
    async with stepping_runner(rig, Fuse(2)) as runner:
        with pytest.raises(Killed):
            await runner.run(run.id or 0)
    rig.clock.forward(hours=-3)
    await ticks.enqueue_lost_jobs(rig.container)
    await rig.work()
    assert [run.status for run in await runs_of(rig)] == ["completed"]


async def test_a_run_that_kills_every_worker_is_given_up(rig: Rig) -> None:
    await scheduled(rig)
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    [run] = await runs_of(rig)
    for _ in range(10):
        async with stepping_runner(rig, Fuse(2)) as runner:
            with pytest.raises(Killed):
                await runner.run(run.id or 0)
        rig.clock.forward(seconds=60)
    await rig.container.schedules.runner.run(run.id or 0)
    [run] = await runs_of(rig)
    assert (run.status, run.attempts) == ("failed", 10)


@pytest.mark.storage
async def test_a_new_general_time_zone_moves_the_schedules_without_their_own(rig: Rig) -> None:
    general, own = await scheduled(rig, time="13:00"), await scheduled(rig, time="13:00", timezone="UTC")
    steps = await scheduled(rig, interval_minutes=60)
    rig.clock.forward(minutes=59)
    await rig.container.settings.update_general(GeneralIn.model_validate({"timezone": "America/New_York"}))

    async def next_runs() -> list[datetime | None]:
        return [
            (await rig.container.schedules.service.get(schedule.id)).next_run_at for schedule in (general, own, steps)
        ]

    at_one, new_york = START + HOUR, datetime(2026, 11, 23, 18, tzinfo=UTC)
    assert await next_runs() == [new_york, at_one, at_one]
    rig.clock.forward(minutes=1)  # no worker fired in between
    assert [run.schedule_id for run in await fired(rig)] == [own.id, steps.id]
    assert (await next_runs())[0] == new_york
    rig.clock.now = new_york
    assert [run.due_at for run in await fired(rig) if run.schedule_id == general.id] == [new_york]


@pytest.mark.storage
async def test_retention_keeps_the_newest_and_the_latest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.schedules.service.MAX_RUNS_KEPT", 5)
    monkeypatch.setattr("app.core.retention.BATCH_ROWS", 2)
    often, once = await scheduled(rig, interval_minutes=60), await scheduled(rig, time="13:00", days=["mon"])
    for _ in range(9):
        rig.clock.forward(hours=1)
        await fired(rig)

    async def kept(schedule: ScheduleOut) -> Page[Any]:
        return await rig.container.schedules.service.runs(schedule.id, page=1, page_size=50)

    await tasks.delete_old_rows({"container": rig.container})
    assert [run.due_at.hour for run in (await kept(often)).items] == [21, 20, 19, 18, 17]
    assert (await kept(once)).total == 1
    rig.clock.forward(days=400)
    await tasks.delete_old_rows({"container": rig.container})
    assert [run.due_at.hour for run in (await kept(often)).items] == [21]
    assert (await kept(once)).total == 1


async def test_the_worker_has_the_tasks_of_schedules() -> None:
    assert {ticks.fire_due_schedules, ticks.enqueue_lost_jobs} <= {tick.task for tick in ticks.TICKS}

"""Each action on its targets, without anything to do, and with failures."""

from pathlib import Path
from typing import Any

import pytest

from app.actions.actions import ACTIONS
from app.arr.models import AppType
from app.schedules.models import RunStatus, Schedule, ScheduleRun
from app.schedules.runner import BROKEN, GAVE_UP
from tests.schedules.scheduling import fired, hunts_of, instance, runs_of, scheduled
from tests.support.rig import Rig, open_rig
from tests.test_house_rules import table_of


async def run_now(rig: Rig, action: str, **given: Any) -> ScheduleRun:
    made = await scheduled(rig, action, **given)
    await rig.container.schedules.runner.start(made.id)
    await rig.work()
    [run] = await runs_of(rig, made.id)
    return run


async def enabled(rig: Rig) -> dict[int, bool]:
    return {instance.id: instance.enabled for instance in await rig.container.instances.all()}


@pytest.mark.asyncio
async def test_instances_are_enabled_and_disabled(rig: Rig) -> None:
    first, second, third = await instance(rig), await instance(rig), await instance(rig, enabled=False)
    run = await run_now(rig, "disable", instance_id=first)
    assert (run.status, run.message) == ("completed", "1 instance disabled.")
    assert await enabled(rig) == {first: False, second: True, third: False}
    run = await run_now(rig, "disable", app_type="radarr")
    assert run.message == "1 instance disabled. 2 already disabled."
    assert set((await enabled(rig)).values()) == {False}
    run = await run_now(rig, "enable")
    assert run.message == "3 instances enabled."
    assert set((await enabled(rig)).values()) == {True}
    run = await run_now(rig, "enable", app_type="sonarr")
    assert (run.status, run.message) == ("skipped", "There is no sonarr.")


@pytest.mark.asyncio
async def test_hunting_is_paused_and_resumed(rig: Rig) -> None:
    run = await run_now(rig, "pause", params={"minutes": 90})
    assert (run.status, run.message) == ("completed", "Hunting paused until 2026-11-23 13:30 UTC.")
    assert (await rig.container.settings.general()).hunting_paused
    rig.clock.forward(minutes=90)
    assert not (await rig.container.settings.general()).hunting_paused
    assert (await run_now(rig, "pause")).message == "Hunting paused."
    rig.clock.forward(days=300)
    assert (await rig.container.settings.general()).hunting_paused
    assert (await run_now(rig, "resume")).message == "Hunting resumed."
    assert not (await rig.container.settings.general()).hunting_paused


@pytest.mark.asyncio
async def test_the_hourly_cap_is_in_force(rig: Rig) -> None:
    plain, own = await instance(rig), await instance(rig, hourly_cap=50)

    async def caps() -> dict[int, int]:
        made = await rig.container.instances.all()
        return {instance.id: instance.hunting.hourly_cap for instance in made if instance.hunting is not None}

    run = await run_now(rig, "set_hourly_cap", app_type="radarr", params={"hourly_cap": 7})
    assert (run.status, run.message) == ("completed", "Hourly cap of 2 instances set to 7.")
    assert await caps() == {plain: 7, own: 7}
    assert (await rig.container.settings.hunting(AppType.RADARR)).hourly_cap == 7
    assert (await rig.container.settings.hunting(AppType.SONARR)).hourly_cap == 20
    await run_now(rig, "set_hourly_cap", instance_id=plain, params={"hourly_cap": 400})
    assert await caps() == {plain: 400, own: 7}
    await run_now(rig, "set_hourly_cap", params={"hourly_cap": 1})
    assert await caps() == {plain: 1, own: 1}
    assert (await rig.container.settings.hunting(AppType.SONARR)).hourly_cap == 1


@pytest.mark.asyncio
async def test_a_requested_backup_is_made(rig: Rig) -> None:
    run = await run_now(rig, "backup")
    assert run.status == "completed"
    await rig.work()
    [made] = await rig.container.backups.service.all()
    assert made.kind == "scheduled"


@pytest.mark.asyncio
async def test_a_hunt_without_an_enabled_instance_is_skipped(rig: Rig) -> None:
    run = await run_now(rig, "hunt")
    assert (run.status, run.message, run.hunt_ids) == ("skipped", "There is no instance.", [])
    off = await instance(rig, enabled=False)
    run = await run_now(rig, "hunt", instance_id=off)
    assert (run.status, run.message) == ("skipped", "The instance is disabled: enable one to hunt.")
    assert await hunts_of(rig) == []


@pytest.mark.asyncio
async def test_a_hunt_that_is_open_is_joined(rig: Rig) -> None:
    hunted = await instance(rig)
    made = await scheduled(rig, "hunt", instance_id=hunted)
    for _ in range(2):
        run = await rig.container.schedules.runner.start(made.id)
        await rig.container.schedules.runner.run(run.id)
    assert len(await hunts_of(rig)) == 1
    first, second = await runs_of(rig)
    assert first.hunt_ids == second.hunt_ids == [1]


@pytest.mark.asyncio
async def test_an_action_that_breaks_is_a_failed_run(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_given: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(rig.container.settings, "resume", breaks)
    run = await run_now(rig, "resume")
    assert (run.status, run.message) == ("failed", BROKEN)


@pytest.mark.asyncio
async def test_what_another_version_wrote_is_a_failed_run(rig: Rig) -> None:
    made = await scheduled(rig, "hunt")
    for values, sentence in (
        ({"params": {"gone": 1}}, "The params do not fit the action hunt: save the schedule again."),
        ({"action": "dance"}, "There is no action dance."),
    ):
        async with rig.container.infra.db.session() as session:
            row = await session.get_one(Schedule, made.id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)
        await rig.container.schedules.runner.start(made.id)
        await rig.work()
        last = (await runs_of(rig))[-1]
        assert (last.status, last.message) == ("failed", sentence)


@pytest.mark.asyncio
async def test_without_redis_a_run_is_postponed_and_in_the_end_given_up(
    rig: Rig, tmp_path: Path, database_url: str
) -> None:
    await instance(rig)
    await scheduled(rig, "hunt")
    rig.clock.forward(hours=1)
    nowhere = f"unix://{tmp_path / 'nobody.sock'}"
    async with open_rig(database_url, nowhere, tmp_path) as cut_off:
        cut_off.clock.now = rig.clock.now
        assert await cut_off.container.schedules.runner.fire_due() == 1  # written, and enqueued later
        [run] = await runs_of(rig)
        for _ in range(10):
            await cut_off.container.schedules.runner.run(run.id or 0)
            assert [run.status for run in await runs_of(rig)] == ["running"]
            cut_off.clock.forward(minutes=1)
        await cut_off.container.schedules.runner.run(run.id or 0)
    [run] = await runs_of(rig)
    assert (run.status, run.message) == ("failed", GAVE_UP)


@pytest.mark.asyncio
async def test_a_postponed_run_is_done_when_redis_is_back(rig: Rig, tmp_path: Path, database_url: str) -> None:
    await instance(rig)
    await scheduled(rig, "hunt")
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    async with open_rig(database_url, f"unix://{tmp_path / 'nobody.sock'}", tmp_path) as cut_off:
        cut_off.clock.now = rig.clock.now
        await cut_off.container.schedules.runner.run(1)
    rig.clock.forward(minutes=1)
    await rig.container.schedules.runner.run(1)
    [run] = await runs_of(rig)
    assert (run.status, run.attempts, len(await hunts_of(rig))) == ("completed", 2, 1)


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_schedule_is_deleted_with_its_instance(rig: Rig) -> None:
    gone, stays = await instance(rig), await instance(rig)
    await scheduled(rig, "hunt", instance_id=gone)
    other = await scheduled(rig, "hunt", instance_id=stays)
    rig.clock.forward(hours=1)
    await rig.container.schedules.runner.fire_due()
    await rig.container.instances.delete(AppType.RADARR, gone)
    for run_id in (1, 2):
        await rig.container.schedules.runner.run(run_id)
    assert [schedule.id for schedule in await rig.container.schedules.service.all()] == [other.id]
    assert [hunt.instance_id for hunt in await hunts_of(rig)] == [stays]
    assert [run.status for run in await fired(rig)] == ["completed"]


def test_the_page_lists_every_action_and_status() -> None:
    listed = {row[0].strip("`"): row[1:3] for row in table_of("docs/schedules.md", "## Actions")}
    assert listed == {
        word: [
            "yes" if action.takes_target else "no",
            ", ".join(f"`{name}`" for name in action.params.model_fields) or "-",
        ]
        for word, action in ACTIONS.items()
    }
    statuses = {row[0].strip("`") for row in table_of("docs/schedules.md", "## Runs")}
    assert statuses == {status.value for status in RunStatus}


def test_actions_refuse_unknown_params() -> None:
    assert all(action.params.model_config["extra"] == "forbid" for action in ACTIONS.values())

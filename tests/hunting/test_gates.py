"""What ends a hunt before it searches, and what does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.arr.models import AppType
from app.hunting.schemas import HuntDetailOut, HuntIn
from app.hunting.store.models import Hunt, HuntState, HuntStatus
from app.instances.models import InstanceState
from app.instances.schemas import InstanceIn, InstanceOut, InstancePatch
from app.settings.general import GeneralIn
from tests.hunting.app_switch import switched
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PLENTY = LibrarySpec.with_missing(200)


async def automatic(rig: Rig, instance: InstanceOut) -> HuntDetailOut:
    """Let its time come and run the hunt that the tick queues."""
    async with rig.container.infra.db.session() as session:
        hunt_state = await session.get_one(HuntState, instance.id)
        hunt_state.next_hunt_at = rig.clock.now
    assert await rig.container.hunting.dispatcher.start_due() == 1
    async with rig.container.infra.db.reading() as session:
        query = select(Hunt.id).where(Hunt.instance_id == instance.id, Hunt.status == HuntStatus.QUEUED.value)
        hunt_id = (await session.exec(query)).one() or 0
    await rig.container.hunting.runner.run(hunt_id)
    return await rig.container.hunting.service.get(hunt_id)


async def state_of(rig: Rig, instance: InstanceOut) -> InstanceState:
    async with rig.container.infra.db.reading() as session:
        return await session.get_one(InstanceState, instance.id)


async def hunt_state_of(rig: Rig, instance: InstanceOut) -> HuntState:
    async with rig.container.infra.db.reading() as session:
        return await session.get_one(HuntState, instance.id)


async def general(rig: Rig, **values: Any) -> None:
    await rig.container.settings.update_general(GeneralIn.model_validate(values))


def verdict(hunt: HuntDetailOut) -> tuple[HuntStatus, str | None]:
    assert (hunt.reason is None) == (hunt.message is None)
    return hunt.status, hunt.reason


async def test_a_pause_skips_every_hunt_without_a_request(rig: Rig) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app)
    await general(rig, hunting_paused=True)
    assert verdict(await rig.hunt(instance)) == (HuntStatus.SKIPPED, "paused")
    assert app.log.total == 0
    await general(rig, hunting_paused=False)
    assert verdict(await rig.hunt(instance)) == (HuntStatus.COMPLETED, None)


async def test_an_instance_that_was_disabled_after_the_hunt_was_queued_is_left_alone(rig: Rig) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app)
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    await rig.container.instances.update(instance.app_type, instance.id, InstancePatch(enabled=False))
    await rig.container.hunting.runner.run(hunt.id)
    assert verdict(await rig.container.hunting.service.get(hunt.id)) == (HuntStatus.SKIPPED, "disabled")
    assert app.log.total == 0


WINDOWS: list[tuple[str, str, list[str], str, datetime, bool]] = [
    ("23:00", "06:00", ["mon"], "UTC", datetime(2026, 11, 23, 22, 59, tzinfo=UTC), False),
    ("23:00", "06:00", ["mon"], "UTC", datetime(2026, 11, 23, 23, 0, tzinfo=UTC), True),
    ("23:00", "06:00", ["mon"], "UTC", datetime(2026, 11, 24, 5, 59, tzinfo=UTC), True),
    ("23:00", "06:00", ["mon"], "UTC", datetime(2026, 11, 24, 6, 0, tzinfo=UTC), False),
    ("23:00", "06:00", ["tue"], "UTC", datetime(2026, 11, 24, 5, 0, tzinfo=UTC), False),
    ("08:00", "10:00", ["mon"], "Europe/Berlin", datetime(2026, 11, 23, 7, 0, tzinfo=UTC), True),
    ("08:00", "10:00", ["mon"], "Europe/Berlin", datetime(2026, 11, 23, 9, 0, tzinfo=UTC), False),
    ("08:00", "10:00", ["mon"], "Europe/Berlin", datetime(2026, 7, 6, 6, 0, tzinfo=UTC), True),
    ("08:00", "10:00", ["mon"], "America/New_York", datetime(2026, 11, 23, 13, 30, tzinfo=UTC), True),
    # The night of 2026-03-29 in Berlin has no 02:30; the window is what is left of it: until 03:00 = 01:00 UTC.
    ("01:30", "03:00", ["sun"], "Europe/Berlin", datetime(2026, 3, 29, 0, 45, tzinfo=UTC), True),
    ("01:30", "03:00", ["sun"], "Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),
    # The night of 2026-10-25 has 02:30 twice: both are inside.
    ("02:00", "03:00", ["sun"], "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
    ("02:00", "03:00", ["sun"], "Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
    ("02:00", "03:00", ["sun"], "Europe/Berlin", datetime(2026, 10, 25, 2, 0, tzinfo=UTC), False),
    ("12:00", "12:00", ["mon"], "UTC", datetime(2026, 11, 24, 11, 0, tzinfo=UTC), True),
]


@pytest.mark.parametrize(("start", "end", "days", "zone", "now", "is_open"), WINDOWS)
@pytest.mark.process
async def test_automatic_hunts_run_only_inside_the_windows(
    rig: Rig, start: str, end: str, days: list[str], zone: str, now: datetime, is_open: bool
) -> None:
    app = rig.sonarr(LibrarySpec(series=1))
    instance = await rig.add(app, windows=[{"days": days, "start": start, "end": end}])
    await general(rig, timezone=zone)
    rig.clock.now = now
    hunt = await automatic(rig, instance)
    assert verdict(hunt) == ((HuntStatus.COMPLETED, None) if is_open else (HuntStatus.SKIPPED, "outside_window"))
    assert (app.log.total > 0) == is_open


async def test_a_manual_hunt_runs_outside_the_windows(rig: Rig) -> None:
    instance = await rig.add(rig.sonarr(PLENTY), windows=[{"days": ["sun"], "start": "01:00", "end": "02:00"}])
    assert verdict(await rig.hunt(instance)) == (HuntStatus.COMPLETED, None)


async def test_a_cap_stops_the_hunt_in_the_middle_and_the_next_one_at_the_gate(rig: Rig) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app, missing_mode="episode", missing_batch=3, hourly_cap=5)
    assert (await rig.hunt(instance)).searched == 3
    rig.clock.forward(minutes=30)
    hunt = await rig.hunt(instance)
    assert (hunt.searched, hunt.skipped["missing"]["cap"] > 0) == (2, True)
    app.log.reset()
    third = await rig.hunt(instance)
    assert verdict(third) == (HuntStatus.SKIPPED, "hourly_cap")
    assert app.log.total == 0
    rig.clock.forward(minutes=31)
    assert (await rig.hunt(instance)).searched == 3
    rig.clock.forward(minutes=1)
    assert (await rig.hunt(instance)).searched == 0


async def test_the_daily_cap_holds_longer_than_the_hourly_one(rig: Rig) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app, missing_mode="episode", missing_batch=3, hourly_cap=400, daily_cap=4)
    assert (await rig.hunt(instance)).searched == 3
    rig.clock.forward(hours=2)
    assert (await rig.hunt(instance)).searched == 1
    rig.clock.forward(hours=2)
    assert verdict(await rig.hunt(instance)) == (HuntStatus.SKIPPED, "daily_cap")
    rig.clock.forward(hours=20)
    assert (await rig.hunt(instance)).searched == 3


@pytest.mark.process
async def test_an_app_that_is_down_is_tried_again_ever_more_rarely_and_comes_back_by_itself(rig: Rig) -> None:
    async with switched(rig, rig.sonarr(PLENTY), interval_minutes=60) as (instance, switch):
        await switch.off()
        waits = []
        for _ in range(6):
            hunt = await automatic(rig, instance)
            assert verdict(hunt) == (HuntStatus.SKIPPED, "offline")
            state = await state_of(rig, instance)
            assert state.rest_until == (await hunt_state_of(rig, instance)).next_hunt_at
            assert state.rest_until is not None
            assert (state.online, state.error_code) == (False, "unreachable")
            waits.append(round((state.rest_until - rig.clock.now) / timedelta(minutes=1)))
            rig.clock.now = state.rest_until
        assert waits == [1, 2, 5, 10, 15, 15]
        await switch.on()
        hunt = await automatic(rig, instance)
        state = await state_of(rig, instance)
        assert verdict(hunt) == (HuntStatus.COMPLETED, None)
        assert (state.online, state.failures, state.rest_until, state.error) == (True, 0, None, None)
        await switch.off()
        rig.clock.forward(minutes=11)
        await automatic(rig, instance)
        state = await state_of(rig, instance)
        assert state.rest_until is not None
        assert round((state.rest_until - rig.clock.now) / timedelta(minutes=1)) == 1


@pytest.mark.process
async def test_an_offline_app_rests_from_automatic_hunts_but_a_manual_one_tries_it(rig: Rig) -> None:
    async with switched(rig, rig.sonarr(PLENTY)) as (instance, switch):
        await switch.off()
        await automatic(rig, instance)
        await switch.on()
        assert verdict(await automatic(rig, instance)) == (HuntStatus.SKIPPED, "resting")
        assert verdict(await rig.hunt(instance)) == (HuntStatus.COMPLETED, None)


async def test_an_app_that_asked_for_rest_is_left_alone_by_everybody(rig: Rig) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app)
    app.faults.add(kind="status", status=429, retry_after=600, method="POST", path="command", times=1)
    await rig.hunt(instance)
    app.log.reset()
    assert verdict(await rig.hunt(instance)) == (HuntStatus.SKIPPED, "resting")
    assert verdict(await automatic(rig, instance)) == (HuntStatus.SKIPPED, "resting")
    assert app.log.total == 0


@pytest.mark.parametrize("fault", [{"kind": "starting"}, {"kind": "html"}, {"kind": "status", "status": 401}])
async def test_an_app_that_cannot_be_used_ends_the_hunt_with_a_sentence(rig: Rig, fault: dict[str, Any]) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app)
    app.faults.add(**fault)
    hunt = await rig.hunt(instance)
    assert verdict(hunt) == (HuntStatus.SKIPPED, "offline")
    assert hunt.message
    assert hunt.message.endswith(".")
    app.faults.clear()
    assert verdict(await rig.hunt(instance)) == (HuntStatus.COMPLETED, None)


async def test_another_app_at_the_address_is_not_searched(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(5))
    radarr = await rig.add(app)
    url = radarr.url
    await rig.container.instances.delete(radarr.app_type, radarr.id)
    given = InstanceIn(name="wrong", url=url, api_key=app.settings.api_key)
    wrong = await rig.container.instances.create(AppType.SONARR, given)
    hunt = await rig.hunt(wrong)
    assert verdict(hunt) == (HuntStatus.SKIPPED, "offline")
    assert "Radarr" in (hunt.message or "")
    assert app.searcher.records == []


def add_downloads(app: SimApp, *, active: int = 0, stuck: int = 0, pending: int = 0) -> None:
    """A pack of ten rows each; what is stuck or waits for a delay does not count."""
    ids = sorted(app.library.missing_ids())
    for number in range(active):
        app.downloads.add(ids[number * 10 : number * 10 + 10], status="downloading")
    for number in range(stuck):
        app.downloads.add([ids[100 + number]], status="downloading", tracked_status="warning")
        app.downloads.add([ids[120 + number]], status="completed", tracked_state="importPending")
        app.downloads.add([ids[140 + number]], status="paused")
    for number in range(pending):
        app.downloads.add([ids[160 + number]], status="delay")


@pytest.mark.parametrize(
    ("active", "limit", "is_open"), [(2, 3, True), (3, 3, False), (4, 3, False), (0, 0, False), (9, -1, True)]
)
async def test_the_queue_closes_the_gate_by_its_downloads_not_by_its_rows(
    rig: Rig, active: int, limit: int, is_open: bool
) -> None:
    app = rig.sonarr(PLENTY)
    instance = await rig.add(app, max_queue=limit)
    add_downloads(app, active=active, stuck=5, pending=5)
    hunt = await rig.hunt(instance)
    assert verdict(hunt) == ((HuntStatus.COMPLETED, None) if is_open else (HuntStatus.SKIPPED, "max_queue"))
    assert (await hunt_state_of(rig, instance)).queue_total == active + 15


async def test_a_queue_that_cannot_be_read_closes_the_gate_only_when_there_is_a_limit(rig: Rig) -> None:
    limited, free = rig.sonarr(PLENTY), rig.sonarr(PLENTY)
    for app in (limited, free):
        app.faults.add(kind="broken_json", path="queue")
    assert verdict(await rig.hunt(await rig.add(limited, max_queue=5))) == (HuntStatus.SKIPPED, "queue_unreadable")
    assert verdict(await rig.hunt(await rig.add(free))) == (HuntStatus.COMPLETED, None)
    assert limited.searcher.records == []


async def test_what_is_in_the_queue_is_not_searched_whatever_its_state(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(6), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", missing_batch=6, cutoff_batch=0)
    app.downloads.add([1, 2], status="downloading")
    app.downloads.add([3], status="completed", tracked_status="warning", tracked_state="importBlocked")
    hunt = await rig.hunt(instance)
    assert hunt.skipped == {"missing": {"queued": 3}}
    assert {record.item_ids for record in app.searcher.records} == {(4,), (5,), (6,)}


async def test_one_pass_that_fails_does_not_end_the_other(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(missing_share=0.4, cutoff_share=0.4))
    instance = await rig.add(app)
    app.faults.add(kind="wrong_type", path="wanted/missing")
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.searched) == (HuntStatus.PARTIAL, 1)
    assert "missing" in (hunt.message or "")

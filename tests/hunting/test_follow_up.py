"""Between the hunts: what came of the searches, and what changed in the app."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.arr.models import AppType
from app.hunting.schemas import SearchOut, StateResetIn
from app.hunting.selection.policy import Reason, StateStatus
from app.hunting.store.models import AppSnapshot, HuntState, Outcome, Search
from app.hunting.store.outcomes import LOST_AFTER, REFUSED, RESTARTED
from app.instances.schemas import InstanceOut
from tests.hunting.app_types import add, add_scored, every_app, scored_profile
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400, "missing_batch": 5}


async def follow(rig: Rig, instance: InstanceOut, *, minutes: int = 6) -> None:
    rig.clock.forward(minutes=minutes)
    await rig.container.hunting.follow_up.run(instance.id)


async def only_search(rig: Rig, instance: InstanceOut) -> SearchOut:
    [row] = (await rig.history(instance)).items
    return row


async def hunted(
    rig: Rig, kind: AppKind, outcome: Any, *, download_seconds: float = 900, **settings: Any
) -> tuple[SimApp, InstanceOut, int]:
    """One search of one item, of which this comes."""
    app = rig.simulated(kind, download_seconds=download_seconds, import_seconds=30, auto_redownload_failed=False)
    item = add(app)
    app.searcher.force(item, outcome)
    instance = await rig.add(app, **PLAIN, **settings)
    assert (await rig.hunt(instance)).searched == 1
    return app, instance, item


# --- outcomes --------------------------------------------------------------------------------------------------------


@every_app
@pytest.mark.process
async def test_a_search_is_followed_from_the_grab_to_the_import(rig: Rig, kind: AppKind) -> None:
    app, instance, _ = await hunted(rig, kind, "import")
    await follow(rig, instance)
    grabbed = await only_search(rig, instance)
    assert grabbed.outcome is Outcome.GRABBED
    assert grabbed.release_title
    assert grabbed.indexer
    assert grabbed.quality_before is None
    assert grabbed.seconds_to_grab is not None
    assert grabbed.seconds_to_grab < 60
    for _ in range(5):
        await follow(rig, instance)
    row = await only_search(rig, instance)
    assert (row.outcome, row.release_title, row.indexer) == (Outcome.IMPORTED, grabbed.release_title, grabbed.indexer)
    assert row.quality_after
    assert (row.score_after is None) is (kind == "readarr")
    assert row.seconds_to_import is not None
    assert 400 <= row.seconds_to_import <= 1400
    stats = await rig.container.stats.read()
    counted = stats.apps[AppType(app.definition.app_type)].instances[0]
    assert (counted.hunted, counted.grabbed, counted.imported) == (1, 1, 1)
    [led_to] = (await rig.container.stats.timeline(1, None)).yields
    assert (led_to.searches, led_to.grabbed, led_to.imported, led_to.searches_per_import) == (1, 1, 1, 1.0)


@every_app
@pytest.mark.process
async def test_nothing_found_is_known_soon_also_where_the_command_does_not_report_it(rig: Rig, kind: AppKind) -> None:
    _, instance, _ = await hunted(rig, kind, "nothing")
    await follow(rig, instance)
    assert (await only_search(rig, instance)).outcome is Outcome.NOTHING_FOUND
    [state] = (await rig.container.history.states(instance_id=None, status=None, page=1, page_size=10)).items
    assert state.fruitless == 1


@every_app
@pytest.mark.process
async def test_a_download_that_fails_fails_the_search_and_backs_the_item_off(rig: Rig, kind: AppKind) -> None:
    _, instance, _ = await hunted(rig, kind, "download_failed")
    for _ in range(5):
        await follow(rig, instance)
    row = await only_search(rig, instance)
    assert row.outcome is Outcome.IMPORT_FAILED
    assert row.message
    [state] = (await rig.container.history.states(instance_id=None, status=None, page=1, page_size=10)).items
    assert (state.fruitless, state.last_outcome) == (1, Outcome.IMPORT_FAILED)


@every_app
@pytest.mark.process
async def test_a_download_that_the_app_does_not_import_is_seen_in_the_queue(rig: Rig, kind: AppKind) -> None:
    app, instance, item = await hunted(rig, kind, "import_failed")
    for _ in range(5):
        await follow(rig, instance)
    await rig.hunt(instance)
    row = await only_search(rig, instance)
    assert row.outcome is Outcome.IMPORT_FAILED
    if app.definition.app_type in ("lidarr", "readarr"):
        return  # these tell it in their history too
    assert row.message == REFUSED
    [download] = app.downloads.all.values()
    app.history.add(item, "downloadFolderImported", download_id=download.download_id, quality_id=5)
    app.downloads.forget(download)
    second = add(app)
    app.searcher.force(second, "grab")
    rig.clock.forward(hours=7)  # a library without lists is read anew
    await rig.hunt(instance)
    await follow(rig, instance)
    assert {one.outcome for one in (await rig.history(instance)).items} >= {Outcome.IMPORTED}


async def test_what_is_neither_imported_nor_failed_is_lost_after_seven_days(rig: Rig) -> None:
    app, instance, _ = await hunted(rig, "radarr", "import")
    app.settings.download_seconds = 10**7
    for download in app.downloads.all.values():
        download.finish_at = download.settle_at = rig.clock.now.timestamp() + 10**7
    await follow(rig, instance)
    assert (await only_search(rig, instance)).outcome is Outcome.GRABBED
    rig.clock.now += LOST_AFTER
    await follow(rig, instance)
    row = await only_search(rig, instance)
    assert row.outcome is Outcome.LOST
    assert row.message
    assert row.message.endswith(".")


async def test_somebody_elses_grab_is_not_ours_and_forgives_the_item(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    items = [add(app) for _ in range(2)]
    instance = await rig.add(app, **PLAIN, skip_queued=False)
    await rig.hunt(instance)
    assert {one.fruitless for one in await states(rig)} == {1}
    app.searcher.force(add(app), "grab")
    await rig.hunt(instance)  # something to wait for, so that the history is read
    app.rss_grab(items[0])
    await follow(rig, instance)
    rows = {row.media_key: row for row in (await rig.history(instance)).items}
    assert rows[f"movie:{items[0]}"].outcome is Outcome.NOTHING_FOUND
    fruitless = {one.media_key: one.fruitless for one in await states(rig)}
    assert (fruitless[f"movie:{items[0]}"], fruitless[f"movie:{items[1]}"]) == (0, 1)


async def test_without_tracking_the_command_decides_and_no_history_is_read(rig: Rig) -> None:
    app, instance, _ = await hunted(rig, "radarr", "import", track_outcomes=False)
    assert (await only_search(rig, instance)).outcome is Outcome.GRABBED
    for _ in range(5):
        await follow(rig, instance)
    assert (await only_search(rig, instance)).outcome is Outcome.GRABBED
    assert app.log.counts["GET history"] == 0


async def test_an_upgrade_records_its_score_before_and_after(rig: Rig) -> None:
    app = rig.radarr(download_seconds=60)
    _, cutoff, _ = scored_profile(app)
    item = add_scored(app, 10)
    app.searcher.force(item, "import")
    instance = await rig.add(app, missing_batch=0, cutoff_batch=0, upgrade_batch=1)
    await rig.hunt(instance)
    for _ in range(3):
        await follow(rig, instance)
    row = await only_search(rig, instance)
    assert (row.outcome, row.score_before, row.hunt_pass) == (Outcome.IMPORTED, 10, "upgrade")
    assert row.score_after is not None
    assert row.score_after >= cutoff


async def test_a_history_that_cannot_be_read_is_read_later_from_where_it_was(rig: Rig) -> None:
    app, instance, _ = await hunted(rig, "sonarr", "import")
    fault = app.faults.add(kind="broken_json", path="history")
    for _ in range(5):
        await follow(rig, instance)
    assert fault.hits
    assert (await only_search(rig, instance)).outcome is Outcome.GRABBED
    app.faults.clear()
    await follow(rig, instance)
    assert (await only_search(rig, instance)).outcome is Outcome.IMPORTED


async def test_an_app_whose_clock_is_wrong_is_understood_by_its_own_clock(rig: Rig) -> None:
    app, instance, _ = await hunted(rig, "radarr", "import")
    async with rig.container.infra.db.session() as session:
        row = (await session.exec(select(Search))).one()
        assert row.command_began_at is not None
        ahead = timedelta(days=3)
        app.db.change("UPDATE history SET date_at = date_at + ?", (int(ahead.total_seconds()),))
        row.command_began_at += ahead
        row.command_ended_at = row.command_ended_at + ahead if row.command_ended_at else None
        session.add(row)
    await follow(rig, instance)
    assert (await only_search(rig, instance)).seconds_to_grab is not None


async def test_a_restart_of_the_app_fails_the_search_at_once(rig: Rig) -> None:
    """Trial 96: the list of commands has forgotten it, its id has not."""
    app = rig.radarr(command_seconds=3600)
    add(app)
    instance = await rig.add(app, **PLAIN, command_timeout_minutes=1)
    await rig.hunt(instance)
    app.restart()
    await follow(rig, instance, minutes=11)
    row = await only_search(rig, instance)
    assert (row.outcome, row.message) == (Outcome.SEARCH_FAILED, RESTARTED)


# --- the ration ------------------------------------------------------------------------------------------------------


@every_app
@pytest.mark.process
async def test_an_app_is_asked_at_most_three_times_in_ten_minutes_between_its_hunts(rig: Rig, kind: AppKind) -> None:
    app, instance, _ = await hunted(rig, kind, "grab", download_seconds=10**6)
    app.log.reset()
    for _ in range(120):
        await follow_if_due(rig, instance)
        rig.clock.forward(minutes=1)
    times = [record.at for record in app.log.records]
    assert len(times) >= 10
    assert all(sum(start <= at < start + 600 for at in times) <= 3 for start in times)


async def follow_if_due(rig: Rig, instance: InstanceOut) -> None:
    async with rig.container.infra.db.reading() as session:
        state = await session.get_one(HuntState, instance.id)
    if state.follow_up_at is None or state.follow_up_at <= rig.clock.now:
        await rig.container.hunting.follow_up.run(instance.id)


async def test_an_instance_with_nothing_open_is_asked_three_times_a_day(rig: Rig) -> None:
    app = rig.radarr()
    instance = await rig.add(app)
    await rig.container.instances.probe(instance.id)
    app.log.reset()
    for _ in range(3 * 24 * 12):
        await follow_if_due(rig, instance)
        rig.clock.forward(minutes=5)
    assert 9 <= app.log.total <= 10
    assert {record.path for record in app.log.records} == {
        "/api/v3/indexer",
        "/api/v3/qualityprofile",
        "/api/v3/customformat",
    }


# --- parking and waking up -------------------------------------------------------------------------------------------


async def states(rig: Rig, status: StateStatus | None = None) -> list[Any]:
    found = await rig.container.history.states(instance_id=None, status=status, page=1, page_size=50)
    return list(found.items)


async def parked_item(rig: Rig) -> tuple[SimApp, InstanceOut, int]:
    """A movie that was searched in vain as often as is allowed, long ago."""
    app = rig.radarr(grab_share=0)
    item = add(app, profile_id=2)
    instance = await rig.add(app, **PLAIN, park_after=2, backoff_factor=1, missing_cooldown_hours=1)
    for _ in range(2):
        await look_for_changes(rig, instance)
        assert (await rig.hunt(instance)).searched == 1
        rig.clock.forward(hours=2)
    assert await reason_of_only(rig, instance) is Reason.PARKED
    assert [one.status for one in await states(rig)] == [StateStatus.PARKED]
    assert len(await states(rig, StateStatus.PARKED)) == 1
    assert await states(rig, StateStatus.READY) == []
    return app, instance, item


async def look_for_changes(rig: Rig, instance: InstanceOut) -> None:
    """As a day of follow-ups does."""
    rig.clock.forward(days=1)
    for _ in range(4):
        await follow(rig, instance, minutes=11)


async def reason_of_only(rig: Rig, instance: InstanceOut) -> Reason:
    plan = await rig.container.hunting.planner.plan(instance.id)
    [item] = plan.passes[0].items
    return item.decision


async def change_indexers(app: SimApp, item: int) -> None:
    app.indexers.add("A new one")


async def change_profile(app: SimApp, item: int) -> None:
    profile = app.library.profiles[2]
    profile.cutoff_format_score += 50
    app.library.set_profile(profile)


async def change_formats(app: SimApp, item: int) -> None:
    app.library.set_format(1, specifications=[{"name": "another", "implementation": "ReleaseTitleSpecification"}])


async def change_profile_of_item(app: SimApp, item: int) -> None:
    app.library.update_item(item, profile_id=1)


async def change_tags(app: SimApp, item: int) -> None:
    app.library.update_item(item, tags=f"[{app.library.tag('other')}]")


async def nothing_changes(app: SimApp, item: int) -> None:
    app.indexers.remove(next(iter(app.indexers.all)))
    app.library.profiles[2].name = "Another name"


@pytest.mark.parametrize(
    ("change", "wakes"),
    [
        (change_indexers, True),
        (change_profile, True),
        (change_formats, True),
        (change_profile_of_item, True),
        (change_tags, True),
        (nothing_changes, False),
    ],
)
@pytest.mark.process
async def test_a_parked_item_is_searched_again_when_something_changed(rig: Rig, change: Any, wakes: bool) -> None:
    app, instance, item = await parked_item(rig)
    await change(app, item)
    await look_for_changes(rig, instance)
    assert await reason_of_only(rig, instance) is (Reason.SEARCH if wakes else Reason.PARKED)
    assert (await rig.hunt(instance)).searched == int(wakes)
    if wakes:
        rig.clock.forward(hours=2)
        assert await reason_of_only(rig, instance) is Reason.SEARCH, "it counts from the beginning again"


async def test_a_release_date_that_passes_unparks_a_movie(rig: Rig) -> None:
    app, instance, item = await parked_item(rig)
    app.library.update_item(
        item,
        digital_at=int((rig.clock.now + timedelta(days=3)).timestamp()),
        cinema_at=int((rig.clock.now - timedelta(days=90)).timestamp()),
    )
    assert await reason_of_only(rig, instance) is Reason.PARKED
    rig.clock.forward(days=4)
    assert await reason_of_only(rig, instance) is Reason.SEARCH


async def test_a_reset_unparks_an_item(rig: Rig) -> None:
    _, instance, item = await parked_item(rig)
    await rig.container.history.reset_state(StateResetIn(instance_id=instance.id, media_key=f"movie:{item}"))
    assert await reason_of_only(rig, instance) is Reason.SEARCH
    assert await states(rig, StateStatus.PARKED) == []


async def test_a_probe_that_fails_is_repeated_a_day_later(rig: Rig) -> None:
    app = rig.radarr()
    instance = await rig.add(app)
    await rig.container.instances.probe(instance.id)
    app.faults.add(kind="status", status=404, path="customformat")
    for _ in range(12):
        await follow(rig, instance, minutes=11)
    assert app.log.counts["GET customformat"] == 1
    async with rig.container.infra.db.reading() as session:
        marks = (await session.exec(select(AppSnapshot).order_by(col(AppSnapshot.instance_id)))).one()
    assert marks.formats is None
    assert marks.formats_at is not None

"""Hunts of every type of app: what is missing or not good enough is searched, by item and by owner."""

from datetime import timedelta
from typing import Any

import pytest

from app.hunting.selection.policy import Reason
from app.hunting.store.models import HuntStatus
from tests.hunting.app_types import (
    LONG_AGO,
    SILENT,
    WITH_OWNERS,
    WITH_SCORES,
    WITHOUT_LISTS,
    add,
    add_scored,
    add_to,
    every_app,
    scored_profile,
    searched,
)
from tests.hunting.libraries import searches_of
from tests.simulator import LibrarySpec
from tests.simulator.definitions import AppKind
from tests.support.rig import START, Rig

pytestmark = [pytest.mark.asyncio, pytest.mark.process]

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400}


@every_app
async def test_what_is_missing_is_searched_item_by_item_and_then_cools_down(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    items = [add(app) for _ in range(5)]
    held_back = [add(app, monitored=False), add(app, released=START + timedelta(days=3))]
    instance = await rig.add(app, **PLAIN, missing_batch=3)
    hunts = [await rig.hunt(instance) for _ in range(3)]
    assert [hunt.searched for hunt in hunts] == [3, 2, 0]
    assert {hunt.status for hunt in hunts} == {HuntStatus.COMPLETED}
    assert searches_of(app) == dict.fromkeys(items, 1)
    assert not set(held_back) & searches_of(app).keys()
    reasons = set(hunts[-1].skipped["missing"])
    assert "cooldown" in reasons
    assert reasons <= {"cooldown", "unreleased"}
    assert {item.unit.value for item in hunts[0].items} == {app.definition.item}


@every_app
async def test_what_is_below_its_cutoff_is_searched_and_compared(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, LibrarySpec(missing_share=0, cutoff_share=1, unmonitored_share=0, new_share=0))
    below = app.library.cutoff_ids()
    assert below
    instance = await rig.add(app, min_gap_seconds=0, missing_batch=0, cutoff_batch=3)
    hunt = await rig.hunt(instance)
    assert hunt.searched == 3
    assert searches_of(app).keys() <= below
    rows = (await rig.history(instance)).items
    assert all(row.quality_before for row in rows), "what was there is known"


@every_app
async def test_the_plan_is_the_hunt_for_every_app(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, LibrarySpec(cutoff_share=0.3), grab_share=0, tie_block=1)
    instance = await rig.add(app, missing_batch=4, cutoff_batch=3, upgrade_batch=2, min_gap_seconds=0)
    plan = await rig.container.hunting.planner.plan(instance.id)
    hunt = await rig.hunt(instance)
    wanted = {item.media_key for found in plan.passes for item in found.items if item.decision is Reason.SEARCH}
    assert {item.media_key for item in hunt.items if item.search_id} == wanted
    assert plan.searches == hunt.searched == len(wanted)
    [upgrade] = [found for found in plan.passes if found.hunt_pass == "upgrade"]
    assert (upgrade.error is not None) is (kind == "readarr")


@pytest.mark.parametrize("kind", WITH_OWNERS)
async def test_an_owner_is_one_search_that_costs_what_it_covers(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    owners = [app.add_owner(title=f"Owner {number}") for number in range(2)]
    for owner in owners:
        for number in range(1, 4):
            add_to(app, owner, number)
    instance = await rig.add(app, **PLAIN, missing_batch=5, missing_mode=app.definition.owner)
    plan = await rig.container.hunting.planner.plan(instance.id)
    hunt = await rig.hunt(instance)
    assert (hunt.searched, plan.searches, plan.units) == (2, 2, 6)
    assert hunt.skipped == {"missing": {"covered": 4}}
    assert {item.media_key for item in hunt.items if item.search_id} == {
        f"{app.definition.owner}:{owner}" for owner in owners
    }
    [caps] = await rig.container.history.caps()
    assert caps.hour.used == 6
    again = await rig.hunt(instance)
    assert again.skipped == {"missing": {"cooldown": 6}}, "a search of the owner counts for all that it has"


@pytest.mark.parametrize("kind", WITH_OWNERS)
async def test_an_owner_that_is_larger_than_the_cap_is_not_begun(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    owner = app.add_owner()
    for number in range(1, 5):
        add_to(app, owner, number)
    instance = await rig.add(
        app, cutoff_batch=0, missing_batch=5, hourly_cap=3, missing_mode=app.definition.owner, min_gap_seconds=0
    )
    hunt = await rig.hunt(instance)
    assert (hunt.searched, hunt.skipped) == (0, {"missing": {"cap": 4}})
    assert searched(app) == []


@pytest.mark.parametrize("kind", SILENT)
async def test_where_the_app_does_not_tell_of_searches_ours_are_the_order(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, LibrarySpec.with_missing(60), grab_share=0)
    instance = await rig.add(
        app, **PLAIN, missing_batch=7, missing_cooldown_hours=0, missing_mode=app.definition.item, backoff_factor=1
    )
    for _ in range(12):
        await rig.hunt(instance)
        counts = searches_of(app).values()
        assert max(counts) - min([*counts, 0] if len(counts) < 60 else counts) <= 1, "one lap after the other"
    assert len(searches_of(app)) == 60


async def test_a_library_without_lists_is_read_once_in_six_hours(rig: Rig) -> None:
    app = rig.simulated(WITHOUT_LISTS, LibrarySpec.with_missing(30), grab_share=0)
    instance = await rig.add(app, **PLAIN)
    reads = "GET movie"
    for _ in range(5):
        await rig.hunt(instance)
        rig.clock.forward(hours=1)
    assert app.log.counts[reads] == 1
    rig.clock.forward(hours=1)
    await rig.hunt(instance)
    assert app.log.counts[reads] == 2


@pytest.mark.parametrize("kind", ["whisparr2", "whisparr3old", "whisparr3"])
async def test_a_whisparr_is_known_by_what_it_answers(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, LibrarySpec.with_missing(5), version="10.0.0.1")
    instance = await rig.add(app)
    await rig.container.instances.probe(instance.id)
    shown = await rig.container.instances.get(instance.app_type, instance.id)
    assert shown.variant == ("v2" if kind == "whisparr2" else "v3")
    assert (await rig.hunt(instance)).searched


# --- upgrades --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_SCORES)
async def test_files_with_too_low_a_score_are_searched_the_largest_gap_of_a_step_first(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    profile_id, cutoff, _ = scored_profile(app)
    owner = app.add_owner(profile_id=profile_id) if app.definition.owner else None
    low = [add_scored(app, score, owner=owner) for score in (cutoff - 1, 0, cutoff - 30)]
    for score in (cutoff, cutoff + 50):
        add_scored(app, score, owner=owner)
    add_scored(app, 0, owner=owner, monitored=False)
    missing: dict[str, Any] = {} if owner else {"profile_id": profile_id}
    add(app, owner, **missing)
    instance = await rig.add(app, missing_batch=0, cutoff_batch=0, upgrade_batch=5, min_gap_seconds=0)
    hunt = await rig.hunt(instance)
    assert searched(app) == [(low[1],), (low[2],), (low[0],)]
    assert (hunt.searched, {item.hunt_pass.value for item in hunt.items}) == (3, {"upgrade"})
    rows = (await rig.history(instance)).items
    assert {row.score_before for row in rows} == {0, cutoff - 1, cutoff - 30}
    assert (await rig.hunt(instance)).searched == 0


@pytest.mark.parametrize("kind", WITH_SCORES)
async def test_the_upgrade_pass_reaches_everything_with_twenty_requests_a_hunt(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, LibrarySpec(missing_share=0, cutoff_share=0.1, new_share=0), grab_share=0)
    low = [add_scored(app, 0) for _ in range(30)]
    instance = await rig.add(
        app,
        missing_batch=0,
        cutoff_batch=0,
        upgrade_batch=4,
        upgrade_cooldown_hours=8000,
        hourly_cap=400,
        min_gap_seconds=0,
        skip_queued=False,
        added_grace_hours=0,
        release_grace_hours=0,
    )
    for _ in range(400):
        app.log.reset()
        hunt = await rig.hunt(instance)
        others = ("GET command", "GET command/{id}", "POST command", "GET system/status", "GET health")
        polls = sum(app.log.counts[name] for name in (*others, "GET qualityprofile"))
        proofs = 2 * (app.definition.app_type == "whisparr") + hunt.searched  # which app it is; that it searched
        assert app.log.total - polls - proofs <= 20
        assert hunt.status is HuntStatus.COMPLETED
        if set(low) <= searches_of(app).keys():
            break
        rig.clock.forward(minutes=30)
    assert set(low) <= searches_of(app).keys()
    assert set(searches_of(app).values()) == {1}


async def test_an_app_without_scores_says_so_and_asks_for_nothing(rig: Rig) -> None:
    app = rig.simulated("readarr", LibrarySpec(missing_share=0))
    instance = await rig.add(app, missing_batch=0, cutoff_batch=0, upgrade_batch=5)
    plan = await rig.container.hunting.planner.plan(instance.id)
    assert plan.passes[2].error is not None
    assert "no custom-format scores" in plan.passes[2].error
    assert (await rig.hunt(instance)).status is HuntStatus.COMPLETED
    assert searched(app) == []


# --- tags ------------------------------------------------------------------------------------------------------------


@every_app
async def test_what_was_searched_is_tagged_in_one_request(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    for _ in range(4):
        add(app)
    instance = await rig.add(app, **PLAIN, missing_batch=3, tag_searched="Hunted", missing_cooldown_hours=1)
    await rig.hunt(instance)
    tagged = app.definition.owner or app.definition.item
    assert app.log.counts[f"PUT {tagged}/editor"] == 1
    table = "parents" if app.definition.owner else "items"
    tag_id = app.library.tag("hunted")
    assert sum(str(tag_id) in row["tags"] for row in app.db.rows(f"SELECT tags FROM {table}")) == 3  # noqa: S608
    rig.clock.forward(hours=5)
    before = len(searched(app))
    await rig.hunt(instance)
    assert len(searched(app)) == before + 3, "our own tag holds nothing back"
    assert app.log.counts["POST tag"] == 1


async def test_a_tag_that_cannot_be_written_fails_no_hunt(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(5), grab_share=0)
    instance = await rig.add(app, **PLAIN, tag_searched="hunted")
    app.faults.add(kind="status", status=500, path="movie/editor")
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.searched) == (HuntStatus.COMPLETED, 2)
    assert app.log.counts["PUT movie/editor"] == 1


# --- seasons and their episodes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "season"])
async def test_after_a_failed_season_search_come_its_episodes_and_then_the_season_again(rig: Rig, mode: str) -> None:
    app = rig.sonarr(grab_share=0)
    series = app.library.add_series(ended=True, added=LONG_AGO)
    for number in range(1, 5):
        app.library.add_episode(series, 1, number, air_date=LONG_AGO)
    instance = await rig.add(app, **PLAIN, missing_batch=10, missing_mode=mode, backoff_factor=1)
    units = []
    for _ in range(4):
        await rig.hunt(instance)
        units.append([record.unit for record in app.searcher.records])
        app.searcher.records.clear()
        rig.clock.forward(days=8)
    assert units == [["season"], ["episode"] * 4, ["season"], ["episode"] * 4]


async def test_a_season_waits_for_an_episode_that_somebody_searched_and_no_page_shows(rig: Rig) -> None:
    """The app lists what was searched last at the end: the page of a large library does not reach that far."""
    app = rig.sonarr(LibrarySpec.with_missing(200, ended_share=1.0), grab_share=0)
    series = app.library.add_series(title="Ours", ended=True, added=LONG_AGO)
    for number in range(1, 7):
        at = START - timedelta(hours=3) if number == 6 else LONG_AGO + timedelta(days=number)
        app.library.add_episode(series, 1, number, air_date=LONG_AGO, last_search=at)
    app.db.change("UPDATE items SET last_search_at = ? WHERE parent_id <> ?", (int(START.timestamp()) - 7200, series))
    instance = await rig.add(app, **PLAIN, missing_batch=10)
    await rig.hunt(instance)
    assert {record.unit for record in app.searcher.records} == {"episode"}
    assert len(searched(app)) == 5

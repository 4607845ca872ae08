"""Whatever happens to the one POST of a search: the app searches it at most once, and the history has what is known."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.hunting.schemas import HuntDetailOut
from app.hunting.store.models import CapEntry, HuntStatus, ItemState, Outcome, Search
from app.instances.models import InstanceState
from app.instances.schemas import InstanceOut
from app.settings.general import GeneralIn
from tests.hunting.app_switch import switched
from tests.hunting.libraries import searches_of
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

REFUSED: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "starting"},
    {"kind": "status", "status": 429, "retry_after": 1800},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 401},
]
"""The app did not take the command, and we know it."""
OF_ITEM = (400, 404, 409)
"""The app refuses this search, and may well take the next one."""
AMBIGUOUS: list[dict[str, Any]] = [
    {"kind": "cut_before_headers"},
    {"kind": "html"},
    {"kind": "redirect_loop"},
    {"kind": "status", "status": 502, "body": "<html>"},
    {"kind": "status", "status": 503, "body": "<html>"},
    {"kind": "status", "status": 504, "body": "<html>"},
    {"kind": "status", "status": 500, "body": "<html>"},
]
"""The app did not take the command, but we cannot know."""
EXECUTED: list[dict[str, Any]] = [
    {"kind": "drop_reply"},
    {"kind": "cut_in_body"},
    {"kind": "broken_json"},
    {"kind": "wrong_type"},
    {"kind": "empty_body"},
    {"kind": "html", "execute": True},
    {"kind": "status", "status": 502, "execute": True, "body": "<html>"},
    {"kind": "status", "status": 504, "execute": True, "body": "<html>"},
]
"""The app took the command, and the answer does not tell."""


def name_of(fault: dict[str, Any]) -> str:
    return "-".join(str(fault[key]) for key in ("kind", "status", "retry_after") if key in fault)


async def troubled(rig: Rig, fault: dict[str, Any], **settings: Any) -> tuple[SimApp, InstanceOut, HuntDetailOut]:
    """One hunt whose first POST meets the fault, and every later one too."""
    app = rig.sonarr(LibrarySpec.with_missing(200), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", missing_batch=5, cutoff_batch=0, **settings)
    app.faults.add(method="POST", path="command", **fault)
    return app, instance, await rig.hunt(instance)


def posts(app: SimApp) -> int:
    return sum(record.method == "POST" for record in app.log.records)


async def rows(rig: Rig) -> tuple[list[Search], list[CapEntry], list[ItemState], InstanceState]:
    async with rig.container.infra.db.reading() as session:
        searches = (await session.exec(select(Search).order_by(col(Search.id)))).all()
        caps = (await session.exec(select(CapEntry))).all()
        item_states = (await session.exec(select(ItemState))).all()
        state = (await session.exec(select(InstanceState))).one()
    return list(searches), list(caps), list(item_states), state


@pytest.mark.parametrize("fault", REFUSED, ids=name_of)
async def test_a_refused_search_gives_back_what_it_took_and_the_instance_rests(rig: Rig, fault: dict[str, Any]) -> None:
    app, instance, hunt = await troubled(rig, fault)
    searches, caps, item_states, state = await rows(rig)
    assert posts(app) == 1
    assert searches_of(app) == {}
    assert hunt.status is HuntStatus.FAILED
    assert hunt.message
    assert hunt.searched == 0
    assert [search.outcome for search in searches] == [Outcome.SEARCH_FAILED]
    assert caps == []
    assert [row.last_searched_at for row in item_states] == [None]
    assert state.rest_until is not None
    wait = timedelta(seconds=fault["retry_after"]) if "retry_after" in fault else timedelta(minutes=1)
    assert abs(state.rest_until - rig.clock.now - wait) < timedelta(seconds=10)
    again = await rig.hunt(instance)
    assert (again.status, again.reason) == (HuntStatus.SKIPPED, "resting")
    assert posts(app) == 1


@pytest.mark.parametrize("status", OF_ITEM)
@pytest.mark.process
async def test_a_refused_item_waits_and_the_next_ones_are_searched(rig: Rig, status: int) -> None:
    """Trial 34."""
    app = rig.sonarr(LibrarySpec.with_missing(200), grab_share=0, tie_block=1)
    instance = await rig.add(app, missing_mode="episode", missing_batch=3, cutoff_batch=0, hourly_cap=400)
    for hours in (0, 1, 4):
        rig.clock.forward(hours=hours, minutes=1)
        app.faults.add(kind="status", status=status, method="POST", path="command", times=1)
        hunt = await rig.hunt(instance)
        assert (hunt.status, hunt.searched, hunt.errors) == (HuntStatus.PARTIAL, 2, 1)
        assert hunt.message
        failed = [item for item in hunt.items if item.outcome is Outcome.SEARCH_FAILED]
        assert [item.media_key for item in failed] == ["episode:1"], "it is tried again when it has waited"
        again = await rig.hunt(instance, limit=2)
        assert (again.status, again.searched) == (HuntStatus.COMPLETED, 2)
        assert again.skipped["missing"]["cooldown"] >= 1
    searches, caps, item_states, state = await rows(rig)
    assert len(caps) == len([search for search in searches if search.outcome != Outcome.SEARCH_FAILED])
    [refused] = [row for row in item_states if row.media_key == "episode:1"]
    assert (refused.last_searched_at, refused.refusals) == (None, 3)
    assert (state.rest_until, state.online) == (None, True)
    rig.clock.forward(hours=13)
    assert (await rig.hunt(instance, limit=1)).searched == 1
    assert {row.refusals for row in (await rows(rig))[2]} == {0}


async def test_an_app_that_refuses_every_item_is_left_alone(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(200))
    instance = await rig.add(app, missing_mode="episode", missing_batch=20, cutoff_batch=0)
    app.faults.add(kind="status", status=400, method="POST", path="command")
    hunt = await rig.hunt(instance)
    assert (posts(app), hunt.status, hunt.errors) == (3, HuntStatus.FAILED, 3)
    assert (await rows(rig))[3].rest_until is not None


async def test_an_item_at_which_the_app_breaks_does_not_block_the_others(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50), grab_share=0, tie_block=1)
    instance = await rig.add(app, missing_mode="episode", missing_batch=2, cutoff_batch=0)
    app.faults.add(kind="status", status=500, method="POST", path="command", times=1)
    assert (await rig.hunt(instance)).searched == 0
    rig.clock.forward(minutes=2)
    hunt = await rig.hunt(instance)
    assert hunt.searched == 2
    assert "episode:1" not in {item.media_key for item in hunt.items if item.outcome}


@pytest.mark.parametrize("fault", AMBIGUOUS, ids=name_of)
@pytest.mark.process
async def test_a_search_that_may_have_arrived_keeps_its_cooldown(rig: Rig, fault: dict[str, Any]) -> None:
    app, instance, hunt = await troubled(rig, fault)
    searches, caps, item_states, state = await rows(rig)
    assert posts(app) == 1
    assert searches_of(app) == {}
    assert hunt.status is HuntStatus.FAILED
    assert [search.outcome for search in searches] == [Outcome.UNKNOWN]
    assert len(caps) == 1
    assert item_states[0].last_searched_at is not None
    assert state.rest_until is not None
    app.faults.clear()
    rig.clock.forward(minutes=30)
    again = await rig.hunt(instance)
    assert again.searched == 5
    assert not {item.media_key for item in again.items if item.search_id} & {search.media_key for search in searches}


@pytest.mark.parametrize("fault", EXECUTED, ids=name_of)
@pytest.mark.process
async def test_a_search_whose_answer_was_lost_is_adopted_and_the_hunt_stops(rig: Rig, fault: dict[str, Any]) -> None:
    app, instance, hunt = await troubled(rig, fault)
    searches, caps, _, state = await rows(rig)
    assert posts(app) == 1
    assert list(searches_of(app).values()) == [1]
    assert hunt.status is HuntStatus.PARTIAL
    assert hunt.searched == 1
    assert [search.outcome for search in searches] == [Outcome.NOTHING_FOUND]
    assert searches[0].command_id == app.commands.every[0].id
    assert len(caps) == 1
    assert state.rest_until is not None
    app.faults.clear()
    rig.clock.forward(minutes=30)
    assert (await rig.hunt(instance)).searched == 5
    assert set(searches_of(app).values()) == {1}


async def test_an_answer_that_drips_is_given_up_and_its_search_adopted(rig: Rig) -> None:
    await rig.container.settings.update_general(GeneralIn.model_validate({"api_timeout_seconds": 1}))
    app, _, hunt = await troubled(rig, {"kind": "slow_drip", "seconds": 0.1})
    searches, _, _, _ = await rows(rig)
    assert len(app.commands.every) == 1
    assert hunt.status is HuntStatus.PARTIAL
    assert [search.outcome for search in searches] == [Outcome.NOTHING_FOUND]
    assert list(searches_of(app).values()) == [1]


@pytest.mark.process
async def test_a_lost_search_is_not_repeated_when_the_commands_cannot_be_read(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", missing_batch=5, cutoff_batch=0)
    app.faults.add(kind="drop_reply", method="POST", path="command")
    app.faults.add(kind="status", status=500, method="GET", path="command")
    hunt = await rig.hunt(instance)
    assert posts(app) == 1
    assert hunt.status is HuntStatus.FAILED
    app.faults.clear()
    for _ in range(10):
        rig.clock.forward(minutes=70)
        await rig.hunt(instance)
    counts = searches_of(app)
    assert len(counts) == 50
    assert set(counts.values()) == {1}


async def test_a_refused_connection_takes_nothing_and_the_app_counts_as_offline(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50))
    async with switched(rig, app, missing_mode="episode") as (instance, switch):
        await switch.off()
        hunt = await rig.hunt(instance)
    searches, caps, _, state = await rows(rig)
    assert (hunt.status, hunt.reason) == (HuntStatus.SKIPPED, "offline")
    assert (searches, caps) == ([], [])
    assert state.online is False


async def test_trouble_rests_longer_each_time_and_ends_with_the_first_search_that_is_taken(rig: Rig) -> None:
    app, instance, _ = await troubled(rig, {"kind": "status", "status": 429})
    waits = []
    for _ in range(5):
        _, _, _, state = await rows(rig)
        assert state.rest_until is not None
        waits.append(round((state.rest_until - rig.clock.now).total_seconds() / 60))
        rig.clock.now = state.rest_until
        await rig.hunt(instance)
    assert waits == [1, 5, 15, 60, 60]
    app.faults.clear()
    _, _, _, state = await rows(rig)
    assert state.rest_until is not None
    rig.clock.now = state.rest_until
    assert (await rig.hunt(instance)).searched == 5
    _, _, _, state = await rows(rig)
    assert (state.failures, state.rest_until, state.error) == (0, None, None)


async def test_the_same_search_of_somebody_else_is_taken_over(rig: Rig) -> None:
    """The app answers with the command that runs already; it is one search, and it is ours too."""
    app = rig.sonarr(LibrarySpec.with_missing(20), grab_share=0, command_seconds=30, tie_block=1)
    instance = await rig.add(app, missing_mode="episode", missing_batch=1, cutoff_batch=0)
    theirs = app.post_command("EpisodeSearch", episodeIds=[1])
    hunt = await rig.hunt(instance)
    searches, _, _, _ = await rows(rig)
    assert searches[0].item_id == 1
    assert searches[0].command_id == theirs.id
    assert searches[0].outcome == Outcome.NOTHING_FOUND
    assert hunt.searched == 1
    assert searches_of(app) == {1: 1}


async def test_a_lost_search_does_not_take_over_a_command_of_another_search(rig: Rig) -> None:
    """The same item, asked for twice with its cooldown off: each search has a command of its own, or none."""
    app = rig.sonarr(LibrarySpec.with_missing(1), grab_share=0)
    instance = await rig.add(app, missing_mode="episode", cutoff_batch=0, missing_cooldown_hours=0)
    await rig.hunt(instance)
    rig.clock.forward(seconds=60)
    app.faults.add(kind="cut_before_headers", method="POST", path="command")
    await rig.hunt(instance)
    searches, _, _, _ = await rows(rig)
    assert [search.outcome for search in searches] == [Outcome.NOTHING_FOUND, Outcome.UNKNOWN]
    assert searches[1].command_id is None


@pytest.mark.process
async def test_commands_that_cannot_be_read_stop_the_hunt_before_a_third_search(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50), command_seconds=30)
    instance = await rig.add(app, missing_mode="episode", missing_batch=5, cutoff_batch=0)
    app.faults.add(kind="status", status=500, method="GET", path="command/*")
    hunt = await rig.hunt(instance)
    assert posts(app) == 2
    assert hunt.status is HuntStatus.PARTIAL
    _, _, _, state = await rows(rig)
    assert state.rest_until is not None


@pytest.mark.storage
async def test_two_instances_with_faults_do_not_disturb_each_other(rig: Rig) -> None:
    good, bad = rig.sonarr(LibrarySpec.with_missing(20)), rig.radarr(LibrarySpec.with_missing(20))
    bad.faults.add(kind="html")
    first = await rig.add(good, missing_mode="episode")
    second = await rig.add(bad)
    one, other = await asyncio.gather(rig.hunt(first), rig.hunt(second))
    assert (one.status, one.searched) == (HuntStatus.COMPLETED, 2)
    assert (other.status, other.reason) == (HuntStatus.SKIPPED, "offline")
    assert len(searches_of(good)) == 2

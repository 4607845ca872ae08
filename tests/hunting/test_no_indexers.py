"""An app without an indexer to search with: it says that it searched, and has not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.arr.resources import CommandResource
from app.hunting.running.evidence import is_doubtful
from app.hunting.selection.policy import Reason
from app.hunting.store.models import CapEntry, HuntState, HuntStatus, ItemState, Outcome
from app.hunting.store.reasons import HuntReason
from app.instances.schemas import InstanceOut
from tests.hunting.app_types import add, add_to, every_app
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "missing_batch": 5}


def all_off(app: SimApp, *, told: bool) -> None:
    for indexer in app.indexers.all.values():
        indexer.is_blocked = True
    app.indexers.told_by_health = told


def all_on(app: SimApp) -> None:
    for indexer in app.indexers.all.values():
        indexer.is_blocked = False


async def with_items(rig: Rig, kind: AppKind, number: int, **settings: Any) -> tuple[SimApp, InstanceOut]:
    app = rig.simulated(kind, grab_share=0, command_seconds=3)
    owner = app.add_owner() if app.definition.owner is not None else None
    for each in range(1, number + 1):
        if owner is None:
            add(app)
        else:
            add_to(app, owner, each)
    return app, await rig.add(app, **PLAIN, **settings)


async def minutes_to_next(rig: Rig, instance: InstanceOut) -> float:
    async with rig.container.infra.db.reading() as session:
        state = await session.get_one(HuntState, instance.id)
    assert state.next_hunt_at is not None
    return (state.next_hunt_at - rig.clock.now).total_seconds() / 60


@every_app
@pytest.mark.process
async def test_nothing_is_sent_while_the_app_says_that_no_indexer_searches(rig: Rig, kind: AppKind) -> None:
    app, instance = await with_items(rig, kind, 2)
    all_off(app, told=True)
    for minutes in (1, 5, 15, 60, 60):
        hunt = await rig.hunt(instance)
        assert (hunt.status, hunt.reason, hunt.searched) == (HuntStatus.SKIPPED, HuntReason.NO_INDEXERS, 0)
        assert hunt.message
        assert await minutes_to_next(rig, instance) == pytest.approx(minutes, abs=0.1)
    plan = await rig.container.hunting.planner.plan(instance.id)
    assert (plan.would_run, plan.reason) == (False, HuntReason.NO_INDEXERS)
    assert app.searcher.records == []
    all_on(app)
    assert (await rig.hunt(instance)).searched == 2
    all_off(app, told=True)
    rig.clock.forward(hours=7)
    await rig.hunt(instance)
    assert await minutes_to_next(rig, instance) == pytest.approx(1, abs=0.1), "it is counted from the beginning"


@pytest.mark.storage
async def test_a_search_that_did_not_take_place_costs_nothing(rig: Rig) -> None:
    app, instance = await with_items(rig, "sonarr", 20, missing_mode="episode")
    all_off(app, told=False)
    hunt = await rig.hunt(instance)
    assert (hunt.status, hunt.reason, hunt.searched) == (HuntStatus.SKIPPED, HuntReason.NO_INDEXERS, 0)
    rows = (await rig.history(instance)).items
    assert {row.outcome for row in rows} == {Outcome.NOT_SEARCHED}
    assert len(rows) <= 3, "the rest of the pass was not sent"
    assert all(row.message for row in rows)
    assert hunt.skipped["missing"]["cancelled"] >= 2
    async with rig.container.infra.db.reading() as session:
        assert (await session.exec(select(CapEntry))).all() == []
        states = (await session.exec(select(ItemState))).all()
    assert {(row.last_searched_at, row.fruitless) for row in states} == {(None, 0)}
    stats = (await rig.container.stats.read()).totals
    assert (stats.hunted, stats.errors) == (0, 0)
    all_on(app)
    again = await rig.hunt(instance)
    assert (again.status, again.searched) == (HuntStatus.COMPLETED, 5)
    assert {item.media_key for item in again.items if item.outcome} >= {row.media_key for row in rows}
    assert {row.outcome for row in (await rig.history(instance)).items} == {Outcome.NOT_SEARCHED, Outcome.NOTHING_FOUND}


@every_app
@pytest.mark.process
async def test_every_app_tells_a_search_from_none(rig: Rig, kind: AppKind) -> None:
    """Also those that do not report their last searches: their health is asked afterwards."""
    app, instance = await with_items(rig, kind, 1)
    app.faults.add(kind="status", status=500, path="health", times=3)  # as if it came too late
    all_off(app, told=True)
    hunt = await rig.hunt(instance)
    [row] = (await rig.history(instance)).items
    assert (row.outcome, hunt.reason) == (Outcome.NOT_SEARCHED, HuntReason.NO_INDEXERS)
    all_on(app)
    rig.clock.forward(hours=7)  # a library without lists is read anew
    assert (await rig.hunt(instance)).searched == 1
    rig.clock.forward(minutes=10)
    await rig.container.hunting.follow_up.run(instance.id)
    assert (await rig.history(instance)).items[0].outcome is Outcome.NOTHING_FOUND


async def test_a_season_that_was_not_searched_is_not_one_that_was_searched_in_vain(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, command_seconds=3)
    series = app.add_owner(ended=True)
    for _ in range(6):
        add(app, series, season=1)
    instance = await rig.add(app, **PLAIN)
    all_off(app, told=False)
    await rig.hunt(instance)
    all_on(app)
    plan = await rig.container.hunting.planner.plan(instance.id)
    assert [item.unit for item in plan.passes[0].items if item.decision is Reason.SEARCH] == ["season"]


async def test_indexers_that_fail_during_a_hunt_stop_it(rig: Rig) -> None:
    app, instance = await with_items(rig, "radarr", 5, hourly_cap=400)
    app.settings.command_seconds = 4
    seen = app.searcher.search

    def search(*given: Any) -> int:
        found = seen(*given)
        if len(app.searcher.records) == 2:
            all_off(app, told=False)
        return found

    app.searcher.search = search  # type: ignore[assignment] # the indexers go away after two searches
    hunt = await rig.hunt(instance)
    outcomes = [row.outcome for row in reversed((await rig.history(instance)).items)]
    assert outcomes[:2] == [Outcome.NOTHING_FOUND] * 2
    assert set(outcomes[2:]) == {Outcome.NOT_SEARCHED}
    assert (hunt.status, hunt.reason, hunt.searched) == (HuntStatus.COMPLETED, HuntReason.NO_INDEXERS, 2)


async def test_a_quick_search_of_an_app_with_indexers_is_a_search(rig: Rig) -> None:
    app, instance = await with_items(rig, "radarr", 4)
    app.settings.command_seconds = 0.05
    assert (await rig.hunt(instance)).reason is None
    assert {row.outcome for row in (await rig.history(instance)).items} == {Outcome.NOTHING_FOUND}
    assert app.log.counts["GET movie/{id}"] <= 2, "the newest proves the others"


@pytest.mark.parametrize(
    ("took", "ended_after", "doubtful"),
    [
        ("00:00:00.2076138", 0, True),
        ("00:00:00.0023940", 1, True),  # its whole seconds differ all the same
        ("00:00:01", 1, False),
        ("00:00:02.0364327", 2, False),
        ("1.00:00:00", 86_400, False),
        ("soon", 1, True),
        ("soon", 2, False),
        (None, None, True),
    ],
)
async def test_how_long_a_fruitless_search_took_says_whether_it_needs_a_proof(
    took: str | None, ended_after: int | None, doubtful: bool
) -> None:
    began = datetime(2026, 11, 26, 12, tzinfo=UTC)
    reply = {
        "id": 1,
        "name": "MoviesSearch",
        "status": "completed",
        "started": began.isoformat(),
        "ended": None if ended_after is None else (began + timedelta(seconds=ended_after)).isoformat(),
        "duration": took,
        "message": "Completed search for 1 movies. 0 reports downloaded.",
    }
    command = CommandResource.model_validate(reply).command(None)
    assert is_doubtful(command) is doubtful
    assert not is_doubtful(replace(command, message="Completed search for 1 movies. 1 reports downloaded."))

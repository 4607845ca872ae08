"""Hunts behind a Prowlarr: what its indexers leave is never exceeded, and what waits for them says so."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from app.hunting.schemas import HuntIn
from app.instances.schemas import InstanceOut
from tests.api.replies import data
from tests.events.samples import stored_events
from tests.simulator import LibrarySpec, SimApp, SimProwlarr
from tests.simulator.prowlarr import LimitedIndexer
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

OFF = {"cutoff_batch": 0, "upgrade_batch": 0}
MANY: dict[str, Any] = {"missing_batch": 20, "hourly_cap": 100, "daily_cap": 1000, "min_gap_seconds": 0, **OFF}
MISSING = LibrarySpec(movies=120, missing_share=1)


@pytest_asyncio.fixture
async def api(rig: Rig) -> Any:
    async with rig.gateway() as client:
        yield client


def behind(prowlarr: SimProwlarr, app: SimApp) -> SimApp:
    """The app with the indexers of Prowlarr alone; nothing that it searches for is there."""
    for indexer_id in list(app.indexers.all):
        app.indexers.remove(indexer_id)
    prowlarr.set_up(app)
    app.settings.grab_share = 0
    return app


async def limited(rig: Rig, *, limit: int = 30, used: int = 0, **settings: Any) -> tuple[SimProwlarr, LimitedIndexer]:
    """A Prowlarr that was read, with one indexer of a daily limit."""
    prowlarr = rig.prowlarr()
    indexer = prowlarr.add("Small", query_limit=limit)
    prowlarr.ask(indexer, "Somebody", times=used)
    await rig.add_prowlarr(prowlarr, **settings)
    return prowlarr, indexer


async def movies_behind(rig: Rig, prowlarr: SimProwlarr, **hunting: Any) -> InstanceOut:
    return await rig.add(behind(prowlarr, rig.radarr(MISSING)), **{**MANY, **hunting})


async def test_a_hunt_waits_while_nothing_is_left(rig: Rig, api: AsyncClient) -> None:
    prowlarr, indexer = await limited(rig, limit=30, used=24)
    movies = await movies_behind(rig, prowlarr)
    app = rig.apps[movies.id]
    plan = data(await api.get("/api/hunts/plan", params={"instance_id": movies.id}))
    assert (plan["would_run"], plan["reason"]) == (False, "budget")
    asked = app.log.total
    hunt = await rig.hunt(movies)
    assert (hunt.status, hunt.reason) == ("skipped", "budget")
    assert "Small" in (hunt.message or "")
    assert app.log.total == asked, "the app is not asked"
    caps = data(await api.get("/api/caps"))[0]["budget"]
    assert (caps["is_open"], caps["units_left"]) == (False, 0)
    assert caps["indexers"][0] | {"free_at": None} == {
        "prowlarr_id": 1,
        "indexer_id": indexer.id,
        "name": "Small",
        "window": "day",
        "query_limit": 30,
        "allowed": 24,
        "used": 24,
        "spent": 0,
        "left": 0,
        "usable": False,
        "disabled_until": None,
        "free_at": None,
    }
    stats = data(await api.get("/api/stats"))["apps"]["radarr"]["instances"][0]
    assert stats["next_hunt_at"] == caps["opens_at"], "the next hunt is due when something is free again"


async def test_a_hunt_ends_where_the_reserve_begins(rig: Rig, api: AsyncClient) -> None:
    prowlarr, indexer = await limited(rig, limit=30, used=18)
    movies = await movies_behind(rig, prowlarr)
    plan = data(await api.get("/api/hunts/plan", params={"instance_id": movies.id}))
    assert plan["searches"] == 3
    assert plan["passes"][0]["decisions"]["budget"] > 0
    hunt = await rig.hunt(movies)
    assert (hunt.status, hunt.searched) == ("completed", 3)
    assert prowlarr.used(indexer) == indexer.most == 24
    assert any(item.decision == "budget" for item in hunt.items)
    assert (await rig.hunt(movies)).reason == "budget"
    await rig.container.prowlarr.refresher.refresh_due()
    assert (await rig.hunt(movies)).reason == "budget", "Prowlarr's own figures say the same"
    events = data(await api.get("/api/history"))["total"]
    assert events == 3


async def test_the_end_of_a_budget_is_told_once(rig: Rig) -> None:
    prowlarr, _ = await limited(rig, limit=30, used=18)
    movies = await movies_behind(rig, prowlarr)
    await rig.hunt(movies)
    await rig.hunt(movies)
    told = [event for event in await stored_events(rig) if event.name == "cap.reached"]
    assert [(event.payload["cap"], event.payload["used"], event.payload["limit"]) for event in told] == [
        ("budget", 24, 24)
    ]


async def test_what_was_not_searched_is_given_back(rig: Rig) -> None:
    prowlarr, indexer = await limited(rig, limit=30, used=20)
    movies = await movies_behind(rig, prowlarr)
    rig.apps[movies.id].faults.add(kind="status", status=400, path="command", method="POST", times=2)
    assert (await rig.hunt(movies)).searched == 0
    assert (await rig.hunt(movies)).searched == 2
    assert prowlarr.used(indexer) == 24


async def test_without_word_from_prowlarr_hunts_go_on_and_say_so(rig: Rig, api: AsyncClient) -> None:
    prowlarr, _ = await limited(rig, limit=30, used=24)
    movies = await movies_behind(rig, prowlarr, missing_batch=1)
    assert (await rig.hunt(movies)).reason == "budget"
    prowlarr.failing = dict.fromkeys(("indexerstatus", "system/status"), 500)
    rig.clock.forward(hours=1)
    await rig.container.prowlarr.refresher.refresh_due()
    hunt = await rig.hunt(movies)
    assert (hunt.status, hunt.searched) == ("completed", 1)
    assert hunt.warnings == ["Prowlarr does not answer: the hunt goes on without the budget of its indexers."]
    plan = data(await api.get("/api/hunts/plan", params={"instance_id": movies.id}))
    assert hunt.warnings == plan["warnings"]
    assert data(await api.get("/api/caps"))[0]["budget"]["warnings"] == hunt.warnings


async def test_a_budget_that_is_not_enforced_stops_nothing(rig: Rig, api: AsyncClient) -> None:
    prowlarr, _ = await limited(rig, limit=30, used=24, enforce_budget=False)
    movies = await movies_behind(rig, prowlarr, missing_batch=1)
    hunt = await rig.hunt(movies)
    assert (hunt.searched, hunt.warnings) == (1, [])
    [shown] = data(await api.get("/api/prowlarr/1/budget"))["apps"]
    assert (shown["name"], shown["budget"]["is_open"]) == (movies.name, False)


async def test_an_app_with_other_indexers_does_not_stand_behind_it(rig: Rig, api: AsyncClient) -> None:
    prowlarr, _ = await limited(rig, limit=30, used=24)
    movies = await movies_behind(rig, prowlarr)
    shows = await rig.add(rig.sonarr(LibrarySpec(series=3)), name="Shows", **{**MANY, "missing_batch": 1})
    for instance in (movies, shows):
        await rig.container.instances.probe(instance.id)
        await rig.container.hunting.follow_up.run(instance.id)  # it reads which indexers the app has
    budget = data(await api.get("/api/prowlarr/1/budget"))
    assert [app["name"] for app in budget["apps"]] == [movies.name]
    assert (await rig.hunt(shows)).reason is None


async def test_an_indexer_that_is_disabled_is_not_usable(rig: Rig) -> None:
    prowlarr, indexer = await limited(rig, limit=30)
    prowlarr.add("Free", enable=False)
    movies = await movies_behind(rig, prowlarr)
    indexer.disabled_until = prowlarr.now() + 7200
    rig.clock.forward(minutes=5)
    await rig.container.prowlarr.refresher.refresh_due()
    hunt = await rig.hunt(movies)
    assert hunt.reason == "budget"
    shown = (await rig.container.instances.all())[-1]
    assert shown.id == movies.id
    rig.clock.forward(hours=2)
    await rig.container.prowlarr.refresher.refresh_due()
    assert (await rig.hunt(movies)).reason is None


@pytest.mark.storage
async def test_two_apps_and_two_workers_spend_it_once(rig: Rig) -> None:
    prowlarr, indexer = await limited(rig, limit=30, used=10)
    first = await movies_behind(rig, prowlarr, name="First")
    second = await movies_behind(rig, prowlarr, name="Second")
    [one_hunt], [other_hunt] = [
        await rig.container.hunting.service.start(HuntIn(instance_id=each.id)) for each in (first, second)
    ]
    runner = rig.container.hunting.runner
    await asyncio.gather(runner.run(one_hunt.id), runner.run(other_hunt.id))
    assert prowlarr.used(indexer) == 24
    assert indexer.refused == 0


@pytest.mark.process
async def test_a_week_behind_a_small_limit(rig: Rig) -> None:
    """Two apps that also read feeds share one indexer of 100 queries a day; figures are half an hour old at most."""
    prowlarr, indexer = await limited(rig, limit=100, refresh_minutes=30)
    apps = [
        await movies_behind(rig, prowlarr, name=name, missing_batch=4, interval_minutes=120)
        for name in ("First", "Second")
    ]
    sent = 0
    for step in range(7 * 12):
        rig.clock.forward(hours=2)
        for app in ("Radarr", "Sonarr"):
            prowlarr.ask(indexer, app, kind="rss")
        await rig.container.prowlarr.refresher.refresh_due()
        due = apps[step % 2]
        sent += (await rig.hunt(due)).searched
    assert indexer.refused == 0
    assert indexer.most <= 80, "the reserve of 20 is never touched by a search"
    assert sent > 7 * (80 - 24) / 2 * 0.6, "and what is left is used"

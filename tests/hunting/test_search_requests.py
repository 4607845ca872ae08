"""Searches that are asked for out of turn: first in line, by the same rules, once, and never at any price."""

from typing import Any

import pytest
from sqlmodel import select

from app.hunting.selection.requested import RequestedItem
from app.hunting.store.models import SearchRequest
from app.hunting.store.search_requests import request_searches
from app.instances.schemas import InstanceOut
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

SINGLE: dict[str, Any] = {"missing_batch": 1, "cutoff_batch": 0, "min_gap_seconds": 0}


async def ask(rig: Rig, instance: InstanceOut, *items: RequestedItem) -> None:
    async with rig.container.infra.db.session() as session:
        await request_searches(session, instance.id, items, rig.clock())


async def waiting(rig: Rig) -> list[str]:
    async with rig.container.infra.db.reading() as session:
        return sorted((await session.exec(select(SearchRequest.media_key))).all())


def movie(number: int) -> RequestedItem:
    return RequestedItem(f"movie:{number}", number, f"Movie {number}")


def searched(app: SimApp) -> list[int]:
    return [item for record in app.searcher.records for item in record.item_ids]


@pytest.mark.storage
async def test_a_request_goes_first_and_is_met_once(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(300), grab_share=0)
    instance = await rig.add(app, **SINGLE)
    last = sorted(app.library.missing_ids())[-1]
    await ask(rig, instance, movie(last))
    await ask(rig, instance, movie(last))  # twice is once
    assert await waiting(rig) == [f"movie:{last}"]
    plan = await rig.container.hunting.planner.plan(instance.id)
    assert [item.media_key for item in plan.passes[0].items if item.picked] == [f"movie:{last}"]
    for _ in range(3):
        await rig.hunt(instance)
    assert searched(app)[0] == last
    assert searched(app).count(last) == 1
    assert await waiting(rig) == []


async def test_caps_hold_for_requests_too(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, **{**SINGLE, "missing_batch": 2, "hourly_cap": 1})
    ids = sorted(app.library.missing_ids())[-2:]
    await ask(rig, instance, *map(movie, ids))
    await rig.hunt(instance)
    await rig.hunt(instance)
    assert len(searched(app)) == 1
    rig.clock.forward(hours=1, minutes=1)
    await rig.hunt(instance)
    assert searched(app) == ids


async def test_a_request_waits_for_the_cooldown_and_costs_nothing_meanwhile(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, **SINGLE, missing_cooldown_hours=48, backoff_factor=1)
    await rig.hunt(instance)
    [first] = searched(app)
    rig.clock.forward(hours=1)
    await ask(rig, instance, movie(first))
    app.log.reset()
    await rig.hunt(instance)
    assert not any(record.path.endswith(f"movie/{first}") for record in app.log.records)
    assert await waiting(rig) == [f"movie:{first}"]
    rig.clock.forward(hours=48)
    await rig.hunt(instance)
    assert searched(app)[-1] == first
    await rig.hunt(instance)
    assert await waiting(rig) == []


async def test_what_is_wanted_no_longer_is_given_up(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, **SINGLE)
    item = sorted(app.library.missing_ids())[-1]
    await ask(rig, instance, movie(item), movie(9999))
    app.library.add_file(item, quality_id=app.definition.catalogue.usual)
    await rig.hunt(instance)
    assert await waiting(rig) == []
    assert item not in searched(app)


async def test_a_search_that_did_not_take_place_leaves_the_request_open(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec.with_missing(50), grab_share=0)
    instance = await rig.add(app, **SINGLE)
    item = sorted(app.library.missing_ids())[-1]
    await ask(rig, instance, movie(item))
    for indexer in app.indexers.all.values():
        indexer.is_blocked = True
    app.indexers.told_by_health = False
    assert (await rig.hunt(instance)).reason == "no_indexers"
    assert await waiting(rig) == [f"movie:{item}"]
    for indexer in app.indexers.all.values():
        indexer.is_blocked = False
    rig.clock.forward(hours=2)
    await rig.hunt(instance)
    await rig.hunt(instance)
    assert await waiting(rig) == []


async def test_a_search_of_its_season_meets_the_requests_of_its_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    series = app.library.add_series(title="Pack", ended=True)
    episodes = [app.library.add_episode(series, 1, number) for number in range(1, 5)]
    instance = await rig.add(app, **SINGLE, missing_mode="season")
    season = f"season:{series}:1"
    items = [RequestedItem(f"episode:{each}", each, "Pack", series, season, f"series:{series}") for each in episodes]
    await ask(rig, instance, *items)
    await rig.hunt(instance)
    assert [record.unit for record in app.searcher.records] == ["season"]
    await rig.hunt(instance)
    assert await waiting(rig) == []
    assert len(app.searcher.records) == 1

"""What one search covers and costs: anime, shared files, seasons that are not monitored, items without a date."""

from datetime import timedelta
from typing import Any

import pytest

from app.hunting.schemas import HuntDetailOut
from app.hunting.selection.policy import Reason
from tests.hunting.libraries import LONG_AGO, searches_of
from tests.simulator import SimApp
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

BELOW = 1  # a quality id under the cutoff of profile 1
PLAIN: dict[str, Any] = {"missing_batch": 5, "cutoff_batch": 0, "min_gap_seconds": 0}


def add_season(app: SimApp, episodes: int, *, kind: str = "standard", number: int = 1, **fields: Any) -> int:
    series = app.library.add_series(series_type=kind, ended=True, added=LONG_AGO)
    add_episodes(app, series, number, episodes, **fields)
    return series


def add_episodes(app: SimApp, series: int, season: int, episodes: int, **fields: Any) -> list[int]:
    days = [LONG_AGO + timedelta(days=episode) for episode in range(1, episodes + 1)]
    return [app.library.add_episode(series, season, at, air_date=day, **fields) for at, day in enumerate(days, 1)]


def told(hunt: HuntDetailOut) -> list[tuple[str, Reason]]:
    return [(item.media_key, item.decision) for item in hunt.items if item.search_id]


async def units_of(rig: Rig, instance: Any) -> list[tuple[str, int]]:
    return [(search.media_key, search.units) for search in (await rig.history(instance)).items]


# Anime: the app asks its indexers once for each episode of a season.


@pytest.mark.parametrize(("kind", "episodes", "unit"), [("anime", 26, "episode"), ("standard", 26, "season")])
async def test_auto_searches_an_anime_by_episodes(rig: Rig, kind: str, episodes: int, unit: str) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, episodes, kind=kind)
    instance = await rig.add(app, **PLAIN, hourly_cap=3)
    await rig.hunt(instance)
    searched = await units_of(rig, instance)
    assert {key.split(":")[0] for key, _ in searched} == {unit}
    assert sum(units for _, units in searched) <= 3


@pytest.mark.parametrize(("episodes", "expected"), [(3, ("season:1:1", 3)), (4, ("season:1:1", 4)), (5, None)])
async def test_auto_searches_a_short_anime_season_as_one(
    rig: Rig, episodes: int, expected: tuple[str, int] | None
) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, episodes, kind="anime")
    instance = await rig.add(app, **PLAIN)
    await rig.hunt(instance)
    searched = await units_of(rig, instance)
    assert searched == [expected] if expected else len(searched) == episodes


async def test_an_anime_season_costs_its_episodes_and_waits_for_them(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    first, second = add_season(app, 8, kind="anime"), add_season(app, 8, kind="anime")
    instance = await rig.add(app, **PLAIN, missing_mode="season", hourly_cap=10)
    hunt = await rig.hunt(instance)
    assert await units_of(rig, instance) == [(f"season:{first}:1", 8)]
    assert hunt.skipped == {"missing": {"covered": 7, "cap": 8}}
    rig.clock.forward(hours=1, minutes=1)
    await rig.hunt(instance)
    assert await units_of(rig, instance) == [(f"season:{second}:1", 8), (f"season:{first}:1", 8)]


async def test_an_anime_season_that_no_cap_allows_is_searched_by_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, 12, kind="anime")
    instance = await rig.add(app, **PLAIN, missing_mode="season", hourly_cap=5)
    for _ in range(3):
        await rig.hunt(instance)
        rig.clock.forward(hours=1, minutes=1)
    assert searches_of(app) == dict.fromkeys(range(1, 13), 1)
    assert {units for _, units in await units_of(rig, instance)} == {1}


async def test_an_anime_series_costs_its_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    series = add_season(app, 5, kind="anime")
    add_episodes(app, series, 2, 4)
    instance = await rig.add(app, **PLAIN, missing_mode="series")
    await rig.hunt(instance)
    assert await units_of(rig, instance) == [(f"series:{series}", 9)]


# Two episodes in one file.


async def test_episodes_that_share_a_file_are_one_search(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    series = app.library.add_series(added=LONG_AGO)
    first, second, other = add_episodes(app, series, 1, 3, has_file=True, quality_id=BELOW)
    app.library.update_item(second, file_id=app.library.item(first)["file_id"])
    instance = await rig.add(app, missing_batch=0, cutoff_batch=5, min_gap_seconds=0)
    hunt = await rig.hunt(instance)
    assert hunt.skipped == {"cutoff": {"covered": 1}}
    assert len(told(hunt)) == 2
    rig.clock.forward(hours=1)
    hunt = await rig.hunt(instance)
    assert hunt.skipped == {"cutoff": {"cooldown": 3}}, "the search counts for both, also in the next hunt"
    assert {first, second, other} == {1, 2, 3}


# Seasons that are not monitored.


async def test_a_series_search_counts_its_monitored_seasons_only(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    series = app.library.add_series(added=LONG_AGO)
    for season in (1, 2, 3):
        add_episodes(app, series, season, 2)
    app.library.set_season(series, 3, monitored=False)
    instance = await rig.add(app, **PLAIN, missing_mode="series")
    await rig.hunt(instance)
    assert dict(await units_of(rig, instance))[f"series:{series}"] == 2
    assert searches_of(app) == dict.fromkeys(range(1, 7), 1), "the app leaves season 3 out; its episodes go singly"


async def test_an_episode_of_an_unmonitored_season_starts_no_empty_search(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    series = app.library.add_series(added=LONG_AGO)
    add_episodes(app, series, 1, 2, has_file=True, quality_id=7)
    missing = add_episodes(app, series, 2, 2)
    app.library.set_season(series, 2, monitored=False)
    instance = await rig.add(app, **PLAIN, missing_mode="series")
    await rig.hunt(instance)
    assert [record.unit for record in app.searcher.records] == ["episode", "episode"]
    assert searches_of(app) == dict.fromkeys(missing, 1)


# Items without a date.


@pytest.mark.parametrize(
    ("year", "added_days_ago", "setting", "reason"),
    [
        (1950, 30, {}, Reason.SEARCH),
        (START.year - 1, 30, {}, Reason.SEARCH),
        (START.year, 3000, {}, Reason.UNRELEASED),
        (START.year + 5, 3000, {}, Reason.UNRELEASED),
        (1950, 0, {}, Reason.ADDED_GRACE),
    ],
)
async def test_a_movie_without_dates_is_out_when_its_year_is_over(
    rig: Rig, year: int, added_days_ago: int, setting: dict[str, Any], reason: Reason
) -> None:
    app = rig.radarr(grab_share=0)
    added = START - timedelta(days=added_days_ago)
    app.library.add_movie(minimum_availability="released", year=year, added=added)
    instance = await rig.add(app, **PLAIN, **setting)
    plan = await rig.container.hunting.planner.plan(instance.id)
    assert [item.decision for item in plan.passes[0].items] == [reason]

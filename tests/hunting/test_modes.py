"""Seasons and episodes: which is searched when, and nothing twice."""

from datetime import timedelta
from typing import Any

import pytest

from app.hunting.schemas import HuntDetailOut
from app.hunting.selection.policy import Reason
from app.hunting.store.models import HuntStatus
from tests.hunting.libraries import LONG_AGO, searches_of
from tests.simulator import SimApp
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

BELOW, ABOVE = 1, 7  # quality ids under and over the cutoff of profile 1
REAL_SEARCH = 3  # seconds; after a shorter one the app is asked whether it searched at all


def add_season(app: SimApp, *, missing: int, present: int = 0, ended: bool = True, number: int = 1, **more: Any) -> int:
    """A series with one season: the last episodes are missing; one that has not ended has one more to come."""
    series = app.library.add_series(title=f"Series {number}", ended=ended, added=LONG_AGO, **more)
    for episode in range(1, present + missing + 1):
        app.library.add_episode(
            series,
            1,
            episode,
            air_date=LONG_AGO + timedelta(days=episode),
            has_file=episode <= present,
            quality_id=ABOVE,
        )
    if not ended:
        app.library.add_episode(series, 1, present + missing + 1, air_date=START + timedelta(days=5))
    return series


async def hunt_of(rig: Rig, app: SimApp, **hunting: Any) -> HuntDetailOut:
    instance = await rig.add(app, **{"missing_batch": 5, "cutoff_batch": 0, **hunting})
    hunt = await rig.hunt(instance)
    assert hunt.status is HuntStatus.COMPLETED
    return hunt


def units(app: SimApp) -> list[str]:
    return [record.unit for record in app.searcher.records]


def season_reads(app: SimApp) -> list[str]:
    return [record.query for record in app.log.records if record.path == "/api/v3/episode"]


@pytest.mark.parametrize(
    ("missing", "present", "ended", "threshold", "unit"),
    [
        (5, 5, True, 0.5, "season"),
        (4, 6, True, 0.5, "episode"),
        (3, 0, True, 1.0, "season"),
        (2, 0, True, 0.1, "episode"),
        (5, 5, False, 0.5, "episode"),
        (3, 27, True, 0.1, "season"),
    ],
)
@pytest.mark.process
async def test_auto_searches_a_season_that_ended_and_lacks_enough(
    rig: Rig, missing: int, present: int, ended: bool, threshold: float, unit: str
) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, missing=missing, present=present, ended=ended)
    await hunt_of(rig, app, season_threshold=threshold)
    assert units(app) == (["season"] if unit == "season" else ["episode"] * min(5, missing))


async def test_one_season_search_stands_for_all_its_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    series = add_season(app, missing=8)
    hunt = await hunt_of(rig, app)
    assert units(app) == ["season"]
    assert hunt.skipped == {"missing": {"covered": 7}}
    [searched] = [item for item in hunt.items if item.decision is Reason.SEARCH]
    assert (searched.media_key, searched.unit, hunt.searched) == (f"season:{series}:1", "season", 1)


@pytest.mark.parametrize("kind", ["sqLite", "postgreSQL"])
async def test_a_season_and_its_episodes_cool_down_together(rig: Rig, kind: Any) -> None:
    app = rig.sonarr(grab_share=0, database=kind)
    add_season(app, missing=8)
    instance = await rig.add(app, missing_batch=5, cutoff_batch=0)
    assert (await rig.hunt(instance)).searched == 1
    for item_id in range(1, 9):
        app.library.update_item(item_id, last_search_at=None)  # only Huntarr remembers the search
    for _ in range(3):
        rig.clock.forward(hours=1)
        hunt = await rig.hunt(instance)
        assert hunt.searched == 0
        assert hunt.skipped == {"missing": {"cooldown": 8}}
    rig.clock.forward(days=15)
    hunt = await rig.hunt(instance)
    assert {item.unit for item in hunt.items if item.search_id} == {"episode"}  # the season found nothing


async def test_a_season_whose_episode_was_searched_goes_on_by_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, command_seconds=REAL_SEARCH)
    add_season(app, missing=8)
    app.library.update_item(3, last_search_at=int((START - timedelta(days=1)).timestamp()))
    await hunt_of(rig, app, missing_batch=10)
    assert set(units(app)) == {"episode"}
    assert searches_of(app) == {item_id: 1 for item_id in range(1, 9) if item_id != 3}
    assert season_reads(app) == []


async def test_season_mode_waits_for_the_cooldown_of_its_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, missing=8)
    app.library.update_item(3, last_search_at=int((START - timedelta(days=1)).timestamp()))
    hunt = await hunt_of(rig, app, missing_mode="season")
    assert (hunt.searched, hunt.skipped) == (0, {"missing": {"cooldown": 8}})
    assert {item.until for item in hunt.items} == {START + timedelta(days=6)}


async def test_season_mode_searches_seasons_whatever_they_lack(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, command_seconds=REAL_SEARCH)
    for number in range(4):
        add_season(app, missing=1 + number, present=9, ended=number % 2 == 0, number=number)
    await hunt_of(rig, app, missing_mode="season")
    assert units(app) == ["season"] * 4
    assert len(season_reads(app)) == 4


async def test_episode_mode_asks_for_no_series(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, command_seconds=REAL_SEARCH)
    add_season(app, missing=8)
    await hunt_of(rig, app, missing_mode="episode")
    assert units(app) == ["episode"] * 5
    assert season_reads(app) == []


async def test_the_seasons_of_a_series_are_asked_for_at_once_and_only_before_a_choice(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, tie_block=1, command_seconds=REAL_SEARCH)
    series = app.library.add_series(title="Long", ended=True, added=LONG_AGO)
    for season in range(1, 6):
        for episode in range(1, 5):
            app.library.add_episode(series, season, episode, air_date=LONG_AGO)
    for number in range(20):
        add_season(app, missing=4, number=number)
    hunt = await hunt_of(rig, app, missing_batch=6)
    assert units(app) == ["season"] * 6
    assert hunt.searched == 6
    reads = season_reads(app)
    assert len(reads) == len(set(reads)) == 2  # all of the long series, and the season of a short one
    assert not [record.path for record in app.log.records if "/series" in record.path]


async def test_a_season_that_cannot_be_read_is_searched_by_episodes(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, missing=8)
    app.faults.add(kind="broken_json", path="episode")
    await hunt_of(rig, app, missing_batch=2)
    assert units(app) == ["episode"] * 2


async def test_a_download_of_one_episode_does_not_hold_up_the_others(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    add_season(app, missing=6)
    app.downloads.add([2], status="completed", tracked_status="warning", tracked_state="importBlocked")
    await hunt_of(rig, app, missing_batch=10)
    assert searches_of(app) == dict.fromkeys((1, 3, 4, 5, 6), 1)
    assert set(units(app)) == {"episode"}


async def test_the_cutoff_pass_searches_episodes_in_auto_and_seasons_in_season_mode(rig: Rig) -> None:
    for mode, expected in (("auto", ["episode"] * 3), ("season", ["season"])):
        app = rig.sonarr(grab_share=0)
        series = app.library.add_series(ended=True, added=LONG_AGO)
        for episode in range(1, 6):
            app.library.add_episode(series, 1, episode, air_date=LONG_AGO, has_file=True, quality_id=BELOW)
        assert len(app.library.cutoff_ids()) == 5
        await hunt_of(rig, app, missing_batch=0, cutoff_batch=3, cutoff_mode=mode)
        assert units(app) == expected


async def test_a_season_search_counts_for_its_episodes_below_the_cutoff_too(rig: Rig) -> None:
    """The app searches a season's monitored episodes with files as well, and takes its time."""
    app = rig.sonarr(grab_share=0, command_seconds=60)
    series = app.library.add_series(ended=True, added=LONG_AGO)
    for episode in range(1, 11):
        app.library.add_episode(series, 1, episode, air_date=LONG_AGO, has_file=episode > 6, quality_id=BELOW)
    hunt = await hunt_of(rig, app, cutoff_batch=2)
    assert units(app) == ["season"]
    assert hunt.skipped["cutoff"] == {"cooldown": 4}
    assert set(searches_of(app).values()) == {1}


async def test_specials_are_searched_only_if_they_are_wanted(rig: Rig) -> None:
    for include in (False, True):
        app = rig.sonarr(grab_share=0)
        series = app.library.add_series(ended=True, added=LONG_AGO)
        for episode in range(1, 3):
            app.library.add_episode(series, 0, episode, air_date=LONG_AGO)
        hunt = await hunt_of(rig, app, include_specials=include)
        assert len(app.searcher.records) == (2 if include else 0)
        assert hunt.skipped["missing"] == ({} if include else {"specials": 2})


async def test_radarr_never_searches_what_is_not_available(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    out = app.library.add_movie(title="Out", in_cinemas=LONG_AGO)
    app.library.add_movie(
        title="Only in cinemas", in_cinemas=LONG_AGO, minimum_availability="released", digital=START + timedelta(days=9)
    )
    app.library.add_movie(title="Without dates", minimum_availability="released", year=START.year)
    instance = await rig.add(app, missing_batch=5)
    hunt = await rig.hunt(instance)
    assert [record.item_ids for record in app.searcher.records] == [(out,)]
    assert hunt.skipped["missing"] == {"unreleased": 2}


@pytest.mark.parametrize(
    ("release_date", "searched"),
    [("earliest", True), ("cinema", True), ("digital", False), ("physical", False), ("available", True)],
)
async def test_the_release_date_that_counts_is_the_users_choice(rig: Rig, release_date: str, searched: bool) -> None:
    app = rig.radarr(grab_share=0)
    app.library.add_movie(
        in_cinemas=LONG_AGO,
        digital=START + timedelta(days=2),
        physical=START + timedelta(days=9),
        minimum_availability="inCinemas",
    )
    await rig.hunt(await rig.add(app, release_date=release_date))
    assert bool(app.searcher.records) is searched

"""Long lists whose head cannot be searched: large bare pages, owners by tag, and what was not looked at."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.api.replies import data
from tests.hunting.libraries import LONG_AGO, searches_of
from tests.simulator import SimApp
from tests.support.rig import START, Rig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

PLAIN: dict[str, Any] = {"cutoff_batch": 0, "min_gap_seconds": 0, "missing_mode": "episode"}


def add_series(app: SimApp, episodes: int, *, seasons: int = 1, searched: int | None = None, **fields: Any) -> int:
    """A series with missing episodes; `searched` days ago by the app's own record."""
    series = app.library.add_series(ended=True, **{"added": LONG_AGO, **fields})
    at = None if searched is None else START - timedelta(days=searched)
    for number in range(episodes):
        season, episode = number % seasons + 1, number // seasons + 1
        app.library.add_episode(series, season, episode, air_date=LONG_AGO, last_search=at)
    return series


def paths(app: SimApp) -> Counter[str]:
    return Counter(record.path.removeprefix("/api/v3/").split("/")[0] for record in app.log.records)


async def test_a_season_at_the_head_of_the_list_does_not_use_up_the_batch(rig: Rig) -> None:
    """Twenty seasons of a hundred episodes each: the first page shows one of them."""
    app = rig.sonarr(grab_share=0, tie_block=1)
    for _ in range(20):
        add_series(app, 100)
    instance = await rig.add(app, **{**PLAIN, "missing_mode": "season"}, missing_batch=20)
    hunt = await rig.hunt(instance)
    assert hunt.searched == 20
    assert len(searches_of(app)) == 2000
    pages = [record.query for record in app.log.records if record.path.endswith("wanted/missing")]
    assert len(pages) <= 3
    assert "includeSeries=true" in pages[0]
    assert not [query for query in pages[1:] if "include" in query], "large pages leave the series out"


async def test_large_pages_show_the_owners_facts_all_the_same(rig: Rig) -> None:
    """Behind a blocked head: an excluded tag, an excluded profile, a fresh series; and titles as on small pages."""
    app = rig.sonarr(grab_share=0, tie_block=1)
    add_series(app, 30, tags=["no"], searched=900)
    add_series(app, 30, tags=["no"], searched=800)
    add_series(app, 30, profile_id=3, searched=700)
    add_series(app, 30, added=START - timedelta(hours=1), searched=600)
    due = add_series(app, 3, title="Due", searched=500)
    profile = app.library.profiles[3].name
    instance = await rig.add(app, **PLAIN, exclude_tags=["no"], exclude_quality_profiles=[profile])
    hunt = await rig.hunt(instance)
    assert hunt.skipped == {"missing": {"excluded_tag": 60, "excluded_profile": 30, "added_grace": 30, "batch_full": 1}}
    titles = [item.title for item in hunt.items if item.search_id]
    assert len(titles) == 2
    assert all(title.startswith("Due - S01E0") for title in titles)
    counted = paths(app)
    assert (counted["tag"], counted["series"]) == (2, 3), "tag, tag/detail, and the series that the tags leave"
    assert hunt.unseen == {"missing": 0}
    assert due == 5


async def test_many_owners_are_read_with_their_page(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, tie_block=1)
    for _ in range(120):
        add_series(app, 2, added=START - timedelta(hours=1), searched=900)
    due = add_series(app, 1, searched=500)
    instance = await rig.add(app, **PLAIN)
    hunt = await rig.hunt(instance)
    assert hunt.skipped == {"missing": {"added_grace": 240}}
    assert hunt.searched == 1
    assert paths(app)["series"] <= 51
    assert due == 121


async def test_a_tag_on_few_series_at_the_end_of_the_list_is_found_at_once(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, tie_block=1)
    for _ in range(200):
        add_series(app, 30, searched=900)
    wanted = [add_series(app, 3, tags=["hunt"], searched=500 - day) for day in range(12)]
    instance = await rig.add(app, **PLAIN, include_tags=["hunt"], missing_batch=3)
    hunt = await rig.hunt(instance)
    assert hunt.searched == 3
    assert app.log.bytes_sent < 500_000
    assert paths(app)["wanted"] == 1
    assert hunt.unseen == {"missing": 0}
    searched = {app.library.item(item_id)["parent_id"] for item_id in searches_of(app)}
    assert searched == {wanted[0]}, "the one that was not searched the longest"
    async with rig.gateway() as api:
        plan = data(await api.get("/api/hunts/plan", params={"instance_id": instance.id}))
    assert plan["passes"][0]["searches"] == 3


async def test_few_tagged_movies_are_found_at_once(rig: Rig) -> None:
    app = rig.radarr(grab_share=0, tie_block=1)
    for _ in range(1500):
        app.library.add_movie(in_cinemas=LONG_AGO, last_search=START - timedelta(days=900))
    wanted = [app.library.add_movie(in_cinemas=LONG_AGO, tags=["hunt"], last_search=LONG_AGO) for _ in range(2)]
    below = app.library.add_movie(in_cinemas=LONG_AGO, tags=["hunt"], has_file=True, quality_id=1)
    instance = await rig.add(app, include_tags=["hunt"], min_gap_seconds=0)
    await rig.hunt(instance)
    assert searches_of(app) == dict.fromkeys([*wanted, below], 1)


async def test_what_a_hunt_did_not_look_at_is_told(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    for _ in range(100):
        app.library.add_movie(in_cinemas=LONG_AGO)
    instance = await rig.add(app, **{**PLAIN, "missing_mode": "auto"})
    async with rig.gateway() as api:
        plan = data(await api.get("/api/hunts/plan", params={"instance_id": instance.id}))
        assert (plan["passes"][0]["total"], plan["passes"][0]["unseen"]) == (100, 80)
        assert plan["passes"][0]["decisions"] == {"search": 2, "batch_full": 18}
        hunt = await rig.hunt(instance)
        shown = data(await api.get(f"/api/hunts/{hunt.id}"))
    assert shown["unseen"] == {"missing": 80}


async def test_a_long_list_is_counted_in_full_and_told_in_part(rig: Rig) -> None:
    app = rig.radarr(grab_share=0, tie_block=1)
    for number in range(900):
        blocked = number < 800
        app.library.add_movie(in_cinemas=LONG_AGO, tags=["no"] if blocked else [], last_search=LONG_AGO)
    instance = await rig.add(app, **{**PLAIN, "missing_mode": "auto"}, exclude_tags=["no"], missing_batch=1)
    hunt = await rig.hunt(instance)
    assert hunt.searched == 1
    assert hunt.skipped["missing"]["excluded_tag"] == 800
    assert len(hunt.items) == 501

"""A library in which most of the list is blocked: all the rest is searched in time, and nothing twice."""

import random
from datetime import timedelta
from typing import Any, Literal

import pytest

from app.arr.models import AppType
from app.hunting.store.models import HuntStatus
from app.instances.schemas import InstancePatch
from app.settings.hunting import HuntingIn
from tests.hunting.libraries import LONG_AGO, fill_movies, fill_series, searches_of
from tests.simulator import SimApp
from tests.support.rig import Rig

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

BATCH = 10
YEAR_IN_HOURS = 8760
Kind = Literal["sqLite", "postgreSQL"]
KINDS = pytest.mark.parametrize("kind", ["sqLite", "postgreSQL"])


async def hunt_all(rig: Rig, app: SimApp, eligible: set[int], total: int, **hunting: Any) -> None:
    """Hunt until every eligible item was searched, or the bound is passed."""
    settings: dict[str, Any] = {"missing_cooldown_hours": YEAR_IN_HOURS, "missing_batch": BATCH, "cutoff_batch": 0}
    graces: dict[str, Any] = {"release_grace_hours": 200, "added_grace_hours": 200}  # longer than the test lasts
    instance = await rig.add(
        app,
        exclude_tags=["no-hunt"],
        hourly_cap=400,
        min_gap_seconds=0,
        backoff_factor=1,
        **settings,
        **graces,
        **hunting,
    )
    # A hunt that fills its batch is no loss; a fifth more for those that begin anew and find their way blocked.
    stretch = 4000 if app.definition.app_type == "sonarr" else 1000
    most = -(-total // stretch) + 1 + -(-len(eligible) * 5 // (4 * BATCH)) + 2
    for _ in range(most):
        hunt = await rig.hunt(instance)
        assert hunt.status is HuntStatus.COMPLETED, hunt.message
        assert not app.crashes
        if eligible <= searches_of(app).keys():
            return
        rig.clock.forward(minutes=30)
    left = eligible - searches_of(app).keys()
    pytest.fail(f"{len(left)} of {len(eligible)} were not searched in {most} hunts")


@KINDS
async def test_every_eligible_episode_is_searched_once(rig: Rig, kind: Kind) -> None:
    app = rig.sonarr(database=kind, grab_share=0, tie_block=1)
    eligible = fill_series(app, random.Random(1), series=30)
    total = len(app.library.missing_ids())
    assert total > 1300
    await hunt_all(rig, app, eligible, total, missing_mode="episode")
    assert searches_of(app) == dict.fromkeys(eligible, 1)


@KINDS
async def test_every_eligible_movie_is_searched_once(rig: Rig, kind: Kind) -> None:
    app = rig.radarr(database=kind, grab_share=0, tie_block=1)
    eligible = fill_movies(app, random.Random(2), 1500)
    await hunt_all(rig, app, eligible, len(app.library.missing_ids()))
    assert searches_of(app) == dict.fromkeys(eligible, 1)


@KINDS
async def test_seasons_and_episodes_together_reach_every_eligible_episode_once(rig: Rig, kind: Kind) -> None:
    app = rig.sonarr(database=kind, grab_share=0, tie_block=1)
    eligible = fill_series(app, random.Random(3), series=30, sparse_share=0.3)
    before = app.library.search_times()
    await hunt_all(rig, app, eligible, len(app.library.missing_ids()), missing_mode="auto")
    counts = searches_of(app)
    assert eligible <= counts.keys()
    assert set(counts.values()) == {1}
    assert {record.unit for record in app.searcher.records} == {"season", "episode"}
    cooling = {item_id for item_id, at in before.items() if at and rig.clock.now.timestamp() - at < 8760 * 3600}
    assert not cooling & counts.keys()


@KINDS
async def test_seasons_with_searched_episodes_do_not_block_the_list(rig: Rig, kind: Kind) -> None:
    """From `episode` to `auto`: what is left of a season cannot be searched as one, and must not wait for that."""
    app = rig.sonarr(database=kind, grab_share=0, tie_block=1)
    for number in range(12):
        series = app.library.add_series(title=f"Series {number}", ended=True, added=LONG_AGO)
        for episode in range(1, 6):
            searched = LONG_AGO + timedelta(days=number) if episode == 1 else LONG_AGO + timedelta(days=300)
            app.library.add_episode(series, 1, episode, air_date=LONG_AGO, last_search=searched)
    eligible = set(app.library.missing_ids())
    instance = await rig.add(
        app, missing_batch=12, cutoff_batch=0, missing_mode="episode", hourly_cap=400, min_gap_seconds=0
    )
    await rig.hunt(instance)
    assert len(searches_of(app)) == 12
    auto = HuntingIn.model_validate({"missing_mode": "auto"})
    await rig.container.instances.update(AppType.SONARR, instance.id, InstancePatch(hunting=auto))
    for _ in range(4):
        rig.clock.forward(minutes=30)
        await rig.hunt(instance)
    assert searches_of(app) == dict.fromkeys(eligible, 1)


@KINDS
@pytest.mark.parametrize("order", ["newest", "oldest", "random"])
async def test_every_order_reaches_every_eligible_movie_once(rig: Rig, kind: Kind, order: str) -> None:
    app = rig.radarr(database=kind, grab_share=0, tie_block=1)
    eligible = fill_movies(app, random.Random(4), 700)
    await hunt_all(rig, app, eligible, len(app.library.missing_ids()), order=order)
    assert searches_of(app) == dict.fromkeys(eligible, 1)


@KINDS
async def test_equal_sort_values_that_swap_pages_double_no_search(rig: Rig, kind: Kind) -> None:
    """The apps sort without a tiebreak: a record may slip through between two pages, never be searched twice."""
    app = rig.sonarr(database=kind, grab_share=0, tie_block=4)
    fill_series(app, random.Random(5), series=10)
    instance = await rig.add(
        app, missing_batch=BATCH, cutoff_batch=0, missing_mode="episode", hourly_cap=400, min_gap_seconds=0
    )
    for _ in range(15):
        await rig.hunt(instance)
        rig.clock.forward(minutes=30)
    counts = searches_of(app)
    assert len(counts) == 15 * BATCH
    assert set(counts.values()) == {1}

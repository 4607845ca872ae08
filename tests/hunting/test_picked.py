"""`picked` says what decided: the user's order, what the season lacks, when the item that was due was last searched."""

from datetime import timedelta
from typing import Any

import pytest

from tests.hunting.app_types import add_scored
from tests.hunting.libraries import LONG_AGO
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

PLAIN: dict[str, Any] = {"missing_batch": 1, "cutoff_batch": 0, "min_gap_seconds": 0}
SEARCHED_AT = START - timedelta(days=200)


async def test_a_season_of_which_a_part_was_searched_names_the_episode_that_was_due(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0, tie_block=1)
    series = app.library.add_series(title="Show", ended=True, added=LONG_AGO)
    for number in range(1, 5):
        last = SEARCHED_AT if number > 2 else None
        app.library.add_episode(series, 1, number, title=f"Part {number}", air_date=LONG_AGO, last_search=last)
    instance = await rig.add(app, **PLAIN)
    hunt = await rig.hunt(instance)
    [search] = [item for item in hunt.items if item.search_id]
    assert search.media_key == f"season:{series}:1"
    assert search.picked == "4 of 4 episodes lack a file; Show - S01E01 - Part 1: never searched"


@pytest.mark.parametrize(
    ("order", "picked"),
    [
        ("longest_unsearched", "last searched 2026-05-07 12:00 UTC"),
        ("newest", "newest first, release 2024-06-06; last searched 2026-05-07 12:00 UTC"),
        ("oldest", "oldest first, release 2024-06-06; last searched 2026-05-07 12:00 UTC"),
        ("random", "drawn at random; last searched 2026-05-07 12:00 UTC"),
    ],
)
async def test_the_order_of_the_user_is_named(rig: Rig, order: str, picked: str) -> None:
    app = rig.radarr(grab_share=0)
    app.library.add_movie(in_cinemas=LONG_AGO, last_search=SEARCHED_AT)
    hunt = await rig.hunt(await rig.add(app, **PLAIN, order=order))
    assert [item.picked for item in hunt.items] == [picked]


async def test_an_upgrade_names_the_score(rig: Rig) -> None:
    app = rig.radarr(grab_share=0)
    add_scored(app, 7)
    instance = await rig.add(app, missing_batch=0, cutoff_batch=0, upgrade_batch=1)
    hunt = await rig.hunt(instance)
    assert [item.picked for item in hunt.items] == ["score 7 is below the profile's; never searched"]

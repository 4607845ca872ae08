"""The upgrade pass: a full round of a small library in few requests, gaps asked for once, and every file its turn."""

from typing import Any

import pytest

from app.hunting.selection.paging import first_used, up_to, with_unused
from tests.hunting.app_types import WITH_SCORES, add_scored, searched
from tests.hunting.libraries import searches_of
from tests.simulator import SimApp
from tests.simulator.definitions import AppKind
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

UPGRADES: dict[str, Any] = {"missing_batch": 0, "cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400}


def reads_of_owners(app: SimApp) -> list[int]:
    paths = [record.path for record in app.log.records if record.method == "GET"]
    return [int(path.rsplit("/", 1)[1]) for path in paths if f"/{app.definition.owner}/" in path]


@pytest.mark.parametrize("kind", WITH_SCORES)
@pytest.mark.process
async def test_a_small_library_is_read_in_one_hunt_and_again_in_the_next(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    low = [add_scored(app, 0) for _ in range(3)]
    instance = await rig.add(app, **UPGRADES, upgrade_batch=10, upgrade_cooldown_hours=1)
    for hunt in range(1, 5):
        await rig.hunt(instance)
        assert searches_of(app) == dict.fromkeys(low, hunt)
        rig.clock.forward(hours=1000)


@pytest.mark.parametrize("kind", WITH_SCORES)
@pytest.mark.process
async def test_without_a_cooldown_every_file_has_its_turn(rig: Rig, kind: AppKind) -> None:
    app = rig.simulated(kind, grab_share=0)
    first = add_scored(app, 0)
    owner = app.library.item(first)["parent_id"] if app.definition.owner else None
    low = [first, *(add_scored(app, 1, owner=owner) for _ in range(5))]
    instance = await rig.add(app, **UPGRADES, upgrade_batch=2, upgrade_cooldown_hours=0)
    for _ in range(3):
        await rig.hunt(instance)
        rig.clock.forward(hours=1)
    assert sorted(searched(app)) == [(item_id,) for item_id in low]
    rig.clock.forward(hours=1)
    await rig.hunt(instance)
    assert searched(app)[6:] == searched(app)[:2], "then the round begins anew"


async def test_ids_that_are_not_in_use_are_asked_for_once(rig: Rig) -> None:
    app = rig.sonarr(grab_share=0)
    add_scored(app, 0)
    gone = [app.add_owner() for _ in range(30)]
    last = add_scored(app, 0)
    for owner in gone:
        app.library.remove_parent(owner)
    instance = await rig.add(app, **UPGRADES, upgrade_batch=10, upgrade_cooldown_hours=1)
    for _ in range(10):
        await rig.hunt(instance)
        rig.clock.forward(hours=1000)
    assert last in searches_of(app), "a gap of thirty ids hides nothing for long"
    before = searches_of(app)[last]
    app.log.reset()
    await rig.hunt(instance)
    assert searches_of(app)[last] == before + 1
    assert not set(reads_of_owners(app)) & set(gone)


async def test_ranges_that_touch_become_one() -> None:
    assert with_unused([(2, 4), (9, 9)], 5, 8) == ((2, 9),)
    assert with_unused([], 3, 3) == ((3, 3),)
    assert with_unused([(5, 6)], 1, 2) == ((1, 2), (5, 6))
    assert up_to([(1, 2), (5, 9), (11, 12)], 6) == ((1, 2), (5, 6))
    assert [first_used([(2, 4)], number) for number in (1, 2, 4, 5)] == [1, 5, 5, 5]

"""The item states of the API: their status is what a hunt would decide, and pages and totals fit to it."""

import random
from datetime import datetime, timedelta

import pytest

from app.arr.models import HuntPass
from app.hunting.selection.policy import Candidate, Reason, Rules, StateStatus, decide
from app.hunting.store.item_states import ItemStateStore
from app.hunting.store.models import AppSnapshot, ItemState
from app.instances.schemas import InstanceOut
from tests.simulator import LibrarySpec
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

PASSES = [hunt_pass.value for hunt_pass in HuntPass]
STATUS_OF = {
    Reason.SEARCH: StateStatus.READY,
    Reason.COOLDOWN: StateStatus.COOLDOWN,
    Reason.PARKED: StateStatus.PARKED,
}


def some_time(rng: random.Random) -> datetime:
    """Mostly within the cooldowns, now and then by a clock that was wrong."""
    return START - timedelta(hours=rng.choice([*range(1, 3000, 7), -12, -24, -25, -9000]))


def some_row(rng: random.Random, instance_id: int, number: int) -> ItemState:
    return ItemState(
        instance_id=instance_id,
        hunt_pass=rng.choice(PASSES),
        media_key=f"episode:{number}",
        unit="episode",
        title=f"Episode {number}",
        last_searched_at=some_time(rng),
        fruitless=rng.choice([0, 0, 1, 2, 3, 4, 9]),
        profile_id=rng.choice([None, 1, 2, 3]),
        tag_ids=rng.choice([None, [], [1, 2]]),
        reset_at=rng.choice([None, None, some_time(rng)]),
    )


async def stored_rows(rig: Rig, rng: random.Random, instances: list[InstanceOut]) -> list[ItemState]:
    rows = [some_row(rng, rng.choice(instances).id, number) for number in range(240)]
    changed = AppSnapshot(
        instance_id=instances[0].id,
        woken_at=START - timedelta(days=40),
        profiles_woken={"1": (START - timedelta(days=2)).isoformat(), "3": (START - timedelta(days=90)).isoformat()},
    )
    async with rig.container.infra.db.session() as session:
        session.add_all([changed, *(ItemState(**row.model_dump()) for row in rows)])
    return rows


async def decided(rig: Rig, row: ItemState, instance: InstanceOut) -> tuple[StateStatus, datetime | None]:
    """What a hunt decides on an item of which it reads nothing else than what the row remembers."""
    hunt_pass = HuntPass(row.hunt_pass)
    item = Candidate(
        row.media_key,
        row.title,
        row.unit,
        monitored=True,
        item_id=1,
        available=True,
        tag_ids=frozenset(row.tag_ids or ()),
        quality_profile_id=row.profile_id,
    )
    assert instance.hunting is not None
    rules = Rules.of(instance.hunting, instance.hunting.of(hunt_pass).cooldown_hours)
    states = await ItemStateStore(rig.container.infra.db).item_states(instance.id, hunt_pass, [item.key])
    decision = decide(item, rules, states.of(item, rules, START), now=START)
    return STATUS_OF[decision.reason], decision.until


async def shown(rig: Rig, status: StateStatus | None, instance_id: int | None = None) -> dict[str, StateStatus]:
    """Every page of the list, whose total is right on each of them."""
    found: dict[str, StateStatus] = {}
    totals: set[int] = set()
    for number in range(1, 100):
        page = await rig.container.history.states(instance_id=instance_id, status=status, page=number, page_size=17)
        totals.add(page.total)
        if not page.items:
            break
        assert not found.keys() & {item.media_key for item in page.items}
        found |= {item.media_key: item.status for item in page.items}
    assert totals == {len(found)}
    return found


@pytest.mark.storage
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.process
async def test_the_status_of_an_item_is_what_a_hunt_decides(rig: Rig, seed: int) -> None:
    rng = random.Random(seed)
    instances = [
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name="Changed", park_after=3, missing_cooldown_hours=24),
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name="Defaults", tag_searched="hunted"),
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name="Parks", park_after=2, backoff_factor=1),
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name="Steep", backoff_factor=7.5, backoff_max_days=30),
        await rig.add(rig.sonarr(LibrarySpec(series=1)), name="Never", cutoff_cooldown_hours=0, fresh_window_hours=9),
    ]
    by_id = {instance.id: instance for instance in instances}
    rows = await stored_rows(rig, rng, instances)
    expected = {row.media_key: (await decided(rig, row, by_id[row.instance_id]))[0] for row in rows}
    assert set(expected.values()) == set(StateStatus)
    assert await shown(rig, None) == expected
    for status in StateStatus:
        assert await shown(rig, status) == {key: found for key, found in expected.items() if found is status}
    one = {row.media_key: expected[row.media_key] for row in rows if row.instance_id == instances[0].id}
    assert await shown(rig, None, instances[0].id) == one


async def test_a_cooldown_ends_when_the_hunt_says(rig: Rig) -> None:
    instance = await rig.add(rig.sonarr(LibrarySpec(series=1)), name="TV", park_after=4)
    rows = await stored_rows(rig, random.Random(9), [instance])
    expected = {row.media_key: (await decided(rig, row, instance))[1] for row in rows}
    page = await rig.container.history.states(instance_id=instance.id, status=None, page=1, page_size=500)
    assert {item.media_key: item.cooldown_until for item in page.items} == expected

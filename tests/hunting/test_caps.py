"""Sliding caps: in any hour and any day no more than allowed, whoever reserves and in whatever order."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from app.arr.models import Command, CommandStatus, HuntPass
from app.hunting.schemas import HuntIn
from app.hunting.selection.policy import Candidate
from app.hunting.selection.selector import Selected
from app.hunting.store.caps import DAY, HOUR, Spent, caps
from app.hunting.store.item_states import ItemStateStore
from app.hunting.store.lease import HuntLease
from app.hunting.store.models import CapEntry, Outcome
from app.hunting.store.searches import SearchStore
from app.settings.hunting import HuntingSettings
from tests.simulator import LibrarySpec
from tests.support.rig import Rig

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GAPS = st.lists(st.integers(0, 7200), min_size=1, max_size=120)


def most_in(spent: list[Spent], length: timedelta) -> int:
    """The most units in any window of this length; it is enough to look at those that end with an entry."""
    return max((sum(s.units for s in spent if end.at - length < s.at <= end.at) for end in spent), default=0)


@given(GAPS, st.integers(1, 20), st.integers(0, 60))
def test_no_window_of_an_hour_or_a_day_holds_more_than_its_cap(gaps: list[int], hourly: int, daily: int) -> None:
    spent: list[Spent] = []
    for offset in accumulate(gaps):
        now = NOW + timedelta(seconds=offset)
        if caps(spent, hourly=hourly, daily=daily, now=now).allows(1):
            spent.append(Spent(now, 1))
    assert most_in(spent, HOUR) <= hourly
    assert not daily or most_in(spent, DAY) <= daily


@given(GAPS, st.integers(1, 20), st.integers(0, 60))
def test_a_closed_cap_opens_when_it_says_so_and_not_before(gaps: list[int], hourly: int, daily: int) -> None:
    spent = [Spent(NOW - timedelta(seconds=offset), 1) for offset in accumulate(gaps)]
    found = caps(spent, hourly=hourly, daily=daily, now=NOW)
    for window in (found.hour, found.day):
        assert (window.resets_at is None) == (window.used == 0)
        if window.resets_at is None:
            continue
        assert window.resets_at > NOW
        just_before = window.resets_at - timedelta(microseconds=1)
        for moment, change in ((just_before, 0), (window.resets_at, 1)):
            later = caps(spent, hourly=hourly, daily=daily, now=moment)
            left = later.hour if window is found.hour else later.day
            assert (left.used < window.used) == bool(change)


@pytest.mark.parametrize(
    ("hourly", "daily", "used", "closed_by", "left"),
    [
        (2, 0, 1, None, 1),
        (2, 0, 2, "hourly_cap", 0),
        (2, 0, 3, "hourly_cap", 0),
        (5, 2, 2, "daily_cap", 0),
        (2, 2, 2, "daily_cap", 0),
        (5, 4, 2, None, 2),
        (0, 0, 9, None, None),
    ],
)
def test_the_closed_cap_has_a_name(hourly: int, daily: int, used: int, closed_by: str | None, left: int | None) -> None:
    found = caps([Spent(NOW, 1)] * used, hourly=hourly, daily=daily, now=NOW)
    assert (found.closed_by, found.left) == (closed_by, left)
    assert found.allows(left or 0)
    assert left is None or not found.allows(left + 1)


def test_an_entry_of_a_clock_that_was_wrong_does_not_close_the_cap_for_years() -> None:
    ahead = [Spent(NOW + timedelta(days=2000), 1)] * 50
    assert caps(ahead, hourly=2, daily=2, now=NOW).left == 2
    assert caps([Spent(NOW + HOUR, 1)] * 2, hourly=2, daily=0, now=NOW).left == 0


def choice(number: int) -> Selected:
    return Selected(Candidate(f"episode:{number}", "An episode", "episode", True, item_id=number), "never searched")


async def holding(rig: Rig) -> HuntLease:
    instance = await rig.add(rig.sonarr(LibrarySpec.with_missing(1)))
    [hunt] = await rig.container.hunting.service.start(HuntIn(instance_id=instance.id))
    return HuntLease(instance.id, instance.name, instance.app_type, 0, hunt.id)


@pytest.mark.storage
@pytest.mark.asyncio
async def test_two_reservers_at_once_never_overshoot_a_cap(rig: Rig) -> None:
    """Random times, random refusals; every entry that stays is one that fitted in its windows."""
    lease, rng = await holding(rig), random.Random(3)
    settings = HuntingSettings(hourly_cap=4, daily_cap=11)
    stores = [SearchStore(rig.container.infra.db, rig.container.settings, rig.clock) for _ in range(2)]
    number = 0
    for _ in range(40):
        rig.clock.forward(minutes=rng.choice((0, 1, 20, 45, 300)))
        calls: list[Any] = []
        for _ in range(rng.randint(1, 6)):
            number += 1
            calls.append(rng.choice(stores).reserve(lease, HuntPass.MISSING, choice(number), settings, False))
        for one in await asyncio.gather(*calls):
            if isinstance(one, int) and rng.random() < 0.2:
                await stores[0].refused(lease, one, "refused")
    async with rig.container.infra.db.reading() as session:
        spent = [Spent(row.reserved_at, row.units) for row in (await session.exec(select(CapEntry))).all()]
    assert len(spent) > 25
    assert most_in(spent, HOUR) <= 4
    assert most_in(spent, DAY) <= 11


@pytest.mark.storage
@pytest.mark.asyncio
async def test_the_last_unit_goes_to_one_of_many_reservers(rig: Rig) -> None:
    lease = await holding(rig)
    stores = [SearchStore(rig.container.infra.db, rig.container.settings, rig.clock) for _ in range(2)]
    settings = HuntingSettings(hourly_cap=3)
    calls = [
        stores[number % 2].reserve(lease, HuntPass.MISSING, choice(number), settings, False) for number in range(12)
    ]
    got = await asyncio.gather(*calls)
    assert sum(isinstance(one, int) for one in got) == 3
    [first, *_] = [one for one in got if isinstance(one, int)]
    await stores[0].refused(lease, first, "the app said no")
    assert isinstance(await stores[1].reserve(lease, HuntPass.MISSING, choice(99), settings, False), int)


@pytest.mark.storage
@pytest.mark.asyncio
async def test_a_search_that_ran_keeps_its_units_and_one_that_was_refused_gives_its_cooldown_back(rig: Rig) -> None:
    lease, store = await holding(rig), SearchStore(rig.container.infra.db, rig.container.settings, rig.clock)
    settings = HuntingSettings(hourly_cap=10)
    kept = await store.reserve(lease, HuntPass.MISSING, choice(1), settings, False)
    assert isinstance(kept, int)
    command = Command(4711, "MoviesSearch", CommandStatus.COMPLETED, None, message="0 reports downloaded.")
    await store.accepted(lease, kept, command)
    assert await store.command_over(lease, kept, command, is_tracked=True) is Outcome.NOTHING_FOUND
    before = rig.clock.now
    rig.clock.forward(days=8)
    again = await store.reserve(lease, HuntPass.MISSING, replace(choice(1), failed_searches=1), settings, False)
    assert isinstance(again, int)
    await store.refused(lease, again, "the app said no")
    known = await ItemStateStore(rig.container.infra.db).item_states(lease.instance_id, HuntPass.MISSING, ["episode:1"])
    [record] = known.by_key["episode:1"]
    assert (record.last_searched_at, record.failed_searches) == (before, 1)

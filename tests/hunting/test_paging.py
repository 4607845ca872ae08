"""Every record of a list is read in time, even if its head is blocked and records move."""

import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.arr.models import AppDatabase
from app.hunting.selection import paging
from app.hunting.selection.paging import Cursor, ListSide, Position
from app.settings.hunting import Order
from tests.hunting.wanted_lists import PAGE_SIZE, Entry, HighestDraws, HuntSeries, ListClient

LISTS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ORDERS = st.sampled_from(list(Order))
DATABASES = st.sampled_from(list(AppDatabase))
STRETCH = paging.PAGES_OF_STRETCH * PAGE_SIZE
TOTALS = st.one_of(st.integers(0, 130), st.integers(131, 1500))


def library(total: int, never_share: float, seed: int) -> list[Entry]:
    rng = random.Random(seed)
    return [
        Entry(item_id, rng.randint(0, 100_000), None if rng.random() < never_share else rng.randint(0, 100_000))
        for item_id in range(1, total + 1)
    ]


def walker(
    entries: list[Entry],
    database: AppDatabase,
    order: Order,
    batch: int,
    *,
    rng: random.Random | None = None,
    at: int = 0,
) -> HuntSeries:
    client = ListClient(entries, database)
    return HuntSeries(client, order, batch, rng or HighestDraws(), Cursor(at, len(entries)) if at else Cursor())


def bound(total: int) -> int:
    return -(-total // STRETCH) + 1


SIZES = st.sampled_from([25, 250, 1000])


@given(st.integers(0, 50_000), st.integers(1, 4), SIZES)
def test_the_rest_of_a_hunt_is_read_in_large_pages(offset: int, pages: int, size: int) -> None:
    span = paging.pages_from(offset, pages, size)
    assert span.start <= offset <= span.end
    assert size <= span.size <= 2 * size
    assert span.pages == pages


@given(st.integers(0, 10**6), st.sampled_from([3, 4]), SIZES)
def test_a_span_holds_the_stretch_in_pages_near_the_large_size(offset: int, pages: int, size: int) -> None:
    span = paging.stretch_from(offset, pages, size)
    assert span.start <= offset
    assert span.end >= offset + paging.PAGES_OF_STRETCH * size
    assert span.pages == pages
    assert size <= span.size <= size * (1.36 if pages == 4 else 2)


@given(st.integers(-5000, 5000), st.integers(0, 5000), st.integers(0, 5000))
def test_a_cursor_moves_with_the_records_that_left_the_list(offset: int, before: int, total: int) -> None:
    position = paging.resume(Cursor(offset, before), total)
    assert (position.side is ListSide.NEVER) == (offset < 0)
    assert position.offset == max(0, abs(offset) - max(0, before - total))


@given(st.sampled_from(list(ListSide)), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 400))
def test_a_stored_position_is_found_again(side: ListSide, offset: int, total: int, moved: int) -> None:
    found = paging.resume(paging.to_cursor(Position(side, offset), total=total, moved=moved), total)
    assert found.offset == max(0, offset - moved)
    assert found.side is side or found.offset == 0


@pytest.mark.parametrize(("batch", "size"), [(0, 20), (1, 20), (5, 20), (6, 24), (50, 200)])
def test_the_first_page_is_four_times_the_batch_and_at_least_twenty(batch: int, size: int) -> None:
    assert paging.head_size(batch) == size


@given(TOTALS, st.floats(0, 1), st.integers(0, 2500), DATABASES, ORDERS, st.sampled_from([1, 2, 12, 50]), st.integers())
@LISTS
def test_every_record_is_read_within_the_bound_when_all_is_blocked(
    total: int, never: float, at: int, database: AppDatabase, order: Order, batch: int, seed: int
) -> None:
    walking = walker(library(total, never, seed), database, order, batch, at=min(at, total))

    async def hunts() -> None:
        for _ in range(bound(total)):
            walking.client.pages.clear()
            await walking.hunt(lambda _: False)
            assert 1 <= len(walking.client.pages) <= paging.MAX_PAGES
            assert walking.client.pages[0][1] == paging.head_size(batch)
            assert all(size <= max(2 * PAGE_SIZE, paging.head_size(batch)) for _, size, _ in walking.client.pages)

    asyncio.run(hunts())
    assert walking.read == {entry.item_id for entry in walking.client.entries}


@given(
    TOTALS,
    st.floats(0, 1),
    st.floats(0, 0.3),
    DATABASES,
    ORDERS,
    st.sampled_from([1, 2, 12, 50]),
    st.integers(),
    st.booleans(),
)
@LISTS
def test_every_eligible_item_is_searched_once_within_the_bound(
    total: int, never: float, share: float, database: AppDatabase, order: Order, batch: int, seed: int, clustered: bool
) -> None:
    entries = library(total, never, seed)
    count = min(int(total * share), 4 * batch if clustered else 40 * batch)
    start = random.Random(seed).randrange(max(1, total - count + 1))
    ids = [entry.item_id for entry in entries]
    eligible = set(ids[start : start + count] if clustered else random.Random(seed).sample(ids, count))
    walking = walker(entries, database, order, batch)
    searched: list[int] = []

    async def hunts() -> None:
        while eligible - set(searched) and walking.unfilled <= bound(total):
            searched.extend(await walking.hunt(lambda item_id: item_id in eligible and item_id not in searched))

    asyncio.run(hunts())
    assert sorted(searched) == sorted(eligible)
    assert walking.unfilled <= bound(total)
    assert walking.hunts - walking.unfilled <= count / batch


@given(TOTALS, st.floats(0, 1), DATABASES, st.integers(), st.sampled_from([1, 2, 12]))
@LISTS
def test_beginning_anew_costs_a_fifth_of_the_hunts_at_most(
    total: int, never: float, database: AppDatabase, seed: int, batch: int
) -> None:
    """Over many hunts: the luck of a few draws is allowed for."""
    entries, rng = library(total, never, seed), random.Random(seed)
    eligible = {entry.item_id for entry in entries if rng.random() < 0.2}
    walking = walker(entries, database, Order.LONGEST_UNSEARCHED, batch, rng=random.Random(seed))
    searched: set[int] = set()

    async def hunts() -> None:
        while eligible - searched:
            searched.update(await walking.hunt(lambda item_id: item_id in eligible and item_id not in searched))
            assert walking.hunts < 5000

    asyncio.run(hunts())
    filled = len(eligible) / batch
    assert walking.hunts <= 1.25 * filled + 2 * bound(total) + 6 * filled**0.5


@given(st.integers(300, 1500), st.floats(0, 1), DATABASES, ORDERS, st.integers(), st.integers(1, 90))
@LISTS
def test_no_record_is_missed_when_others_leave_the_list(
    total: int, never: float, database: AppDatabase, order: Order, seed: int, leaving: int
) -> None:
    rng = random.Random(seed)
    walking = walker(library(total, never, seed), database, order, 2)

    async def hunts() -> None:
        for _ in range(bound(total)):
            await walking.hunt(lambda _: False)
            kept = [entry for entry in walking.client.entries if entry.item_id in walking.read or rng.random() < 0.98]
            gone = {entry.item_id for entry in rng.sample(kept, min(leaving, len(kept)))}
            walking.client.replace([entry for entry in kept if entry.item_id not in gone])

    asyncio.run(hunts())
    assert {entry.item_id for entry in walking.client.entries} <= walking.read


@given(st.integers(300, 1500), st.floats(0, 1), DATABASES, ORDERS, st.integers(), st.integers(1, 90))
@LISTS
def test_no_record_is_missed_when_others_are_added(
    total: int, never: float, database: AppDatabase, order: Order, seed: int, coming: int
) -> None:
    walking = walker(library(total, never, seed), database, order, 2)
    first = {entry.item_id for entry in walking.client.entries}

    async def hunts() -> None:
        for number in range(-(-total // (STRETCH - coming)) + 2):
            await walking.hunt(lambda _: False)
            new = library(coming, 1.0, seed + number)
            more = [Entry(entry.item_id + 10_000 * (number + 1), entry.released, entry.last_search) for entry in new]
            walking.client.replace([*walking.client.entries, *more])

    asyncio.run(hunts())
    assert first <= walking.read


@given(DATABASES, st.integers(), st.integers(1000, 1500))
@LISTS
@pytest.mark.process
def test_what_becomes_due_before_the_cursor_does_not_wait_for_the_end_of_the_list(
    database: AppDatabase, seed: int, total: int
) -> None:
    """The head stays blocked, every hunt fills its batch from the rest, and then one item of the head becomes due.

    Reading the list to its end would take 470 hunts at least. A hunt begins anew with a chance of 1 in 15 at least, so
    that 300 of them in a row never do with a probability of 1e-9.
    """
    entries = [Entry(item_id, item_id, None) for item_id in range(1, 61)]
    entries += [Entry(item_id, item_id, 1000 + item_id) for item_id in range(61, total + 1)]
    walking = walker(entries, database, Order.LONGEST_UNSEARCHED, 2, rng=random.Random(seed))
    searched: set[int] = set()

    async def hunts() -> None:
        for _ in range(40):
            searched.update(await walking.hunt(lambda item_id: item_id > 60 and item_id not in searched))
        assert 30 not in searched
        while 30 not in searched and walking.hunts < 340:
            searched.update(await walking.hunt(lambda item_id: item_id in {30, *range(61, total + 1)} - searched))

    asyncio.run(hunts())
    assert 30 in searched


def test_the_longest_unsearched_come_first_behind_a_blocked_head() -> None:
    entries = [Entry(item_id, item_id, 1000 + item_id) for item_id in range(1, 1001)]
    walking = walker(entries, AppDatabase.SQLITE, Order.LONGEST_UNSEARCHED, 2)
    searched: list[int] = []

    async def hunts() -> None:
        for _ in range(100):
            searched.extend(await walking.hunt(lambda item_id: item_id > 300 and item_id not in searched))

    asyncio.run(hunts())
    assert searched == list(range(301, 501))


@given(st.integers(0, 10**6), st.sampled_from([20, 28, 200]))
def test_one_page_holds_the_records_behind_any_offset(offset: int, records: int) -> None:
    span = paging.one_page_from(offset, records)
    assert span.start <= offset
    assert span.end >= offset + records
    assert (span.pages, span.size >= records) == (1, True)
    assert span.size <= 3 * records or offset < span.size, "one page from the beginning at most"

"""What limits leave for hunts: the reserve is never touched, and what is closed opens again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.prowlarr.budget import QUERIES_PER_UNIT, SOONEST, Budget, BudgetGate, IndexerBudget, SpentBudget

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)

indexers = st.builds(
    IndexerBudget,
    indexer_id=st.integers(1, 5),
    name=st.just("Indexer"),
    enabled=st.booleans(),
    query_limit=st.none() | st.integers(1, 60),
    grab_limit=st.none() | st.integers(1, 10),
    window=st.sampled_from([timedelta(hours=1), timedelta(days=1)]),
    queries=st.integers(0, 80),
    grabs=st.integers(0, 12),
    disabled_until=st.none() | st.integers(-60, 600).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)
budgets = st.builds(
    Budget,
    prowlarr_id=st.just(1),
    reserve_percent=st.integers(0, 90),
    measured_at=st.integers(0, 60).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    instance_ids=st.just(frozenset({2})),
    indexers=st.lists(indexers, max_size=4).map(tuple),
)
gates = st.builds(
    BudgetGate, st.lists(st.builds(SpentBudget, budgets, st.integers(0, 40)), max_size=2).map(tuple), st.just(())
)


def gate(*indexers: IndexerBudget, reserve: int = 20, spent: int = 0) -> BudgetGate:
    return BudgetGate((SpentBudget(Budget(1, reserve, NOW, frozenset({2}), indexers), spent),))


@given(indexers, st.integers(0, 90), st.integers(0, 40), st.integers(1, 20))
def test_a_usable_indexer_keeps_its_reserve(indexer: IndexerBudget, reserve: int, spent: int, wanted: int) -> None:
    if indexer.is_usable(reserve, NOW, spent=spent, wanted=wanted):
        assert indexer.enabled
        if indexer.query_limit is not None:
            assert indexer.queries + spent + wanted <= indexer.query_limit * (100 - reserve) / 100
        if indexer.grab_limit is not None:
            assert indexer.grabs < indexer.grab_limit * (100 - reserve) / 100


@given(gates, st.integers(1, 10))
def test_what_is_left_is_what_may_be_spent(gate: BudgetGate, units: int) -> None:
    left = gate.units_left(NOW)
    if left is not None and units > left:
        assert not gate.is_open(NOW, units=units)
    if left is not None and left > 0:
        assert gate.is_open(NOW, units=left)
        assert not gate.spending(left).is_open(NOW, units=1) or gate.spending(left).units_left(NOW) != left


@given(gates)
def test_a_closed_gate_opens_later_or_never(gate: BudgetGate) -> None:
    if gate.is_open(NOW):
        return
    opens_at = gate.opens_at(NOW)
    if opens_at is None:  # a limit too small, or every indexer is turned off
        assert all(
            not each.enabled
            or each.allowed(spent.budget.reserve_percent) in (0, 1)
            or (each.grab_limit is not None and each.grab_limit * (100 - spent.budget.reserve_percent) < 100)
            for spent in gate.budgets
            for each in spent.budget.indexers
        )
    else:
        assert opens_at >= NOW + SOONEST


@given(gates)
def test_without_a_limit_nothing_closes(gate: BudgetGate) -> None:
    endless = IndexerBudget(9, "Endless", queries=10**9, grabs=10**9)
    for spent in gate.budgets:
        budget = Budget(1, spent.budget.reserve_percent, NOW, frozenset(), (*spent.budget.indexers, endless))
        assert BudgetGate((SpentBudget(budget, spent.spent),)).is_open(NOW)
        assert BudgetGate((SpentBudget(budget, spent.spent),)).units_left(NOW) is None


def test_the_reserve_and_our_own_queries_count() -> None:
    used = IndexerBudget(1, "Small", query_limit=100, queries=70)
    assert gate(used).units_left(NOW) == 10 // QUERIES_PER_UNIT
    assert gate(used, spent=6).units_left(NOW) == 2
    assert not gate(used, spent=9).is_open(NOW)
    assert gate(used, spent=9, reserve=10).is_open(NOW)


def test_a_closed_window_opens_when_the_oldest_queries_leave_it() -> None:
    used = IndexerBudget(1, "Small", query_limit=100, queries=80)
    assert gate(used).opens_at(NOW) == NOW + timedelta(hours=24) * 2 / 80
    hourly = IndexerBudget(2, "Hourly", query_limit=100, queries=80, window=timedelta(hours=1))
    assert gate(hourly).opens_at(NOW) == NOW + SOONEST
    assert gate(used, hourly).opens_at(NOW) == NOW + SOONEST
    assert "Small" in gate(used).sentence(NOW)
    assert "2026-11-26 12:36 UTC" in gate(used).sentence(NOW)


def test_a_disabled_indexer_comes_back_when_prowlarr_says() -> None:
    back = NOW + timedelta(hours=3)
    assert gate(IndexerBudget(1, "Failing", disabled_until=back)).opens_at(NOW) == back
    assert not gate(IndexerBudget(1, "Failing", disabled_until=back)).is_open(NOW)
    assert gate(IndexerBudget(1, "Failing", disabled_until=NOW)).is_open(NOW)


def test_a_prowlarr_without_indexers_that_search_closes_nothing() -> None:
    assert gate().is_open(NOW)
    assert gate(IndexerBudget(1, "Off", enabled=False)).is_open(NOW)
    assert gate(IndexerBudget(1, "Off", enabled=False)).units_left(NOW) is None
    assert BudgetGate().is_open(NOW)

"""What the limits of Prowlarr's indexers leave for hunts. Pure.

Prowlarr counts what was asked of an indexer over a sliding day or hour. Its figures are read from time to time; what
Huntarr's own searches asked since then is added by the caller.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

QUERIES_PER_UNIT = 2
"""An app asks an indexer a second time when the first answer held nothing (measured at the living apps)."""
SOONEST = timedelta(minutes=5)
"""A closed budget is not asked about more often."""
MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class IndexerBudget:
    """One indexer: its limits (`None`: none), what was used of them in the last `window`, and whether it answers."""

    indexer_id: int
    name: str
    enabled: bool = True
    query_limit: int | None = None
    grab_limit: int | None = None
    window: timedelta = timedelta(days=1)
    queries: int = 0
    grabs: int = 0
    disabled_until: datetime | None = None

    @property
    def is_hourly(self) -> bool:
        return self.window <= timedelta(hours=1)

    def allowed(self, reserve_percent: int) -> int | None:
        """What the reserve leaves of its query limit; `None` without a limit."""
        return _allowed(self.query_limit, reserve_percent)

    def queries_left(self, reserve_percent: int, spent: int = 0) -> int | None:
        """Queries that hunts may still make; `None` without a limit. `spent`: ours that Prowlarr's figures lack."""
        allowed = self.allowed(reserve_percent)
        return None if allowed is None else max(0, allowed - self.queries - spent)

    def grabs_left(self, reserve_percent: int) -> int | None:
        allowed = _allowed(self.grab_limit, reserve_percent)
        return None if allowed is None else max(0, allowed - self.grabs)

    def is_usable(self, reserve_percent: int, now: datetime, *, spent: int, wanted: int) -> bool:
        """Whether `wanted` more queries stay within what the reserve leaves."""
        if not self.enabled or (self.disabled_until is not None and self.disabled_until > now):
            return False
        queries, grabs = self.queries_left(reserve_percent, spent), self.grabs_left(reserve_percent)
        return (queries is None or queries >= wanted) and (grabs is None or grabs > 0)

    def free_at(
        self, reserve_percent: int, now: datetime, measured_at: datetime, *, spent: int, wanted: int
    ) -> datetime | None:
        """When it should be usable again; `None` when it never is by itself.

        Prowlarr tells how much was used and not when: it counts as spread evenly over the window.
        """
        allowed = self.allowed(reserve_percent)
        allowed_grabs = _allowed(self.grab_limit, reserve_percent)
        too_small = (allowed is not None and allowed < wanted) or allowed_grabs == 0
        if not self.enabled or too_small:
            return None
        moments = [now + SOONEST]
        if self.disabled_until is not None:
            moments.append(self.disabled_until)
        if allowed is not None:
            used = self.queries + spent
            moments.append(measured_at + self.window * _share(used + wanted - allowed, used))
        if allowed_grabs is not None:
            moments.append(measured_at + self.window * _share(self.grabs + 1 - allowed_grabs, self.grabs))
        return max(moments)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one Prowlarr leaves for the hunts of an app: the enabled indexers that the app can search with."""

    prowlarr_id: int
    reserve_percent: int
    measured_at: datetime
    """In our time, taken before Prowlarr was asked."""
    instance_ids: frozenset[int]
    """The instances that spend it."""
    indexers: tuple[IndexerBudget, ...]

    def is_open(self, now: datetime, *, spent: int, wanted: int = QUERIES_PER_UNIT) -> bool:
        """Whether one of its indexers is usable; true where it has none that search."""
        indexers = [indexer for indexer in self.indexers if indexer.enabled]
        return not indexers or any(
            indexer.is_usable(self.reserve_percent, now, spent=spent, wanted=wanted) for indexer in indexers
        )

    def queries_left(self, now: datetime, *, spent: int) -> int | None:
        """Queries until the last of its indexers has nothing left; `None` when one has no limit, or none searches."""
        usable = [each for each in self.indexers if each.is_usable(self.reserve_percent, now, spent=spent, wanted=1)]
        left = [each.queries_left(self.reserve_percent, spent) for each in usable]
        if None in left or not any(each.enabled for each in self.indexers):
            return None
        return max((queries for queries in left if queries is not None), default=0)

    def opens_at(self, now: datetime, *, spent: int, wanted: int = QUERIES_PER_UNIT) -> datetime | None:
        """The earliest time at which one of its indexers should be usable again."""
        moments = [
            indexer.free_at(self.reserve_percent, now, self.measured_at, spent=spent, wanted=wanted)
            for indexer in self.indexers
        ]
        return min((at for at in moments if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class SpentBudget:
    """A budget, and the queries of ours that its figures do not hold yet."""

    budget: Budget
    spent: int = 0

    def is_usable(self, indexer: IndexerBudget, now: datetime) -> bool:
        """Whether one more search may be sent to one of its indexers."""
        return indexer.is_usable(self.budget.reserve_percent, now, spent=self.spent, wanted=QUERIES_PER_UNIT)

    def free_at(self, indexer: IndexerBudget, now: datetime) -> datetime | None:
        measured_at, percent = self.budget.measured_at, self.budget.reserve_percent
        return indexer.free_at(percent, now, measured_at, spent=self.spent, wanted=QUERIES_PER_UNIT)


@dataclass(frozen=True, slots=True)
class BudgetGate:
    """All budgets of an app: it is closed when none of them leaves anything."""

    budgets: tuple[SpentBudget, ...] = ()
    silent: tuple[str, ...] = ()
    """Names of the Prowlarrs whose figures are not known or too old to decide by."""

    def having(self, budget: SpentBudget) -> "BudgetGate":
        return replace(self, budgets=(*self.budgets, budget))

    def without(self, name: str) -> "BudgetGate":
        """The same; the Prowlarr of that name is not known well enough."""
        return replace(self, silent=(*self.silent, name))

    def is_open(self, now: datetime, *, units: int = 1) -> bool:
        wanted = units * QUERIES_PER_UNIT
        return not self.budgets or any(
            each.budget.is_open(now, spent=each.spent, wanted=wanted) for each in self.budgets
        )

    def units_left(self, now: datetime) -> int | None:
        """Search units until it closes; `None` when no limit closes it."""
        left: list[int | None] = [each.budget.queries_left(now, spent=each.spent) for each in self.budgets]
        known = [queries // QUERIES_PER_UNIT for queries in left if queries is not None]
        return max(known) if known and len(known) == len(left) else None

    def opens_at(self, now: datetime, *, units: int = 1) -> datetime | None:
        """The earliest time at which it should be open again; `None` when it never is by itself."""
        wanted = units * QUERIES_PER_UNIT
        moments = [each.budget.opens_at(now, spent=each.spent, wanted=wanted) for each in self.budgets]
        return min((at for at in moments if at is not None), default=None)

    def sentence(self, now: datetime) -> str:
        """Which indexers have nothing left, and until when, for people."""
        names = ", ".join(_names(each.budget.indexers for each in self.budgets)[:MAX_NAMES])
        until = self.opens_at(now)
        when = f"until about {until:%Y-%m-%d %H:%M} UTC" if until else "while their limits are so small"
        return f"The indexers behind Prowlarr ({names}) have nothing left for hunts {when}."

    def spending(self, units: int) -> "BudgetGate":
        """As it is when so many more units are spent."""
        more = units * QUERIES_PER_UNIT
        return replace(self, budgets=tuple(replace(each, spent=each.spent + more) for each in self.budgets))

    def used_of_limit(self) -> tuple[int, int] | None:
        """Queries used, and what the reserve leaves of the largest limit; `None` where no indexer has a limit."""
        limits = [
            (allowed, indexer.queries + each.spent)
            for each in self.budgets
            for indexer in each.budget.indexers
            if indexer.enabled and (allowed := indexer.allowed(each.budget.reserve_percent)) is not None
        ]
        allowed, used = max(limits, default=(None, 0))
        return None if allowed is None else (used, allowed)

    @property
    def warnings(self) -> list[str]:
        """What to tell of a hunt that goes on without a budget."""
        return [f"{name} does not answer: the hunt goes on without the budget of its indexers." for name in self.silent]


def _names(groups: Iterable[Sequence[IndexerBudget]]) -> list[str]:
    return [indexer.name for indexers in groups for indexer in indexers if indexer.enabled]


def _allowed(limit: int | None, reserve_percent: int) -> int | None:
    return None if limit is None else limit * (100 - reserve_percent) // 100


def _share(too_many: int, used: int) -> float:
    """How much of the window passes until so many of the used ones, the oldest, have left it."""
    return min(1.0, max(0.0, too_many / used)) if used > 0 else 0.0

"""What the indexers behind Prowlarr leave to the hunts of each instance: its figures, less what was spent since."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.hunting.selection.policy import MAX_AHEAD
from app.hunting.store.models import AppSnapshot, CapEntry, HuntState
from app.instances.models import Instance
from app.prowlarr.budget import QUERIES_PER_UNIT, Budget, BudgetGate, SpentBudget
from app.prowlarr.indexers import read_links
from app.prowlarr.known import KnownProwlarr, SearchingApp, budgets_of, known_prowlarrs

LATE = timedelta(minutes=5)
"""How long after its reservation a search may reach an indexer: what was reserved so short before the figures were
read may be in them or not, and counts a second time."""

NO_BUDGET = BudgetGate()


async def budget_gate(session: AsyncSession, instance_id: int, now: datetime, *, lock: bool = False) -> BudgetGate:
    """The budgets of one instance, as `budget_gates` gives them."""
    return (await budget_gates(session, now, lock=lock)).get(instance_id, NO_BUDGET)


async def budget_gates(session: AsyncSession, now: datetime, *, lock: bool = False) -> Mapping[int, BudgetGate]:
    """The budgets of every instance that hunts behind a Prowlarr; one statement where there is none.

    With `lock` the budgets stay as they are until the transaction ends, so that two workers cannot spend the same.
    """
    prowlarrs = [found for found in await known_prowlarrs(session, lock=lock) if found.settings.enforce_budget]
    if not prowlarrs:
        return {}
    apps = await searching_apps(session)
    gates = {app.instance_id: NO_BUDGET for app in apps}
    for prowlarr in prowlarrs:
        is_silent = not prowlarr.is_fresh(now)
        found = await spent_budgets(session, prowlarr, apps, now)
        for instance_id in gates if prowlarr.figures is None else found:
            gate = gates[instance_id]
            gates[instance_id] = gate.without(prowlarr.name) if is_silent else gate.having(found[instance_id])
    return gates


async def spent_budgets(
    session: AsyncSession, prowlarr: KnownProwlarr, apps: Sequence[SearchingApp], now: datetime
) -> Mapping[int, SpentBudget]:
    """What one Prowlarr leaves to each instance behind it, by the last figures, however old."""
    budgets = budgets_of(prowlarr, apps)
    if not budgets:
        return {}
    spent = await _spent(session, next(iter(budgets.values())), now)
    return {instance_id: SpentBudget(budget, spent) for instance_id, budget in budgets.items()}


async def searching_apps(session: AsyncSession) -> list[SearchingApp]:
    """Every instance that hunts, with what is known of its indexers."""
    query = select(Instance.id, Instance.url, AppSnapshot.links).join(HuntState)
    query = query.outerjoin(AppSnapshot, col(AppSnapshot.instance_id) == col(Instance.id))
    return [SearchingApp(row[0] or 0, row[1], read_links(row[2] or ())) for row in await session.exec(query)]


async def _spent(session: AsyncSession, budget: Budget, now: datetime) -> int:
    """Queries of ours that the figures do not hold."""
    query = select(func.sum(col(CapEntry.units))).where(
        col(CapEntry.instance_id).in_(budget.instance_ids),
        col(CapEntry.reserved_at) > budget.measured_at - LATE,
        col(CapEntry.reserved_at) <= now + MAX_AHEAD,
    )
    return QUERIES_PER_UNIT * int((await session.exec(query)).one() or 0)

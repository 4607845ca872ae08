"""The budgets of the indexers behind Prowlarr, as callers read them."""

from datetime import datetime

from sqlmodel import col, select

from app.arr.models import AppType
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.store.budgets import searching_apps, spent_budgets
from app.instances.models import Instance
from app.instances.service import InstanceService
from app.prowlarr.budget import BudgetGate, IndexerBudget, SpentBudget
from app.prowlarr.known import known_of
from app.prowlarr.models import ProwlarrState
from app.prowlarr.schemas import AppBudgetOut, BudgetOut, IndexerBudgetOut, LimitWindow, ProwlarrBudgetOut


class BudgetService:
    """Reads what a Prowlarr leaves to the hunts of each app behind it."""

    def __init__(self, db: Database, instances: InstanceService, clock: Clock) -> None:
        self._db = db
        self._instances = instances
        self._clock = clock

    async def of_prowlarr(self, instance_id: int) -> ProwlarrBudgetOut:
        """`NotFound` when there is no such Prowlarr."""
        now = self._clock()
        async with self._db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.PROWLARR)
            prowlarr = known_of(row, await session.get(ProwlarrState, instance_id))
            budgets = await spent_budgets(session, prowlarr, await searching_apps(session), now)
            query = select(Instance).where(col(Instance.id).in_(budgets)).order_by(col(Instance.id))
            apps = (await session.exec(query)).all()
        figures, settings = prowlarr.figures, prowlarr.settings
        return ProwlarrBudgetOut(
            reserve_percent=settings.reserve_percent,
            enforce_budget=settings.enforce_budget,
            measured_at=None if figures is None else figures.measured_at,
            is_fresh=prowlarr.is_fresh(now),
            apps=[
                AppBudgetOut(
                    instance_id=app.id or 0,
                    name=app.name,
                    app_type=AppType(app.app_type),
                    budget=budget_out(BudgetGate((budgets[app.id or 0],)), now),
                )
                for app in apps
            ],
        )


def budget_out(gate: BudgetGate, now: datetime) -> BudgetOut:
    is_open = gate.is_open(now)
    return BudgetOut(
        is_open=is_open,
        opens_at=None if is_open else gate.opens_at(now),
        units_left=gate.units_left(now),
        indexers=[_indexer(each, indexer, now) for each in gate.budgets for indexer in each.budget.indexers],
        warnings=gate.warnings,
    )


def _indexer(each: SpentBudget, indexer: IndexerBudget, now: datetime) -> IndexerBudgetOut:
    is_usable = each.is_usable(indexer, now)
    return IndexerBudgetOut(
        prowlarr_id=each.budget.prowlarr_id,
        indexer_id=indexer.indexer_id,
        name=indexer.name,
        window=LimitWindow.HOUR if indexer.is_hourly else LimitWindow.DAY,
        query_limit=indexer.query_limit,
        allowed=indexer.allowed(each.budget.reserve_percent),
        used=indexer.queries,
        spent=each.spent,
        left=indexer.queries_left(each.budget.reserve_percent, each.spent),
        usable=is_usable,
        disabled_until=indexer.disabled_until,
        free_at=None if is_usable else each.free_at(indexer, now),
    )

"""Prowlarr: its indexers, what was asked of them, and what is left for hunts."""

from typing import Annotated

from fastapi import Query

from app.api.deps import InstanceId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_PROWLARR, errors
from app.api.routing import ApiRouter
from app.api.services import Budgets, Prowlarrs
from app.api.tags import Tag
from app.core.schemas import Reply
from app.prowlarr.schemas import IndexersOut, ProwlarrBudgetOut, StatisticsOut

router = ApiRouter(tag=Tag.PROWLARR, prefix="/api/prowlarr/{instance_id}")

MAX_HOURS = 720
Hours = Annotated[int, Query(ge=1, le=MAX_HOURS, description="Of so many hours, up to now.")]


@router.get("/indexers", summary="Indexers of Prowlarr", responses=errors(NO_PROWLARR))
@RoutePolicy(Access.READ)
async def list_prowlarr_indexers(instance_id: InstanceId, prowlarrs: Prowlarrs) -> Reply[IndexersOut]:
    """As they were last read: limits, what is used of them, and who asked."""
    return Reply[IndexersOut](data=await prowlarrs.indexers(instance_id))


@router.get("/stats", summary="Statistics of Prowlarr", responses=errors(NO_PROWLARR))
@RoutePolicy(Access.READ)
async def get_prowlarr_statistics(
    instance_id: InstanceId, prowlarrs: Prowlarrs, hours: Hours = 24
) -> Reply[StatisticsOut]:
    """Asked of Prowlarr now, or up to 30 seconds ago; an indexer that was not asked is not in it."""
    return Reply[StatisticsOut](data=await prowlarrs.statistics(instance_id, hours))


@router.get("/budget", summary="Budget of Prowlarr", responses=errors(NO_PROWLARR))
@RoutePolicy(Access.READ)
async def get_prowlarr_budget(instance_id: InstanceId, budgets: Budgets) -> Reply[ProwlarrBudgetOut]:
    """What its indexers leave to the hunts of each app behind it."""
    return Reply[ProwlarrBudgetOut](data=await budgets.of_prowlarr(instance_id))

"""Results of hunts: the history, item states and search caps."""

from typing import Annotated

from fastapi import Query

from app.api.deps import OfAppType, OfInstance, Paging, Since, Until
from app.api.policy import Access, RoutePolicy
from app.api.refusals import DOES_NOT_HUNT, NO_INSTANCE, errors
from app.api.routing import ApiRouter
from app.api.services import History
from app.api.tags import Tag
from app.arr.models import HuntPass
from app.core.schemas import DeletedOut, Page, Reply
from app.history.filters import HistoryFilter
from app.hunting.schemas import (
    HistoryPage,
    InstanceCapsOut,
    StateOut,
    StateResetIn,
    StateResetOut,
)
from app.hunting.selection.policy import StateStatus
from app.hunting.store.models import Outcome

router = ApiRouter(tag=Tag.HUNTING, prefix="/api")


OfStatus = Annotated[StateStatus | None, Query(description="Only with this status.")]
TEXT = "Part of the title. It is looked for in 300,000 searches at a time: `searched_back_to` says where to go on."


@router.get("/history", summary="Searches, newest first")
@RoutePolicy(Access.READ)
async def list_history(
    history: History,
    paging: Paging,
    app_type: OfAppType = None,
    instance_id: OfInstance = None,
    hunt_pass: Annotated[HuntPass | None, Query(alias="pass", description="Only of this pass.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only with this outcome.")] = None,
    search: Annotated[str | None, Query(max_length=200, description=TEXT)] = None,
    since: Since = None,
    until: Until = None,
) -> Reply[HistoryPage]:
    """One row per search: what was searched, why, and its outcome."""
    wanted = HistoryFilter(app_type, instance_id, hunt_pass, outcome, search, since, until)
    found = await history.history(wanted, page=paging.page, page_size=paging.page_size)
    return Reply[HistoryPage](data=found)


@router.delete("/history", summary="Clear history")
@RoutePolicy(Access.FULL)
async def delete_history(
    history: History, app_type: OfAppType = None, instance_id: OfInstance = None
) -> Reply[DeletedOut]:
    """Of one app type, one instance, or all. Cooldowns, caps and statistics do not change."""
    deleted = await history.clear_history(HistoryFilter(app_type, instance_id))
    return Reply[DeletedOut](data=DeletedOut(deleted=deleted), message="History cleared")


@router.get("/state", summary="Item states")
@RoutePolicy(Access.READ)
async def list_state(
    history: History, paging: Paging, instance_id: OfInstance = None, status: OfStatus = None
) -> Reply[Page[StateOut]]:
    """Cooldowns and failed searches of items, the latest search first."""
    found = await history.states(instance_id=instance_id, status=status, page=paging.page, page_size=paging.page_size)
    return Reply[Page[StateOut]](data=found)


@router.post("/state/reset", summary="Reset item states", responses=errors(NO_INSTANCE, DOES_NOT_HUNT))
@RoutePolicy(Access.FULL)
async def reset_state(body: StateResetIn, history: History) -> Reply[StateResetOut]:
    """The items may be searched again at once, even if the app lists a recent search. History and caps stay."""
    return Reply[StateResetOut](data=await history.reset_state(body), message="State reset")


@router.get("/caps", summary="Search caps: used and left")
@RoutePolicy(Access.READ)
async def list_caps(history: History) -> Reply[list[InstanceCapsOut]]:
    """Per instance, in the last 60 minutes and 24 hours."""
    return Reply[list[InstanceCapsOut]](data=await history.caps())

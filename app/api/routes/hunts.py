"""Hunts: start, list, plan and cancel them; pause all hunting."""

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from app.api.deps import MAX_ID, OfAppType, OfInstance, Paging, RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import DOES_NOT_HUNT, HUNT_OVER, INSTANCE_DISABLED, NO_HUNT, NO_INSTANCE, errors
from app.api.routing import ApiRouter
from app.api.services import Hunts, Plans, Settings
from app.api.tags import Tag
from app.core.schemas import Page, Reply
from app.hunting.filters import HuntFilter
from app.hunting.schemas import HuntDetailOut, HuntIn, HuntOut, HuntsOut, PauseIn, PauseOut, PlanOut
from app.hunting.store.models import HuntStatus

PlannedInstance = Annotated[int, Query(ge=1, le=MAX_ID, description="The instance whose next hunt is planned.")]

router = ApiRouter(tag=Tag.HUNTING, prefix="/api")


@router.post(
    "/hunts",
    status_code=202,
    summary="Queue hunts",
    responses={
        **errors(NO_INSTANCE, INSTANCE_DISABLED),
        200: {"model": Reply[HuntsOut], "description": "All ended within `wait`."},
    },
)
@RoutePolicy(Access.FULL)
async def create_hunt(
    body: Annotated[HuntIn, Body(default_factory=HuntIn)],
    hunts: Hunts,
    response: Response,
    wait: Annotated[int, Query(ge=0, le=60, description="Seconds to wait for the end of the hunts.")] = 0,
) -> Reply[HuntsOut]:
    """For one instance, an app type, or all enabled instances. An instance with an open hunt gets no second one."""
    found = HuntsOut(hunts=await hunts.start(body, wait_seconds=wait))
    response.status_code = 200 if found.are_over else 202
    return Reply[HuntsOut](data=found, message="Hunt finished" if found.are_over else "Hunt queued")


@router.get("/hunts", summary="Hunts, newest first")
@RoutePolicy(Access.READ, etag=True)
async def list_hunts(
    hunts: Hunts,
    paging: Paging,
    instance_id: OfInstance = None,
    app_type: OfAppType = None,
    status: Annotated[HuntStatus | None, Query(description="Only with this status.")] = None,
) -> Reply[Page[HuntOut]]:
    wanted = HuntFilter(instance_id, app_type, status)
    found = await hunts.page(wanted, page=paging.page, page_size=paging.page_size)
    return Reply[Page[HuntOut]](data=found)


@router.get("/hunts/plan", summary="Plan of the next hunt", responses=errors(NO_INSTANCE, DOES_NOT_HUNT))
@RoutePolicy(Access.READ)
async def get_hunt_plan(plans: Plans, instance_id: PlannedInstance) -> Reply[PlanOut]:
    """The decisions of the next hunt, with reasons and cost. Nothing is searched."""
    return Reply[PlanOut](data=await plans.plan(instance_id))


@router.get("/hunts/{hunt_id}", summary="Hunt with its items", responses=errors(NO_HUNT))
@RoutePolicy(Access.READ, etag=True)
async def get_hunt(hunt_id: RowId, hunts: Hunts) -> Reply[HuntDetailOut]:
    """Every item that the hunt considered, with its decision and outcome."""
    return Reply[HuntDetailOut](data=await hunts.get(hunt_id))


@router.post(
    "/hunts/{hunt_id}/cancel",
    summary="Cancel hunt",
    responses={
        **errors(NO_HUNT, HUNT_OVER),
        202: {"model": Reply[HuntOut], "description": "It runs, and is being cancelled."},
    },
)
@RoutePolicy(Access.FULL)
async def cancel_hunt(hunt_id: RowId, hunts: Hunts, response: Response) -> Reply[HuntOut]:
    """A queued hunt never starts; a running one stops before its next search, and is `running` until then."""
    found = await hunts.cancel(hunt_id)
    response.status_code = 200 if found.is_over else 202
    return Reply[HuntOut](data=found, message="Hunt cancelled" if found.is_over else "Hunt is being cancelled")


@router.post("/hunting/pause", summary="Pause hunting")
@RoutePolicy(Access.FULL)
async def pause_hunting(body: Annotated[PauseIn, Body(default_factory=PauseIn)], settings: Settings) -> Reply[PauseOut]:
    """No hunt starts, and running ones stop before their next search. The pause survives a restart."""
    paused = await settings.pause(body.minutes)
    return Reply[PauseOut](data=PauseOut.model_validate(paused), message="Hunting paused")


@router.post("/hunting/resume", summary="Resume hunting")
@RoutePolicy(Access.FULL)
async def resume_hunting(settings: Settings) -> Reply[PauseOut]:
    return Reply[PauseOut](data=PauseOut.model_validate(await settings.resume()), message="Hunting resumed")

"""Schedules and their runs."""

from app.api.deps import Paging, RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_SCHEDULE, errors
from app.api.routing import ApiRouter
from app.api.services import ScheduleRuns, Schedules
from app.api.tags import Tag
from app.core.schemas import MessageReply, Page, Reply
from app.schedules.schemas import ScheduleIn, ScheduleOut, ScheduleRunOut

router = ApiRouter(tag=Tag.SCHEDULES, prefix="/api/schedules")


@router.get("", summary="Schedules")
@RoutePolicy(Access.READ)
async def list_schedules(schedules: Schedules) -> Reply[list[ScheduleOut]]:
    return Reply[list[ScheduleOut]](data=await schedules.all())


@router.post("", status_code=201, summary="Create schedule")
@RoutePolicy(Access.FULL)
async def create_schedule(body: ScheduleIn, schedules: Schedules) -> Reply[ScheduleOut]:
    """Needs exactly one of `cron`, `time` (with `days`) and `interval_minutes`."""
    return Reply[ScheduleOut](data=await schedules.create(body), message="Schedule created")


@router.get("/{schedule_id}", summary="Schedule", responses=errors(NO_SCHEDULE))
@RoutePolicy(Access.READ)
async def get_schedule(schedule_id: RowId, schedules: Schedules) -> Reply[ScheduleOut]:
    return Reply[ScheduleOut](data=await schedules.get(schedule_id))


@router.put("/{schedule_id}", summary="Replace schedule", responses=errors(NO_SCHEDULE))
@RoutePolicy(Access.FULL)
async def replace_schedule(schedule_id: RowId, body: ScheduleIn, schedules: Schedules) -> Reply[ScheduleOut]:
    """Fields that are not in the body get their default."""
    return Reply[ScheduleOut](data=await schedules.replace(schedule_id, body), message="Schedule saved")


@router.delete("/{schedule_id}", summary="Delete schedule", responses=errors(NO_SCHEDULE))
@RoutePolicy(Access.FULL)
async def delete_schedule(schedule_id: RowId, schedules: Schedules) -> MessageReply:
    """Deletes its runs too; hunts that it queued stay."""
    await schedules.delete(schedule_id)
    return MessageReply(message="Schedule deleted")


@router.post("/{schedule_id}/run", status_code=202, summary="Run schedule now", responses=errors(NO_SCHEDULE))
@RoutePolicy(Access.FULL)
async def run_schedule(schedule_id: RowId, runs: ScheduleRuns) -> Reply[ScheduleRunOut]:
    """Works for a disabled schedule too; its next run does not move."""
    return Reply[ScheduleRunOut](data=await runs.start(schedule_id), message="Run queued")


@router.get("/{schedule_id}/runs", summary="Runs of a schedule, newest first", responses=errors(NO_SCHEDULE))
@RoutePolicy(Access.READ)
async def list_schedule_runs(schedule_id: RowId, schedules: Schedules, paging: Paging) -> Reply[Page[ScheduleRunOut]]:
    found = await schedules.runs(schedule_id, page=paging.page, page_size=paging.page_size)
    return Reply[Page[ScheduleRunOut]](data=found)

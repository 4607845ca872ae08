"""Statistics for dashboards."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.api.deps import OfAppType
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.services import Stats
from app.api.tags import Tag
from app.core.schemas import MessageReply, Reply
from app.dashboard.schemas import StatsOut, StatsResetIn, TimelineOut

router = ApiRouter(tag=Tag.STATS, prefix="/api/stats")


@router.get("", summary="Dashboard statistics", response_model=Reply[StatsOut])
@RoutePolicy(Access.READ, etag=True)
async def get_stats(stats: Stats) -> Response:
    """At most one second old; cheap enough to poll every few seconds."""
    answer = await stats.reply()
    return Response(answer.body, media_type="application/json", headers={"ETag": answer.tag})


@router.get("/timeline", summary="Counts per day")
@RoutePolicy(Access.READ)
async def get_timeline(
    stats: Stats,
    days: Annotated[int, Query(ge=1, le=366, description="Number of days, today included.")] = 30,
    app_type: OfAppType = None,
) -> Reply[TimelineOut]:
    """One entry for each UTC day, oldest first."""
    return Reply[TimelineOut](data=await stats.timeline(days, app_type))


@router.post("/reset", summary="Reset totals")
@RoutePolicy(Access.FULL)
async def reset_stats(body: StatsResetIn, stats: Stats) -> MessageReply:
    """Of one app type or of all; timeline, history and caps do not change."""
    await stats.reset(body.app_type)
    return MessageReply(message="Totals reset")

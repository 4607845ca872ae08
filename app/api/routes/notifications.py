"""Notifications: who is told of what, a test of it, and what was delivered."""

from typing import Annotated

from fastapi import Query

from app.api.deps import MAX_ID, Paging, RowId
from app.api.openapi import errors
from app.api.policy import Access, route_policy
from app.api.routing import ApiRouter
from app.api.services import Notifications
from app.api.tags import Tag
from app.core.schemas import MessageReply, Page, Reply
from app.notifications.models import DeliveryStatus
from app.notifications.providers import ProviderOut, describe_providers
from app.notifications.schemas import ConnectionIn, ConnectionOut, ConnectionTestIn, ConnectionTestOut, DeliveryOut

router = ApiRouter(tag=Tag.NOTIFICATIONS, prefix="/api/notifications")

NewSecret = Annotated[bool, Query(description="Of a webhook: make a new secret; the reply shows it once.")]
OfConnection = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only this connection's.")]
OfStatus = Annotated[DeliveryStatus | None, Query(description="Only those in this state.")]


@router.get("/connections", summary="All notification connections")
@route_policy(Access.READ)
async def list_connections(notifications: Notifications) -> Reply[list[ConnectionOut]]:
    return Reply[list[ConnectionOut]](data=await notifications.all())


@router.post("/connections", status_code=201, summary="Add a notification connection", responses=errors(409))
@route_policy(Access.FULL)
async def create_connection(body: ConnectionIn, notifications: Notifications) -> Reply[ConnectionOut]:
    """A webhook's `secret` is shown here once. Nothing is sent: `POST /api/notifications/test` does that."""
    return Reply[ConnectionOut](data=await notifications.create(body), message="Connection added")


@router.get("/connections/{connection_id}", summary="One notification connection", responses=errors(404))
@route_policy(Access.READ)
async def get_connection(connection_id: RowId, notifications: Notifications) -> Reply[ConnectionOut]:
    return Reply[ConnectionOut](data=await notifications.get(connection_id))


@router.put("/connections/{connection_id}", summary="Replace a notification connection", responses=errors(404, 409))
@route_policy(Access.FULL)
async def replace_connection(
    connection_id: RowId, body: ConnectionIn, notifications: Notifications, new_secret: NewSecret = False
) -> Reply[ConnectionOut]:
    """Everything anew; secrets may be left out, or sent back as stars. What waits is tried again at once."""
    changed = await notifications.replace(connection_id, body, renew_secret=new_secret)
    return Reply[ConnectionOut](data=changed, message="Connection saved")


@router.delete("/connections/{connection_id}", summary="Delete a notification connection", responses=errors(404))
@route_policy(Access.FULL)
async def delete_connection(connection_id: RowId, notifications: Notifications) -> MessageReply:
    """Its deliveries go with it; those that wait are never sent."""
    await notifications.delete(connection_id)
    return MessageReply(message="Connection deleted")


@router.post("/test", summary="Send a test notification", responses=errors(404))
@route_policy(Access.FULL, audited=False)
async def test_notification(body: ConnectionTestIn, notifications: Notifications) -> Reply[ConnectionTestOut]:
    """To a stored connection by its id, or to an unsaved one. Waits for the provider; always 200."""
    return Reply[ConnectionTestOut](data=await notifications.test(body))


@router.get("/providers", summary="Providers and their settings")
@route_policy(Access.READ)
async def list_providers() -> Reply[list[ProviderOut]]:
    return Reply[list[ProviderOut]](data=describe_providers())


@router.get("/deliveries", summary="Deliveries, newest first")
@route_policy(Access.READ)
async def list_deliveries(
    notifications: Notifications, paging: Paging, connection_id: OfConnection = None, status: OfStatus = None
) -> Reply[Page[DeliveryOut]]:
    """Kept for 30 days, the newest 10,000 at most; what waits stays until it is sent or given up."""
    found = await notifications.deliveries(
        connection_id=connection_id, status=status, page=paging.page, page_size=paging.page_size
    )
    return Reply[Page[DeliveryOut]](data=found)

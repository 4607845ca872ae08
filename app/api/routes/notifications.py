"""Notifications: connections, tests and deliveries."""

from typing import Annotated

from fastapi import Query

from app.api.deps import MAX_ID, Paging, RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import CONNECTION_CHANGED, NO_CONNECTION, TOO_MANY_CONNECTIONS, errors
from app.api.routing import ApiRouter
from app.api.services import Notifications
from app.api.tags import Tag
from app.core.schemas import MessageReply, Page, Reply
from app.notifications.models import DeliveryStatus
from app.notifications.providers import ProviderOut, describe_providers
from app.notifications.schemas import ConnectionIn, ConnectionOut, ConnectionTestIn, ConnectionTestOut, DeliveryOut

router = ApiRouter(tag=Tag.NOTIFICATIONS, prefix="/api/notifications")

NewSecret = Annotated[bool, Query(description="For a webhook: create a new secret; only this reply shows it.")]
OfConnection = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only deliveries of this connection.")]
OfStatus = Annotated[DeliveryStatus | None, Query(description="Only deliveries in this state.")]


@router.get("/connections", summary="Notification connections")
@RoutePolicy(Access.READ)
async def list_connections(notifications: Notifications) -> Reply[list[ConnectionOut]]:
    return Reply[list[ConnectionOut]](data=await notifications.all())


@router.post(
    "/connections", status_code=201, summary="Create notification connection", responses=errors(TOO_MANY_CONNECTIONS)
)
@RoutePolicy(Access.FULL)
async def create_connection(body: ConnectionIn, notifications: Notifications) -> Reply[ConnectionOut]:
    """A webhook's `secret` is shown only here. Nothing is sent; `POST /api/notifications/test` does that."""
    return Reply[ConnectionOut](data=await notifications.create(body), message="Connection created")


@router.get("/connections/{connection_id}", summary="Notification connection", responses=errors(NO_CONNECTION))
@RoutePolicy(Access.READ)
async def get_connection(connection_id: RowId, notifications: Notifications) -> Reply[ConnectionOut]:
    return Reply[ConnectionOut](data=await notifications.get(connection_id))


@router.put(
    "/connections/{connection_id}",
    summary="Replace notification connection",
    responses=errors(NO_CONNECTION, CONNECTION_CHANGED),
)
@RoutePolicy(Access.FULL)
async def replace_connection(
    connection_id: RowId, body: ConnectionIn, notifications: Notifications, new_secret: NewSecret = False
) -> Reply[ConnectionOut]:
    """Secrets may be left out or sent back as stars. Waiting deliveries are tried again at once."""
    changed = await notifications.replace(connection_id, body, renew_secret=new_secret)
    return Reply[ConnectionOut](data=changed, message="Connection saved")


@router.delete(
    "/connections/{connection_id}", summary="Delete notification connection", responses=errors(NO_CONNECTION)
)
@RoutePolicy(Access.FULL)
async def delete_connection(connection_id: RowId, notifications: Notifications) -> MessageReply:
    """Deletes its deliveries too; waiting ones are never sent."""
    await notifications.delete(connection_id)
    return MessageReply(message="Connection deleted")


@router.post("/test", summary="Send test notification", responses=errors(NO_CONNECTION))
@RoutePolicy(Access.FULL)
async def test_notification(body: ConnectionTestIn, notifications: Notifications) -> Reply[ConnectionTestOut]:
    """Sends to a stored connection by its id, or to an unsaved one, and waits for the provider. Always 200."""
    return Reply[ConnectionTestOut](data=await notifications.test(body))


@router.get("/providers", summary="Providers and their settings")
@RoutePolicy(Access.READ)
async def list_providers() -> Reply[list[ProviderOut]]:
    return Reply[list[ProviderOut]](data=describe_providers())


@router.get("/deliveries", summary="Deliveries, newest first")
@RoutePolicy(Access.READ)
async def list_deliveries(
    notifications: Notifications, paging: Paging, connection_id: OfConnection = None, status: OfStatus = None
) -> Reply[Page[DeliveryOut]]:
    """Kept for 30 days, at most 10,000. Waiting deliveries stay until they are sent or given up."""
    found = await notifications.deliveries(
        connection_id=connection_id, status=status, page=paging.page, page_size=paging.page_size
    )
    return Reply[Page[DeliveryOut]](data=found)

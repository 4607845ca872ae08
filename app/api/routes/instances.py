"""Instances of the apps."""

from typing import Annotated

from fastapi import Query

from app.api.deps import InstanceId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_APP_TYPE, NO_SUCH_INSTANCE, SAME_URL, errors
from app.api.routing import ApiRouter
from app.api.services import AddressedApp, AnyApp, Instances
from app.api.tags import Tag
from app.core.schemas import MessageReply, Reply
from app.instances.schemas import InstanceIn, InstanceOut, InstancePatch, InstanceTestIn, InstanceTestOut

router = ApiRouter(tag=Tag.INSTANCES, prefix="/api/instances")

Verify = Annotated[bool, Query(description="Test the connection first; 422 when it does not work.")]


@router.get("", summary="Instances")
@RoutePolicy(Access.READ, etag=True)
async def list_all_instances(instances: Instances) -> Reply[list[InstanceOut]]:
    return Reply[list[InstanceOut]](data=await instances.all())


@router.get("/{app_type}", summary="Instances of an app type", responses=errors(NO_APP_TYPE))
@RoutePolicy(Access.READ, etag=True)
async def list_instances(app_type: AnyApp, instances: Instances) -> Reply[list[InstanceOut]]:
    return Reply[list[InstanceOut]](data=await instances.all(app_type))


@router.post("/{app_type}", status_code=201, summary="Create instance", responses=errors(NO_APP_TYPE, SAME_URL))
@RoutePolicy(Access.FULL)
async def create_instance(
    app_type: AddressedApp, body: InstanceIn, instances: Instances, verify: Verify = False
) -> Reply[InstanceOut]:
    """The app need not be running: the connection is tested in the background."""
    return Reply[InstanceOut](data=await instances.create(app_type, body, verify=verify), message="Instance created")


@router.post("/{app_type}/test", summary="Test connection", responses=errors(NO_APP_TYPE))
@RoutePolicy(Access.FULL)
async def test_connection(app_type: AddressedApp, body: InstanceTestIn, instances: Instances) -> Reply[InstanceTestOut]:
    """Tests an unsaved connection, or a stored one by its id. Always 200; `error` says what to do."""
    return Reply[InstanceTestOut](data=await instances.test(app_type, body))


@router.get("/{app_type}/{instance_id}", summary="Instance", responses=errors(NO_SUCH_INSTANCE))
@RoutePolicy(Access.READ, etag=True)
async def get_instance(app_type: AnyApp, instance_id: InstanceId, instances: Instances) -> Reply[InstanceOut]:
    return Reply[InstanceOut](data=await instances.get(app_type, instance_id))


@router.put("/{app_type}/{instance_id}", summary="Replace instance", responses=errors(NO_SUCH_INSTANCE, SAME_URL))
@RoutePolicy(Access.FULL)
async def replace_instance(
    app_type: AddressedApp, instance_id: InstanceId, body: InstanceIn, instances: Instances, verify: Verify = False
) -> Reply[InstanceOut]:
    """Replaces all fields and all overrides; the API key may be left out."""
    changed = await instances.replace(app_type, instance_id, body, verify=verify)
    return Reply[InstanceOut](data=changed, message="Instance saved")


@router.patch("/{app_type}/{instance_id}", summary="Change instance", responses=errors(NO_SUCH_INSTANCE, SAME_URL))
@RoutePolicy(Access.FULL)
async def update_instance(
    app_type: AddressedApp, instance_id: InstanceId, body: InstancePatch, instances: Instances, verify: Verify = False
) -> Reply[InstanceOut]:
    """Changes only what is in the body; `null` within `hunting` removes an override."""
    changed = await instances.update(app_type, instance_id, body, verify=verify)
    return Reply[InstanceOut](data=changed, message="Instance saved")


@router.delete("/{app_type}/{instance_id}", summary="Delete instance", responses=errors(NO_SUCH_INSTANCE))
@RoutePolicy(Access.FULL)
async def delete_instance(app_type: AnyApp, instance_id: InstanceId, instances: Instances) -> MessageReply:
    """Deletes its state and caps too and ends an open hunt; its history stays under its name."""
    await instances.delete(app_type, instance_id)
    return MessageReply(message="Instance deleted")


@router.post("/{app_type}/{instance_id}/test", summary="Test stored instance", responses=errors(NO_SUCH_INSTANCE))
@RoutePolicy(Access.FULL)
async def test_instance(
    app_type: AddressedApp, instance_id: InstanceId, instances: Instances
) -> Reply[InstanceTestOut]:
    """Always 200; the result is stored with the instance."""
    return Reply[InstanceTestOut](data=await instances.test_stored(app_type, instance_id))

"""Swaparr: its policies, which are instances without an app, and what they watch and decided."""

from typing import Annotated

from fastapi import Body

from app.api.deps import InstanceId, Paging
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_POLICY, POLICY_EXISTS, TARGET_DISABLED, errors
from app.api.routing import ApiRouter
from app.api.services import Policies, Swaparr
from app.api.tags import Tag
from app.core.schemas import MessageReply, Page, Reply
from app.instances.schemas import InstanceOut, PolicyIn, PolicyPatch
from app.swaparr.schemas import (
    ForgiveIn,
    PolicyTestIn,
    PolicyTestOut,
    SwaparrEntryOut,
    SwaparrQueuedOut,
    SwaparrRunIn,
    TrackedListOut,
)

policies_router = ApiRouter(tag=Tag.INSTANCES, prefix="/api/instances/swaparr")
router = ApiRouter(tag=Tag.SWAPARR, prefix="/api/swaparr/{instance_id}")


@policies_router.post("", status_code=201, summary="Create policy", responses=errors(POLICY_EXISTS))
@RoutePolicy(Access.FULL)
async def create_policy(body: PolicyIn, policies: Policies) -> Reply[InstanceOut]:
    """It watches the queue of one instance, and only tells what it would remove until `dry_run` is turned off."""
    return Reply[InstanceOut](data=await policies.create(body), message="Instance created")


@policies_router.post("/test", summary="Test policy", responses=errors(NO_POLICY))
@RoutePolicy(Access.FULL)
async def test_policy(body: PolicyTestIn, swaparr: Swaparr) -> Reply[PolicyTestOut]:
    """What a look would lead to now. Nothing is stored and nothing removed. Always 200."""
    return Reply[PolicyTestOut](data=await swaparr.test(body))


@policies_router.put("/{instance_id}", summary="Replace policy", responses=errors(NO_POLICY))
@RoutePolicy(Access.FULL)
async def replace_policy(instance_id: InstanceId, body: PolicyIn, policies: Policies) -> Reply[InstanceOut]:
    """Replaces all fields and all settings; the instance that it watches stays."""
    return Reply[InstanceOut](data=await policies.replace(instance_id, body), message="Instance saved")


@policies_router.patch("/{instance_id}", summary="Change policy", responses=errors(NO_POLICY))
@RoutePolicy(Access.FULL)
async def update_policy(instance_id: InstanceId, body: PolicyPatch, policies: Policies) -> Reply[InstanceOut]:
    """Changes only what is in the body; `null` within `swaparr` takes a setting back."""
    return Reply[InstanceOut](data=await policies.update(instance_id, body), message="Instance saved")


@policies_router.post("/{instance_id}/test", summary="Test stored policy", responses=errors(NO_POLICY))
@RoutePolicy(Access.FULL)
async def test_stored_policy(instance_id: InstanceId, swaparr: Swaparr) -> Reply[PolicyTestOut]:
    """What its next look would lead to. Always 200."""
    return Reply[PolicyTestOut](data=await swaparr.test(PolicyTestIn(instance_id=instance_id)))


@router.get("/downloads", summary="Watched downloads", responses=errors(NO_POLICY))
@RoutePolicy(Access.READ)
async def list_swaparr_downloads(instance_id: InstanceId, swaparr: Swaparr) -> Reply[TrackedListOut]:
    """What is in the queue, its strikes, and why it counts or not."""
    return Reply[TrackedListOut](data=await swaparr.downloads(instance_id))


@router.get("/history", summary="Decisions of Swaparr, newest first", responses=errors(NO_POLICY))
@RoutePolicy(Access.READ)
async def list_swaparr_history(
    instance_id: InstanceId, swaparr: Swaparr, paging: Paging
) -> Reply[Page[SwaparrEntryOut]]:
    """One row for each decision that changed something, or would have."""
    found = await swaparr.history(instance_id, page=paging.page, page_size=paging.page_size)
    return Reply[Page[SwaparrEntryOut]](data=found)


@router.post("/run", status_code=202, summary="Look now", responses=errors(NO_POLICY, TARGET_DISABLED))
@RoutePolicy(Access.FULL)
async def run_swaparr(
    instance_id: InstanceId,
    swaparr: Swaparr,
    body: Annotated[SwaparrRunIn, Body(default_factory=SwaparrRunIn)],
) -> Reply[SwaparrQueuedOut]:
    """A worker looks at the queue and does what follows."""
    return Reply[SwaparrQueuedOut](data=await swaparr.run(instance_id, body), message="Look queued")


@router.post("/forgive", summary="Forgive a download", responses=errors(NO_POLICY))
@RoutePolicy(Access.FULL)
async def forgive_download(instance_id: InstanceId, body: ForgiveIn, swaparr: Swaparr) -> MessageReply:
    """Its strikes are forgotten, and it begins anew."""
    await swaparr.forgive(instance_id, body.download_id)
    return MessageReply(message="Download forgiven")

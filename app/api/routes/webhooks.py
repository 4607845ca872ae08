"""Incoming webhooks: calls of the apps, and the user's own hooks."""

from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from app.api.context import context_of
from app.api.deps import CurrentCaller, InstanceId, RowId
from app.api.policy import Access, RoutePolicy
from app.api.refusals import HOOK_OUTDATED, NO_HOOK, NO_INSTANCE, NO_SUCH_INSTANCE, errors
from app.api.routing import ApiRouter
from app.api.services import AppHooks, HuntingApp, Settings, UserHooks
from app.api.tags import Tag
from app.api.webhook_tokens import app_caller, hook_caller
from app.arr.webhooks import AppCall
from app.core.errors import BadRequest, Invalid
from app.core.schemas import MessageReply, Reply
from app.http.addresses import normalise_url
from app.webhooks.schemas import AppCallOut, AppWebhookOut, HookCallOut, HookIn, HookMadeOut, HookOut

router = ApiRouter(tag=Tag.WEBHOOKS, prefix="/api")

HookToken = Annotated[str, Path(description="Its token.", examples=["huntarr_hook_…"])]
HookId = Annotated[RowId, Path(description="Its id.")]


class OwnAddress:
    """The base of our addresses: the setting `public_url`, else the address that this request was sent to."""

    def __init__(self, base: str) -> None:
        self._base = base

    def of_app(self, instance_id: int) -> str:
        return f"{self._base}/api/webhooks/arr/{instance_id}"

    def of_hook(self, token: str) -> str:
        return f"{self._base}/api/webhooks/hooks/{token}"


async def get_own_address(request: Request, settings: Settings) -> OwnAddress:
    general = await settings.general()
    if general.public_url is not None:
        return OwnAddress(general.public_url)
    scheme = "https" if context_of(request.scope).is_https else "http"
    called = f"{scheme}://{request.headers.get('host', '')}{request.scope.get('root_path', '')}"
    try:
        return OwnAddress(normalise_url(called))
    except Invalid:
        raise BadRequest("The header Host is not an address that others could call: set public_url.") from None


Address = Annotated[OwnAddress, Depends(get_own_address)]


@router.post("/webhooks/arr/{instance_id}", summary="Receive app webhook", responses=errors(NO_INSTANCE))
@RoutePolicy(Access.APP_TOKEN, resolve=app_caller, audited=False)
async def receive_app_call(instance_id: InstanceId, body: AppCall, hooks: AppHooks) -> Reply[AppCallOut]:
    """For the app's Connect, Webhook. An unknown event is no error."""
    return Reply[AppCallOut](data=await hooks.receive(instance_id, body))


@router.put("/webhooks/arr/{instance_id}", summary="Receive app webhook (PUT)", responses=errors(NO_INSTANCE))
@RoutePolicy(Access.APP_TOKEN, resolve=app_caller, audited=False)
async def receive_app_call_by_put(instance_id: InstanceId, body: AppCall, hooks: AppHooks) -> Reply[AppCallOut]:
    """The same call, for apps whose webhook is set to PUT."""
    return Reply[AppCallOut](data=await hooks.receive(instance_id, body))


@router.get(
    "/instances/{app_type}/{instance_id}/webhook",
    summary="Webhook address of an instance",
    responses=errors(NO_SUCH_INSTANCE),
)
@RoutePolicy(Access.FULL, reveals=True)
async def show_app_webhook(
    app_type: HuntingApp, instance_id: InstanceId, hooks: AppHooks, address: Address
) -> Reply[AppWebhookOut]:
    """Enter it in the app under Settings, Connect, Webhook. It contains a secret."""
    return Reply[AppWebhookOut](data=await hooks.show(app_type, instance_id, address.of_app))


@router.post(
    "/instances/{app_type}/{instance_id}/webhook/rotate",
    summary="Rotate webhook token",
    responses=errors(NO_SUCH_INSTANCE),
)
@RoutePolicy(Access.FULL)
async def rotate_app_webhook(
    app_type: HuntingApp, instance_id: InstanceId, hooks: AppHooks, address: Address
) -> Reply[AppWebhookOut]:
    """The previous token stops working at once."""
    made = await hooks.rotate(app_type, instance_id, address.of_app)
    return Reply[AppWebhookOut](data=made, message="Enter the new address in the app")


@router.get("/webhooks/hooks", summary="Hooks")
@RoutePolicy(Access.READ)
async def list_hooks(hooks: UserHooks) -> Reply[list[HookOut]]:
    return Reply[list[HookOut]](data=await hooks.all())


@router.post("/webhooks/hooks", status_code=201, summary="Create hook")
@RoutePolicy(Access.FULL)
async def create_hook(body: HookIn, hooks: UserHooks, address: Address) -> Reply[HookMadeOut]:
    """The address is shown only here."""
    return Reply[HookMadeOut](data=await hooks.create(body, address.of_hook), message="Hook created")


# `{hook}` is an id here and a token below: one name, because OpenAPI takes both for the same path.
@router.delete("/webhooks/hooks/{hook}", summary="Delete hook", responses=errors(NO_HOOK))
@RoutePolicy(Access.FULL)
async def delete_hook(hook: HookId, hooks: UserHooks) -> MessageReply:
    await hooks.delete(hook)
    return MessageReply(message="Hook deleted")


@router.post(
    "/webhooks/hooks/{hook}", status_code=202, summary="Call hook", responses=errors(NO_INSTANCE, HOOK_OUTDATED)
)
@RoutePolicy(Access.HOOK_TOKEN, resolve=hook_caller)
async def call_hook(hook: HookToken, caller: CurrentCaller, hooks: UserHooks) -> Reply[HookCallOut]:
    """Runs its action, at most once a second."""
    return Reply[HookCallOut](data=await hooks.call(caller.hook_id or 0, by_get=False), message="Done")


@router.get(
    "/webhooks/hooks/{hook}", status_code=202, summary="Call hook (GET)", responses=errors(NO_INSTANCE, HOOK_OUTDATED)
)
@RoutePolicy(Access.HOOK_TOKEN, resolve=hook_caller)
async def call_hook_by_get(hook: HookToken, caller: CurrentCaller, hooks: UserHooks) -> Reply[HookCallOut]:
    """The same call; only for hooks with `allow_get`."""
    return Reply[HookCallOut](data=await hooks.call(caller.hook_id or 0, by_get=True), message="Done")

"""Bodies and replies of incoming webhooks."""

from typing import Any

from pydantic import Field

from app.actions.schemas import ActionIn, Params, StoredAction
from app.actions.targets import AnyAppType
from app.core.schemas import Out, UtcTime, example, words_of
from app.hunting.schemas import HuntOut


class AppWebhookOut(Out):
    """What to enter in the app under Settings, Connect, Webhook."""

    url: str = Field(
        description="The address with the token in it. A secret.",
        examples=["http://huntarr:9705/api/webhooks/arr/1?token=huntarr_app_…"],
    )
    url_without_token: str = Field(
        description="The address without the token, for an app that sends the token as its password.",
        examples=["http://huntarr:9705/api/webhooks/arr/1"],
    )
    token: str = Field(examples=["huntarr_app_…"])
    created_at: UtcTime


class AppCallOut(Out):
    """What was done about a call of an app."""

    event: str | None = Field(description="The event, as the app names it.", examples=["Download"])
    done: str = Field(
        description="`settled`: the outcome of a search is known; `looking`: the app's history is read in a moment; "
        "`noted`: logged; `passed_over`: no open search waits for it.",
        json_schema_extra=words_of("AppCallResult", ["settled", "looking", "noted", "passed_over"]),
    )


class HookIn(ActionIn):
    """An action and its target, as in a schedule."""

    model_config = example({"name": "Button", "action": "hunt", "params": {"limit": 2}, "allow_get": True})

    allow_get: bool = Field(False, description="Let a GET run it too, for buttons that can send nothing else.")


class HookOut(Out):
    """A hook; its token is not shown again."""

    id: int
    name: str
    action: StoredAction = Field(examples=["hunt"])
    app_type: AnyAppType
    instance_id: int | None
    params: Params
    allow_get: bool
    created_at: UtcTime
    last_called_at: UtcTime | None
    calls: int = Field(description="How often it ran.")


class HookMadeOut(HookOut):
    """A new hook with its token, which is shown only here."""

    token: str = Field(examples=["huntarr_hook_…"])
    url: str = Field(examples=["http://huntarr:9705/api/webhooks/hooks/huntarr_hook_…"])

    @classmethod
    def of(cls, row: Any, token: str, url: str) -> "HookMadeOut":
        return cls.model_validate({**HookOut.model_validate(row).model_dump(), "token": token, "url": url})


class HookCallOut(Out):
    """What a hook did."""

    hook_id: int
    action: StoredAction = Field(examples=["hunt"])
    result: str = Field(examples=["1 hunt queued."])
    hunts: list[HuntOut] = Field(description="Of the action `hunt`: those that it queued, or found open.")

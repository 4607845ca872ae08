"""All providers. A new one is a subclass of ProviderSettings and its line here; docs/notifications.md lists it."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import Field, JsonValue
from pydantic_core import PydanticUndefined

from app.core.schemas import Out
from app.notifications import shortcuts
from app.notifications.settings import ProviderSettings, is_secret
from app.notifications.webhook import Webhook

_PROVIDERS: Final[tuple[type[ProviderSettings], ...]] = (
    Webhook,
    shortcuts.Apprise,
    shortcuts.Discord,
    shortcuts.Telegram,
    shortcuts.Slack,
    shortcuts.EmailSettings,
    shortcuts.Pushover,
    shortcuts.Pushbullet,
    shortcuts.Gotify,
    shortcuts.Ntfy,
    shortcuts.Notifiarr,
    shortcuts.Mqtt,
)

PROVIDERS: Final[Mapping[str, type[ProviderSettings]]] = {provider.key: provider for provider in _PROVIDERS}


class ProviderFieldOut(Out):
    """One setting of a provider."""

    name: str = Field(examples=["bot_token"])
    type: str = Field(
        description="`string`, `integer`, `boolean`, a list as `string[]`, or `map` of strings.", examples=["string"]
    )
    required: bool
    secret: bool = Field(description="Whether it is stored encrypted and never shown.")
    default: JsonValue
    choices: list[JsonValue] | None = Field(description="The allowed values, where they are limited.")
    description: str


class ProviderOut(Out):
    """A way to send notifications, and its settings."""

    name: str = Field(description="The value of `provider`.", examples=["telegram"])
    title: str = Field(examples=["Telegram"])
    description: str
    fields: list[ProviderFieldOut]


def describe_providers() -> list[ProviderOut]:
    return [
        ProviderOut(name=key, title=provider.label, description=provider.summary, fields=_fields(provider))
        for key, provider in PROVIDERS.items()
    ]


def _fields(provider: type[ProviderSettings]) -> list[ProviderFieldOut]:
    return [
        ProviderFieldOut(
            name=name,
            type=_type(field.annotation),
            required=field.is_required(),
            secret=is_secret(field),
            default=None if field.default is PydanticUndefined else field.default,
            choices=list(get_args(field.annotation)) if get_origin(field.annotation) is Literal else None,
            description=field.description or "",
        )
        for name, field in provider.model_fields.items()
    ]


def _type(annotation: Any) -> str:
    """The JSON type; for `X | None` that of X."""
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if annotation in (str, int, bool):
        return {str: "string", int: "integer", bool: "boolean"}[annotation]
    if get_origin(annotation) is list:
        return f"{_type(arguments[0])}[]"
    if get_origin(annotation) is dict:
        return "map"
    return "string" if get_origin(annotation) is Literal else _type(arguments[0])

"""API schemas of connections and deliveries."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, JsonValue

from app.actions.targets import ALL, AnyAppType, AppTypeOrAll
from app.core.fields import Int64, ShortName
from app.core.schemas import SECRET_MASK, In, Out, UtcTime, example, words_of
from app.events.catalogue import DURABLE_EVENTS, EventName
from app.events.filters import matching
from app.events.payloads import Level
from app.notifications.models import DeliveryStatus
from app.notifications.providers import PROVIDERS

MAX_EVENTS: Final = 100
MAX_DIGEST_MINUTES: Final = 7 * 24 * 60


def _known_events(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        if not matching(pattern, DURABLE_EVENTS):
            raise ValueError(f"must be events, or prefixes such as hunt.*; there are: {', '.join(DURABLE_EVENTS)}")
    return list(dict.fromkeys(patterns))


def _known_provider(key: str) -> str:
    if key not in PROVIDERS:
        raise ValueError(f"must be one of: {', '.join(PROVIDERS)}")
    return key


Provider = Annotated[
    str, AfterValidator(_known_provider), Field(json_schema_extra=words_of("NotificationProvider", PROVIDERS))
]
Settings = Annotated[
    dict[str, JsonValue],
    Field(
        description="The provider's settings: GET /api/notifications/providers lists them. Stored secrets may be left "
        "out, or sent back as stars.",
        examples=[{"url": "http://localhost:8123/api/webhook/huntarr"}],
    ),
]
Events = Annotated[
    list[Annotated[str, Field(max_length=40)]],
    Field(min_length=1, max_length=MAX_EVENTS),
    AfterValidator(_known_events),
]
EVENTS_FIELD: Final[dict[str, Any]] = {
    "description": f"Names, prefixes such as `hunt.*`, or `*`. There are: {', '.join(DURABLE_EVENTS)}.",
    "examples": [["hunt.failed", "media.*"]],
}


class ConnectionIn(In):
    """A complete connection: where notifications are sent, and which."""

    model_config = example(
        {
            "name": "Phone",
            "provider": "webhook",
            "settings": {"url": "http://localhost:8123/api/webhook/huntarr"},
            "events": ["hunt.failed", "media.*"],
        }
    )

    name: ShortName = Field(examples=["Phone"])
    enabled: bool = True
    provider: Provider = Field(examples=["webhook"])
    settings: Settings
    events: Events = Field(**EVENTS_FIELD)
    app_type: AppTypeOrAll = Field(ALL, description="Only events of this app; events without an app need `all`.")
    instance_id: int | None = Field(None, ge=1, le=2**31 - 1, description="Only events of this instance.")
    min_level: Level = Field(Level.INFO, description="Only events of this level or a more serious one.")
    digest_minutes: int = Field(
        0,
        ge=0,
        le=MAX_DIGEST_MINUTES,
        description="Collect events for so many minutes into one message; 0 sends each at once.",
    )


class ConnectionTestIn(In):
    """Either a stored connection by `connection_id`, or an unsaved one by `provider` and `settings`."""

    model_config = example({"provider": "webhook", "settings": {"url": "http://localhost:8123/api/webhook/huntarr"}})

    connection_id: int | None = Field(None, ge=1, le=2**31 - 1)
    provider: Provider | None = None
    settings: Settings | None = None
    name: ShortName | None = None
    enabled: bool | None = None
    events: Events | None = None
    app_type: AppTypeOrAll | None = None
    instance_id: int | None = Field(None, ge=1, le=2**31 - 1)
    min_level: Level | None = None
    digest_minutes: int | None = Field(None, ge=0, le=MAX_DIGEST_MINUTES)


class ConnectionTestOut(Out):
    """The result of a test message."""

    ok: bool
    message: str = Field(description="What happened, as a sentence.", examples=["The receiver accepted it (200)."])
    answer: str | None = Field(description="The provider's response, shortened and without secrets.")
    took_seconds: float


class ConnectionOut(Out):
    """A connection and its last results."""

    id: int
    name: str
    enabled: bool
    provider: Provider
    settings: Settings
    events: list[str] = Field(**EVENTS_FIELD)
    app_type: AnyAppType
    instance_id: int | None
    min_level: Level
    digest_minutes: int
    secret: str | None = Field(
        None, description="Of a webhook: shown once, by the call that creates or changes it.", examples=[SECRET_MASK]
    )
    last_delivered_at: UtcTime | None
    last_error: str | None = Field(description="The last failure; null after a success.")
    created_at: UtcTime
    updated_at: UtcTime


class DeliveryOut(Out):
    """One message to one connection, and its result."""

    id: int
    connection_id: int
    message_id: str = Field(description="The same for every attempt; a webhook's `webhook-id`.")
    event_id: Int64 | None = Field(description="The event; null for a digest.")
    event: str = Field(description="The event's name, or `digest`.", examples=[EventName.HUNT_COMPLETED.value])
    level: Level
    title: str
    body: str
    status: DeliveryStatus
    digest_id: int | None = Field(description="The digest that contains it.")
    attempts: int
    next_try_at: UtcTime | None
    error: str | None = Field(description="The last failure.")
    answer: str | None = Field(description="The provider's last response, shortened and without secrets.")
    happened_at: UtcTime
    created_at: UtcTime
    ended_at: UtcTime | None

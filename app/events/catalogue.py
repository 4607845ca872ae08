"""Every event there is: its name, its level and what it tells. One place for the engine that writes them, for
notifications, for the stream and for the document."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, TypeAdapter, create_model

from app.arr.models import AppType, HuntPass, Unit
from app.core.logging import without_secrets
from app.core.schemas import UtcTime

MAX_NAME_LENGTH = 200
MAX_TEXT_LENGTH = 1000


class EventName(StrEnum):
    """What an event is called. From `hunt.progress` on they are of the moment: streamed, not stored, not notified.

    The last two are what a stream says of itself.
    """

    HUNT_STARTED = "hunt.started"
    HUNT_COMPLETED = "hunt.completed"
    HUNT_FAILED = "hunt.failed"
    SEARCH_SENT = "search.sent"
    MEDIA_GRABBED = "media.grabbed"
    MEDIA_IMPORTED = "media.imported"
    MEDIA_IMPORT_FAILED = "media.import_failed"
    INSTANCE_OFFLINE = "instance.offline"
    INSTANCE_ONLINE = "instance.online"
    CAP_REACHED = "cap.reached"
    BACKUP_CREATED = "backup.created"
    BACKUP_FAILED = "backup.failed"
    SYSTEM_ERROR = "system.error"
    HUNT_PROGRESS = "hunt.progress"
    LOG = "log"
    QUEUE = "queue"
    STREAM_READY = "stream.ready"
    STREAM_OVERFLOW = "stream.overflow"


class Level(StrEnum):
    """How grave an event is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _fit(length: int) -> BeforeValidator:
    """Cut and cleaned, never refused: a fact must not be lost because a foreign server's text is strange."""

    def fit(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = without_secrets(value[: 2 * length]).replace("\0", " ")[:length]
        return text.encode("utf-8", "replace").decode()

    return BeforeValidator(fit)


Name = Annotated[str, _fit(MAX_NAME_LENGTH)]
Text = Annotated[str, _fit(MAX_TEXT_LENGTH)]


class Payload(BaseModel):
    """What an event tells. Complete in itself: whoever reads it need not ask us for a name."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, json_schema_serialization_defaults_required=True)

    @property
    def data(self) -> dict[str, Any]:
        """As JSON, under the names that callers read."""
        return self.model_dump(mode="json", by_alias=True)


class Durable(Payload):
    """Stored with the fact it tells of (`outbox.record`), routed once, then streamed."""


class Ephemeral(Payload):
    """Of the moment: streamed to whoever listens now (`EventBus.publish`), and nothing else."""


class Control(Payload):
    """What a stream says of itself, to one client only; no filter holds it back."""


class OfInstance(Payload):
    app_type: AppType = Field(description="The app that the instance runs.")
    instance_id: int = Field(description="The instance.")
    instance_name: Name = Field(description="Its name when this happened.")


class OfHunt(OfInstance):
    hunt_id: int = Field(description="The hunt.")


class HuntStarted(OfHunt, Durable):
    trigger: Name = Field(description="What started it.", examples=["interval"])
    passes: list[HuntPass] = Field(description="What it looks for, in this order.")
    dry_run: bool = Field(False, description="Whether it only decides and searches nothing.")


class HuntEnded(OfHunt):
    trigger: Name = Field(description="What had started it.", examples=["interval"])
    status: Name = Field(description="How it ended.", examples=["completed"])
    reason: Name | None = Field(None, description="What ended it early, as a word.", examples=["hourly_cap"])
    message: Text | None = Field(None, description="The same as a sentence, or what went wrong.")
    searched: int = Field(description="Searches that were sent.")
    skipped: int = Field(0, description="Items that were passed over.")
    errors: int = Field(0, description="Searches and passes that failed.")
    dry_run: bool = Field(False, description="Whether it only decided and searched nothing.")
    took_seconds: float = Field(description="From its start to its end.")
    next_hunt_at: UtcTime | None = Field(None, description="When the instance is hunted next, if that is known.")


class HuntCompleted(HuntEnded, Durable): ...


class HuntFailed(HuntEnded, Durable): ...


class OfSearch(OfInstance):
    hunt_id: int | None = Field(description="The hunt that searched; null when it is no longer known.")
    search_id: int = Field(description="The search, as in the history.")
    hunt_pass: HuntPass = Field(alias="pass", description="What the search was for.")
    media_key: Name = Field(description="The item, with the app's own ids.", examples=["season:12:3"])
    unit: Unit = Field(description="What one search covers.")
    title: Name = Field(description="The item as a person calls it.")


class SearchSent(OfSearch, Durable):
    picked: Name = Field("", description="Why it was this item's turn.")
    command_id: int | None = Field(None, description="The app's command.")


class OfRelease(OfSearch):
    release_title: Text | None = Field(None, description="The release.")
    indexer: Name | None = Field(None, description="Where it was found.")
    download_id: Name | None = Field(None, description="The download, as the app calls it.")
    size_bytes: int | None = Field(None, description="Its size.")
    quality_before: Name | None = Field(None, description="Quality of the file before; null when there was none.")
    quality: Name | None = Field(None, description="Quality of the release.", examples=["WEBDL-1080p"])
    score_before: int | None = Field(None, description="Custom-format score of the file before.")
    score: int | None = Field(None, description="Custom-format score of the release.")
    after_seconds: float | None = Field(None, description="From the search until this happened.")


class MediaGrabbed(OfRelease, Durable): ...


class MediaImported(OfRelease, Durable): ...


class MediaImportFailed(OfRelease, Durable):
    message: Text | None = Field(None, description="What the app says of it.")


class InstanceOffline(OfInstance, Durable):
    error_code: Name = Field(description="What is wrong, as a word.", examples=["unreachable"])
    error: Text = Field(description="The same as a sentence that says what to do.")
    next_try_at: UtcTime | None = Field(None, description="When it is asked again.")


class InstanceOnline(OfInstance, Durable):
    version: Name | None = Field(None, description="The app's version.")
    offline_seconds: float | None = Field(None, description="How long it was away, if that is known.")


class CapReached(OfInstance, Durable):
    cap: Name = Field(description="Which cap.", examples=["hourly_cap"])
    limit: int = Field(description="Search units that it allows.")
    used: int = Field(description="Search units that are used.")
    resets_at: UtcTime | None = Field(None, description="When the next unit is free.")


class BackupCreated(Durable):
    filename: Name = Field(description="The backup.")
    kind: Name = Field(description="What made it.", examples=["scheduled"])
    size_bytes: int = Field(description="Its size.")
    took_seconds: float | None = Field(None, description="How long it took.")


class BackupFailed(Durable):
    kind: Name = Field(description="What was to make it.", examples=["scheduled"])
    message: Text = Field(description="What went wrong.")


class SystemFailed(Durable):
    part: Name = Field(description="Which part of Huntarr.", examples=["worker"])
    message: Text = Field(description="What went wrong.")


class HuntProgress(OfHunt, Ephemeral):
    hunt_pass: HuntPass | None = Field(None, alias="pass", description="What it looks for now.")
    searched: int = Field(description="Searches sent so far.")
    planned: int | None = Field(None, description="Searches that it wants to send in all, as far as it knows.")
    title: Name | None = Field(None, description="The item that it is at.")


class LogLine(Ephemeral):
    id: int | None = Field(None, description="The entry, as in the logs.")
    timestamp: UtcTime = Field(description="When it was written.")
    level: Level = Field(description="How grave it is.")
    app_type: Name = Field(description="The app type, or `system`.", examples=["sonarr"])
    instance_id: int | None = Field(None, description="The instance, if it is about one.")
    hunt_id: int | None = Field(None, description="The hunt, if it is about one.")
    logger: Name = Field(description="The part of Huntarr that wrote it.")
    message: Text = Field(description="What it says.")


class QueueChanged(Ephemeral):
    queued: int = Field(description="Hunts that wait.")
    running: int = Field(description="Hunts that run.")
    workers: int | None = Field(None, description="Workers that are alive; null when that cannot be asked.")


class StreamReady(Control):
    resumed: bool = Field(description="Whether the stream goes on behind the event that the client had last.")
    complete: bool = Field(description="False when events in between are no longer kept: read the state anew.")


class StreamOverflow(Control):
    unread: int = Field(description="Events that waited when the client was given up; `Last-Event-ID` brings them.")


class StreamMessage(BaseModel):
    """An event as it is streamed; `Kind.message` narrows `type` and `data` for each."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    type: EventName
    level: Level
    timestamp: UtcTime = Field(description="When it happened.")
    event_id: int | None = Field(
        description="The same wherever the event is told, in webhooks too; null for those of the moment."
    )
    data: SerializeAsAny[Payload]


@dataclass(frozen=True, slots=True)
class EventType:
    """One event of the catalogue; `level` is None for the one that brings its own."""

    name: EventName
    level: Level | None
    payload: type[Payload]
    summary: str

    @property
    def is_durable(self) -> bool:
        return issubclass(self.payload, Durable)

    def level_of(self, payload: Payload) -> Level:
        return self.level or Level(payload.data["level"])

    def message(self) -> type[StreamMessage]:
        """The model of what is streamed, called as a person would call it: `HuntCompletedEvent`."""
        literal: Any = Literal[self.name.value]
        fields: dict[str, Any] = {"type": (literal, ...), "data": (self.payload, ...)}
        return create_model(f"{self.payload.__name__}Event", __base__=StreamMessage, __doc__=self.summary, **fields)


_KINDS = (
    EventType(EventName.HUNT_STARTED, Level.INFO, HuntStarted, "A hunt began."),
    EventType(EventName.HUNT_COMPLETED, Level.INFO, HuntCompleted, "A hunt came to its end, with or without searches."),
    EventType(EventName.HUNT_FAILED, Level.ERROR, HuntFailed, "A hunt could not be done."),
    EventType(EventName.SEARCH_SENT, Level.INFO, SearchSent, "An app took a search."),
    EventType(
        EventName.MEDIA_GRABBED, Level.INFO, MediaGrabbed, "A search of ours found a release that is downloaded now."
    ),
    EventType(
        EventName.MEDIA_IMPORTED, Level.INFO, MediaImported, "What a search of ours had found is in the library."
    ),
    EventType(EventName.MEDIA_IMPORT_FAILED, Level.WARNING, MediaImportFailed, "What was grabbed did not get in."),
    EventType(EventName.INSTANCE_OFFLINE, Level.WARNING, InstanceOffline, "An app stopped answering; told once."),
    EventType(EventName.INSTANCE_ONLINE, Level.INFO, InstanceOnline, "An app that was away answers again."),
    EventType(EventName.CAP_REACHED, Level.WARNING, CapReached, "The searches of an hour or a day are used up."),
    EventType(EventName.BACKUP_CREATED, Level.INFO, BackupCreated, "A backup was made."),
    EventType(EventName.BACKUP_FAILED, Level.ERROR, BackupFailed, "A backup could not be made."),
    EventType(EventName.SYSTEM_ERROR, Level.ERROR, SystemFailed, "Something went wrong inside Huntarr."),
    EventType(EventName.HUNT_PROGRESS, Level.INFO, HuntProgress, "A hunt went a step on."),
    EventType(EventName.LOG, None, LogLine, "A line was written to the log."),
    EventType(EventName.QUEUE, Level.INFO, QueueChanged, "Hunts were queued, began or ended."),
    EventType(EventName.STREAM_READY, Level.INFO, StreamReady, "From here on nothing is missed."),
    EventType(
        EventName.STREAM_OVERFLOW, Level.WARNING, StreamOverflow, "The client reads too slowly: the stream ends."
    ),
)

EVENTS: Mapping[EventName, EventType] = {kind.name: kind for kind in _KINDS}
_BY_PAYLOAD: Mapping[type[Payload], EventType] = {kind.payload: kind for kind in _KINDS}


def kind_of(payload: Payload) -> EventType:
    return _BY_PAYLOAD[type(payload)]


def any_message() -> TypeAdapter[StreamMessage]:
    """Every message that the stream may carry, told apart by `type`."""
    messages: Any = tuple(kind.message() for kind in _KINDS)
    union: Any = messages[0]
    for message in messages[1:]:
        union |= message
    return TypeAdapter(Annotated[union, Field(discriminator="type")])

"""All events: name, level, payload, and the schema of the stream message."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, TypeAdapter, create_model

from app.core.fields import Int64
from app.core.schemas import Deferred, UtcTime
from app.events import payloads
from app.events.payloads import Durable, Level, Payload


class EventName(StrEnum):
    """The names of events. From `hunt.progress` on they are streamed only: not stored, no notification.

    The last two are about the stream itself.
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
    SWAPARR_STRIKE = "swaparr.strike"
    SWAPARR_REMOVED = "swaparr.removed"
    MOVIE_GRABBED = "movie.grabbed"
    MOVIE_IMPORTED = "movie.imported"
    MOVIE_FAILED = "movie.failed"
    BACKUP_CREATED = "backup.created"
    BACKUP_FAILED = "backup.failed"
    SYSTEM_ERROR = "system.error"
    HUNT_PROGRESS = "hunt.progress"
    LOG = "log"
    QUEUE = "queue"
    STREAM_READY = "stream.ready"
    STREAM_OVERFLOW = "stream.overflow"


class StreamMessage(Deferred):
    """An event as it is streamed; `EventType.message_model` narrows `type` and `data`."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    type: EventName
    level: Level
    timestamp: UtcTime = Field(description="When it happened.")
    event_id: Int64 | None = Field(
        description="The event's id, the same in webhooks; null for events that are not stored."
    )
    data: SerializeAsAny[Payload]


@dataclass(frozen=True, slots=True)
class EventType:
    """An entry of the catalogue; `level` is None where the payload has its own."""

    name: EventName
    level: Level | None
    payload: type[Payload]
    summary: str

    def __post_init__(self) -> None:
        if inspect.isabstract(self.payload):
            raise TypeError(f"{self.payload.__name__} is durable: it needs a render() for notifications")

    @property
    def is_durable(self) -> bool:
        return issubclass(self.payload, Durable)

    def level_of(self, payload: Payload) -> Level:
        return self.level or Level(payload.data["level"])

    def message_model(self) -> type[StreamMessage]:
        """The schema of its stream message, such as `HuntCompletedEvent`."""
        literal: Any = Literal[self.name.value]
        fields: dict[str, Any] = {"type": (literal, ...), "data": (self.payload, ...)}
        return create_model(f"{self.payload.__name__}Event", __base__=StreamMessage, __doc__=self.summary, **fields)


_EVENT_TYPES: Final = (
    EventType(EventName.HUNT_STARTED, Level.INFO, payloads.HuntStarted, "A hunt began."),
    EventType(EventName.HUNT_COMPLETED, Level.INFO, payloads.HuntCompleted, "A hunt ended, with or without searches."),
    EventType(EventName.HUNT_FAILED, Level.ERROR, payloads.HuntFailed, "A hunt could not be done."),
    EventType(EventName.SEARCH_SENT, Level.INFO, payloads.SearchSent, "An app accepted a search."),
    EventType(EventName.MEDIA_GRABBED, Level.INFO, payloads.MediaGrabbed, "An app grabbed a release for a search."),
    EventType(EventName.MEDIA_IMPORTED, Level.INFO, payloads.MediaImported, "A grabbed release is in the library."),
    EventType(EventName.MEDIA_IMPORT_FAILED, Level.WARNING, payloads.MediaImportFailed, "A release was not imported."),
    EventType(EventName.INSTANCE_OFFLINE, Level.WARNING, payloads.InstanceOffline, "An app went offline; sent once."),
    EventType(EventName.INSTANCE_ONLINE, Level.INFO, payloads.InstanceOnline, "An app that was away answers again."),
    EventType(EventName.CAP_REACHED, Level.WARNING, payloads.CapReached, "An hourly or daily cap is used up."),
    EventType(EventName.SWAPARR_STRIKE, Level.INFO, payloads.SwaparrStrike, "A download counts as stuck once more."),
    EventType(EventName.SWAPARR_REMOVED, Level.WARNING, payloads.SwaparrRemoved, "A stuck download was removed."),
    EventType(EventName.MOVIE_GRABBED, Level.INFO, payloads.MovieGrabbed, "A movie's release went to a client."),
    EventType(EventName.MOVIE_IMPORTED, Level.INFO, payloads.MovieImported, "A movie is in its folder."),
    EventType(EventName.MOVIE_FAILED, Level.WARNING, payloads.MovieFailed, "A movie's download or import failed."),
    EventType(EventName.BACKUP_CREATED, Level.INFO, payloads.BackupCreated, "A backup was made."),
    EventType(EventName.BACKUP_FAILED, Level.ERROR, payloads.BackupFailed, "A backup could not be made."),
    EventType(EventName.SYSTEM_ERROR, Level.ERROR, payloads.SystemFailed, "Something went wrong inside Huntarr."),
    EventType(EventName.HUNT_PROGRESS, Level.INFO, payloads.HuntProgress, "A hunt made progress."),
    EventType(EventName.LOG, None, payloads.LogLine, "A line was written to the log."),
    EventType(EventName.QUEUE, Level.INFO, payloads.QueueChanged, "Hunts were queued, began or ended."),
    EventType(EventName.STREAM_READY, Level.INFO, payloads.StreamReady, "From here on no event is missed."),
    EventType(EventName.STREAM_OVERFLOW, Level.WARNING, payloads.StreamOverflow, "Slow client: the stream ends."),
)

EVENTS: Final[Mapping[EventName, EventType]] = {event_type.name: event_type for event_type in _EVENT_TYPES}
DURABLE_EVENTS: Final = tuple(name for name, event_type in EVENTS.items() if event_type.is_durable)
_BY_PAYLOAD: Final[Mapping[type[Payload], EventType]] = {event_type.payload: event_type for event_type in _EVENT_TYPES}


def event_type_of(payload: Payload) -> EventType:
    return _BY_PAYLOAD[type(payload)]


def any_message() -> TypeAdapter[StreamMessage]:
    """Every message that the stream may carry, told apart by `type`."""
    models: Any = [event_type.message_model() for event_type in _EVENT_TYPES]
    union: Any = models[0]
    for model in models[1:]:
        union |= model
    return TypeAdapter(Annotated[union, Field(discriminator="type")])

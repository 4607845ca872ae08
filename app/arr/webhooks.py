"""Bodies of the apps' webhooks (Connect → Webhook), the same model for every app."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from app.arr.parsing import IfRecord, MaybeId, MaybeNumber, Resource, Text
from app.http.bodies import MAX_TEXT_LENGTH, clean_text

MAX_ITEMS = 500


class AppEvent(StrEnum):
    """The events that are acted on; others are ignored."""

    TEST = "Test"
    GRAB = "Grab"
    DOWNLOAD = "Download"
    """An import; Sonarr sends one for each file and one for the whole download."""
    DOWNLOAD_FAILURE = "DownloadFailure"
    IMPORT_FAILURE = "ImportFailure"
    MANUAL_INTERACTION = "ManualInteractionRequired"
    HEALTH = "Health"
    HEALTH_RESTORED = "HealthRestored"
    APPLICATION_UPDATE = "ApplicationUpdate"


DOWNLOAD_EVENTS = frozenset(
    {
        AppEvent.GRAB,
        AppEvent.DOWNLOAD,
        AppEvent.DOWNLOAD_FAILURE,
        AppEvent.IMPORT_FAILURE,
        AppEvent.MANUAL_INTERACTION,
    }
)


def _listed(value: object) -> object:
    return value[:MAX_ITEMS] if isinstance(value, list) else []


def _lines(value: object) -> tuple[str, ...]:
    found = (clean_text(each) for each in value[:MAX_ITEMS]) if isinstance(value, list) else ()
    return tuple(line for line in found if line is not None)


class Part(Resource):
    """A series, movie, episode …; the field that holds it says which."""

    id: MaybeId = None
    season_number: MaybeNumber = None


class StatusMessage(Resource):
    """Why the app does not import a file of a download."""

    messages: Annotated[tuple[str, ...], BeforeValidator(_lines)] = ()


MaybePart = Annotated[Part | None, IfRecord]
Parts = Annotated[list[MaybePart], BeforeValidator(_listed)]
StatusMessages = Annotated[list[Annotated[StatusMessage | None, IfRecord]], BeforeValidator(_listed)]


class AppCall(Resource):
    """The body of an app's call: any JSON object. Fields that cannot be read count as absent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"eventType": "Test", "instanceName": "Sonarr"}]})

    event_type: Text = Field(None, examples=["Download"])
    download_id: Text = Field(None, description="Of the download client.")
    series: MaybePart = None
    episodes: Parts = Field([])
    movie: MaybePart = None
    artist: MaybePart = None
    album: MaybePart = None
    albums: Parts = Field([])
    author: MaybePart = None
    book: MaybePart = None
    books: Parts = Field([])
    download_status_messages: StatusMessages = Field([])
    level: Text = Field(None, description="Of a health check.")
    message: Text = None
    type: Text = Field(None, description="Which health check.")
    previous_version: Text = None
    new_version: Text = None

    @property
    def event(self) -> AppEvent | None:
        """The event, in any case of letters, if it is one that is acted on."""
        word = (self.event_type or "").lower()
        return next((event for event in AppEvent if event.lower() == word), None)

    @property
    def problem(self) -> str | None:
        """Why a download needs a person; older versions of the apps do not report it."""
        lines = [line for status in self.download_status_messages if status is not None for line in status.messages]
        return clean_text(" ".join(dict.fromkeys(lines))[: 4 * MAX_TEXT_LENGTH])

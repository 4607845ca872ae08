"""What an app tells by its own calls, Connect → Webhook, in the words of any app (arr contracts §6.6)."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from app.arr.parsing import IfRecord, MaybeId, MaybeNumber, Resource, Text
from app.http.bodies import MAX_TEXT_LENGTH, clean_text

MAX_ITEMS = 500


class AppEvent(StrEnum):
    """The events that we do something about; the apps' other ones are passed over."""

    TEST = "Test"
    GRAB = "Grab"
    DOWNLOAD = "Download"
    """An import; Sonarr tells of the single files and of the whole."""
    DOWNLOAD_FAILURE = "DownloadFailure"
    IMPORT_FAILURE = "ImportFailure"
    MANUAL_INTERACTION = "ManualInteractionRequired"
    HEALTH = "Health"
    HEALTH_RESTORED = "HealthRestored"
    APPLICATION_UPDATE = "ApplicationUpdate"


OF_DOWNLOADS = frozenset(
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
    found = (clean_text(one) for one in value[:MAX_ITEMS]) if isinstance(value, list) else ()
    return tuple(line for line in found if line is not None)


class Part(Resource):
    """A series, movie, episode … of which a call tells; what it is, the field that holds it says."""

    id: MaybeId = None
    season_number: MaybeNumber = None


class StatusMessage(Resource):
    """Why the app does not import a file of a download."""

    messages: Annotated[tuple[str, ...], BeforeValidator(_lines)] = ()


MaybePart = Annotated[Part | None, IfRecord]
Parts = Annotated[list[MaybePart], BeforeValidator(_listed)]
StatusMessages = Annotated[list[Annotated[StatusMessage | None, IfRecord]], BeforeValidator(_listed)]


class AppCall(Resource):
    """The body of an app's call: any JSON object. What cannot be read is as if it were not there."""

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
        """The event, if it is one that we know; in any case of letters."""
        word = (self.event_type or "").lower()
        return next((one for one in AppEvent if one.lower() == word), None)

    @property
    def obstacle(self) -> str | None:
        """Why the app wants a person to look at a download; older ones do not say."""
        said = [line for one in self.download_status_messages if one is not None for line in one.messages]
        return clean_text(" ".join(dict.fromkeys(said))[: 4 * MAX_TEXT_LENGTH])

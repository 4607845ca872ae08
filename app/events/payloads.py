"""The data of every event, and for those that are stored their text for people."""

from abc import abstractmethod
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from app.arr.models import AppType, HuntPass, Unit
from app.core.fields import Int64
from app.core.logging import without_secrets
from app.core.schemas import Deferred, UtcTime
from app.events.rendering import Rendered, changed, counted, duration, file_size, joined, rendered, utc

MAX_NAME_LENGTH = 200
MAX_TEXT_LENGTH = 1000


class Level(StrEnum):
    """How serious an event is, in rising order."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _limited(length: int) -> BeforeValidator:
    """Shortens and cleans a text instead of refusing it: an event must not be lost because an app's text is odd."""

    def limit(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = without_secrets(value[: 2 * length]).replace("\0", " ")[:length]
        return text.encode("utf-8", "replace").decode()

    return BeforeValidator(limit)


Name = Annotated[str, _limited(MAX_NAME_LENGTH)]
Text = Annotated[str, _limited(MAX_TEXT_LENGTH)]


class Payload(Deferred):
    """The data of an event. Complete: a reader needs no further call to know the names."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, json_schema_serialization_defaults_required=True)

    @property
    def data(self) -> dict[str, Any]:
        """As JSON, under the names that callers read."""
        return self.model_dump(mode="json", by_alias=True)


class Durable(Payload):
    """Stored in the transaction of its fact (`outbox.record_event`), routed once, then streamed."""

    @abstractmethod
    def render(self) -> Rendered:
        """The event as a message for people."""


class Ephemeral(Payload):
    """Streamed to those who listen now (`EventBus.publish`), and not stored."""


class Control(Payload):
    """About the stream itself, to one client only; filters do not apply to it."""


class InstancePayload(Payload):
    app_type: AppType = Field(description="The app that the instance runs.")
    instance_id: int = Field(description="The instance.")
    instance_name: Name = Field(description="Its name when this happened.")


class HuntPayload(InstancePayload):
    hunt_id: int = Field(description="The hunt.")


class HuntStarted(HuntPayload, Durable):
    trigger: Name = Field(description="What started it.", examples=["interval"])
    passes: list[HuntPass] = Field(description="What it looks for, in this order.")
    dry_run: bool = Field(False, description="Whether it only decides and searches nothing.")

    def render(self) -> Rendered:
        text = f"Looks for: {', '.join(self.passes)}; started by: {self.trigger}."
        return rendered(f"{self.instance_name}: hunt started", text + (" It searches nothing." if self.dry_run else ""))


class HuntEnded(HuntPayload):
    trigger: Name = Field(description="What had started it.", examples=["interval"])
    status: Name = Field(description="Its final status.", examples=["completed"])
    reason: Name | None = Field(None, description="Why it ended early, as a word.", examples=["hourly_cap"])
    message: Text | None = Field(None, description="The same as a sentence, or what went wrong.")
    searched: int = Field(description="Searches that were sent.")
    skipped: int = Field(0, description="Items that were skipped.")
    errors: int = Field(0, description="Searches and passes that failed.")
    dry_run: bool = Field(False, description="Whether it only decided and searched nothing.")
    took_seconds: float = Field(description="From its start to its end.")
    next_hunt_at: UtcTime | None = Field(None, description="When the instance is hunted next, if that is known.")

    @property
    def totals(self) -> str:
        text = joined(
            counted(self.searched, "search sent", "searches sent"),
            f"{self.skipped} skipped",
            counted(self.errors, "error", "errors"),
            f"took {duration(self.took_seconds)}",
            f"next hunt at {utc(self.next_hunt_at)}" if self.next_hunt_at else None,
        )
        return text + (" (nothing was searched: dry run)." if self.dry_run else ".")


class HuntCompleted(HuntEnded, Durable):
    def render(self) -> Rendered:
        title = f"{self.instance_name}: hunt completed, {counted(self.searched, 'search', 'searches')}"
        return rendered(title, self.totals, self.message)


class HuntFailed(HuntEnded, Durable):
    def render(self) -> Rendered:
        return rendered(f"{self.instance_name}: hunt failed", self.message or self.reason, self.totals)


class SearchPayload(InstancePayload):
    hunt_id: int | None = Field(description="The hunt that searched; null when it is no longer known.")
    search_id: int = Field(description="The search, as in the history.")
    hunt_pass: HuntPass = Field(alias="pass", description="What the search was for.")
    media_key: Name = Field(description="The item, with the app's own ids.", examples=["season:12:3"])
    unit: Unit = Field(description="What one search covers.")
    title: Name = Field(description="The item's title.")


class SearchSent(SearchPayload, Durable):
    picked: Name = Field("", description="Why this item was picked.")
    command_id: int | None = Field(None, description="The app's command.")

    def render(self) -> Rendered:
        text = f"{self.hunt_pass.capitalize()} ({self.unit})."
        return rendered(f"{self.instance_name}: searching for {self.title}", text)


class ReleasePayload(SearchPayload):
    release_title: Text | None = Field(None, description="The release.")
    indexer: Name | None = Field(None, description="The indexer that had it.")
    download_id: Name | None = Field(None, description="The download, with the app's own id.")
    size_bytes: Int64 | None = Field(None, description="Its size.")
    quality_before: Name | None = Field(None, description="Quality of the file before; null when there was none.")
    quality: Name | None = Field(None, description="Quality of the release.", examples=["WEBDL-1080p"])
    score_before: int | None = Field(None, description="Custom-format score of the file before.")
    score: int | None = Field(None, description="Custom-format score of the release.")
    after_seconds: float | None = Field(None, description="From the search until this happened.")

    @property
    def release(self) -> str:
        """Such as `Bluray-1080p → Remux-2160p, score 10 → 120, via Nyx`."""
        return joined(
            changed(self.quality_before, self.quality),
            changed(self.score_before, self.score, "score "),
            file_size(self.size_bytes) if self.size_bytes else None,
            f"via {self.indexer}" if self.indexer else None,
        )


class MediaGrabbed(ReleasePayload, Durable):
    def render(self) -> Rendered:
        return rendered(f"{self.instance_name}: {self.title} grabbed", self.release, self.release_title)


class MediaImported(ReleasePayload, Durable):
    def render(self) -> Rendered:
        return rendered(f"{self.instance_name}: {self.title} imported", self.release, self.release_title)


class MediaImportFailed(ReleasePayload, Durable):
    message: Text | None = Field(None, description="The app's own message.")

    def render(self) -> Rendered:
        title = f"{self.instance_name}: {self.title} was not imported"
        return rendered(title, self.message, self.release, self.release_title)


class InstanceOffline(InstancePayload, Durable):
    error_code: Name = Field(description="What is wrong, as a word.", examples=["unreachable"])
    error: Text = Field(description="The same as a sentence that says what to do.")
    next_try_at: UtcTime | None = Field(None, description="When it is tried again.")

    def render(self) -> Rendered:
        retry = f"Huntarr tries again at {utc(self.next_try_at)}." if self.next_try_at else None
        return rendered(f"{self.instance_name} is offline", self.error, retry)


class InstanceOnline(InstancePayload, Durable):
    version: Name | None = Field(None, description="The app's version.")
    offline_seconds: float | None = Field(None, description="How long it was away, if that is known.")

    def render(self) -> Rendered:
        away = f"It was away for {duration(self.offline_seconds)}." if self.offline_seconds is not None else None
        version = f"Version {self.version}." if self.version else None
        return rendered(f"{self.instance_name} is online again", away, version)


class CapReached(InstancePayload, Durable):
    cap: Name = Field(description="Which cap.", examples=["hourly_cap"])
    limit: int = Field(description="Search units that it allows.")
    used: int = Field(description="Search units that are used.")
    resets_at: UtcTime | None = Field(None, description="When the next unit is free.")

    def render(self) -> Rendered:
        free = f", the next one is free at {utc(self.resets_at)}" if self.resets_at else ""
        title = f"{self.instance_name}: {self.cap.replace('_', ' ')} reached"
        return rendered(title, f"{self.used} of {self.limit} searches are used{free}.")


class SwaparrPayload(InstancePayload):
    """About a download in the queue of an app; the instance is the policy."""

    target_instance_id: int = Field(description="The instance whose queue it is in.")
    title: Name = Field(description="Title of the download.")
    download_id: Name = Field(description="Its id at the download client.")
    cause: Name = Field(description="What is wrong with it.", examples=["stalled"])
    detail: Name | None = Field(None, description="What an import failed for, or what fits a pattern.")
    strikes: int = Field(description="Strikes for this cause.")


class SwaparrStrike(SwaparrPayload, Durable):
    max_strikes: int = Field(description="Strikes after which it is removed, once its time is over too.")

    def render(self) -> Rendered:
        text = f"{self.title}: {self.cause.replace('_', ' ')}, strike {self.strikes} of {self.max_strikes}."
        return rendered(f"{self.instance_name}: a download is stuck", text)


class SwaparrRemoved(SwaparrPayload, Durable):
    searches: int = Field(description="Searches that were asked for in its place.")

    def render(self) -> Rendered:
        again = counted(self.searches, "search is asked for", "searches are asked for")
        text = f"{self.title}: {self.cause.replace('_', ' ')}. {again}."
        return rendered(f"{self.instance_name}: a stuck download was removed", text)


class MoviePayload(Payload):
    """About a movie of Movie Hunt's library."""

    movie_id: int = Field(description="The movie.")
    tmdb_id: int | None = Field(None, description="Its number at TMDB.")
    title: Name = Field(description="Its title.")
    year: int | None = Field(None, description="Its year.")
    release_title: Text | None = Field(None, description="The release.")
    indexer: Name | None = Field(None, description="The indexer that had it.")
    client: Name | None = Field(None, description="The download client.")
    quality: Name | None = Field(None, description="Quality of the release.", examples=["WEBDL-1080p"])
    score: int | None = Field(None, description="Score of the release.")
    size_bytes: Int64 | None = Field(None, description="Its size.")

    @property
    def movie(self) -> str:
        """Such as `Iron Meadow (2019)`."""
        return self.title if self.year is None else f"{self.title} ({self.year})"

    @property
    def release(self) -> str:
        return joined(
            self.quality,
            file_size(self.size_bytes) if self.size_bytes else None,
            f"via {self.indexer}" if self.indexer else None,
        )


class MovieGrabbed(MoviePayload, Durable):
    def render(self) -> Rendered:
        return rendered(f"{self.movie} grabbed", self.release, self.release_title)


class MovieImported(MoviePayload, Durable):
    path: Text = Field(description="Where its file is.")
    quality_before: Name | None = Field(None, description="Quality of the file that it replaced; null without one.")

    def render(self) -> Rendered:
        verb = "imported" if self.quality_before is None else "upgraded"
        quality = changed(self.quality_before, self.quality)
        return rendered(f"{self.movie} {verb}", quality, self.release_title)


class MovieFailed(MoviePayload, Durable):
    message: Text = Field(description="What went wrong.")

    def render(self) -> Rendered:
        return rendered(f"{self.movie}: a release failed", self.message, self.release_title)


class BackupCreated(Durable):
    filename: Name = Field(description="The backup.")
    kind: Name = Field(description="What made it.", examples=["scheduled"])
    size_bytes: Int64 = Field(description="Its size.")
    took_seconds: float | None = Field(None, description="How long it took.")

    def render(self) -> Rendered:
        took = f", took {duration(self.took_seconds)}" if self.took_seconds is not None else ""
        return rendered(f"Backup created ({self.kind})", f"{self.filename}, {file_size(self.size_bytes)}{took}.")


class BackupFailed(Durable):
    kind: Name = Field(description="What was to make it.", examples=["scheduled"])
    message: Text = Field(description="What went wrong.")

    def render(self) -> Rendered:
        return rendered(f"Backup failed ({self.kind})", self.message)


class SystemFailed(Durable):
    part: Name = Field(description="Which part of Huntarr.", examples=["worker"])
    message: Text = Field(description="What went wrong.")

    def render(self) -> Rendered:
        return rendered(f"Huntarr: something went wrong ({self.part})", self.message)


class HuntProgress(HuntPayload, Ephemeral):
    hunt_pass: HuntPass | None = Field(None, alias="pass", description="What it looks for now.")
    searched: int = Field(description="Searches sent so far.")
    planned: int | None = Field(None, description="Searches that it wants to send in all, as far as it knows.")
    title: Name | None = Field(None, description="The current item.")


class LogLine(Ephemeral):
    id: Int64 | None = Field(None, description="The entry, as in the logs.")
    timestamp: UtcTime = Field(description="When it was written.")
    level: Level = Field(description="Its level.")
    app_type: Name = Field(description="The app type, or `system`.", examples=["sonarr"])
    instance_id: int | None = Field(None, description="The instance, if it is about one.")
    hunt_id: int | None = Field(None, description="The hunt, if it is about one.")
    logger: Name = Field(description="The part of Huntarr that wrote it.")
    message: Text = Field(description="The text.")


class QueueChanged(Ephemeral):
    queued: int = Field(description="Hunts that wait.")
    running: int = Field(description="Hunts that run.")
    workers: int | None = Field(None, description="Workers that are alive; null when that is not known.")


class StreamReady(Control):
    resumed: bool = Field(description="Whether the stream continues after the event that the client had last.")
    complete: bool = Field(description="False when events in between are no longer kept: read the state anew.")


class StreamOverflow(Control):
    unread: int = Field(description="Events that waited when the stream was ended; `Last-Event-ID` brings them.")

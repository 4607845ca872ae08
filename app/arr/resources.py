"""Records of the apps' API. Each model covers all apps: a field that an app does not have keeps its default."""

from abc import abstractmethod
from collections.abc import Collection, Iterable
from typing import Annotated, Self

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from app.arr.models import (
    AppDatabase,
    AppStatus,
    Command,
    CommandStatus,
    FileFacts,
    OwnerFacts,
    ReleaseDates,
    SearchTarget,
    Unit,
    WantedItem,
)
from app.arr.parsing import (
    Flag,
    Id,
    Ids,
    IfRecord,
    Line,
    MaybeFlag,
    MaybeId,
    MaybeNumber,
    MaybeScore,
    Moment,
    Resource,
    Span,
    Text,
    read_all,
    read_one,
)
from app.arr.queue_rows import DownloadDetails, QueueRow
from app.http.addresses import MAX_URL_LENGTH
from app.http.bodies import Json

ITEMS = (Unit.EPISODE, Unit.MOVIE, Unit.ALBUM, Unit.BOOK)
OWNERS = (Unit.SERIES, Unit.ARTIST, Unit.AUTHOR)
# An error when all indexers fail, a warning when some do.
ALL_INDEXERS_DOWN = ("IndexerStatusCheck", "IndexerLongTermStatusCheck")
NO_SEARCHING_INDEXER = "IndexerSearchCheck"
ANIME = "anime"
MAX_MESSAGES = 50


def _texts(value: object) -> list[str]:
    """The texts of a list; what is none is left out."""
    return [each for each in value if isinstance(each, str)][:MAX_MESSAGES] if isinstance(value, list) else []


def _named(units: Iterable[Unit], ending: str = "") -> AliasChoices:
    """`episodeId`, `movieId` …, whichever a record has."""
    return AliasChoices(*(f"{unit}{ending}" for unit in units))


ItemId = Annotated[MaybeId, Field(validation_alias=_named(ITEMS, "Id"))]
OwnerId = Annotated[MaybeId, Field(validation_alias=_named(OWNERS, "Id"))]
QualityName = Annotated[Text, Field(validation_alias=AliasPath("quality", "quality", "name"))]


class StatusResource(Resource):
    app_name: Line
    version: Line
    database_type: Text = None
    url_base: Text = None


Bytes = Annotated[int, BeforeValidator(lambda value: max(0, int(value)) if isinstance(value, int | float) else 0)]
Records = Annotated[list[object], BeforeValidator(lambda value: value if isinstance(value, list) else [])]
Lines = Annotated[list[Line], BeforeValidator(_texts)]


class StatusMessageResource(Resource):
    """A heading or the name of a file, and what keeps it from being imported."""

    title: Line = ""
    messages: Lines = Field(default=[])


class QueueResource(Resource):
    """One row of the queue."""

    id: MaybeId = None
    download_id: Text = None
    item_id: ItemId = None
    owner_id: OwnerId = None
    season_number: MaybeNumber = None
    status: Text = None
    tracked_download_state: Text = None
    tracked_download_status: Text = None
    title: Line = ""
    protocol: Text = None
    download_client: Text = None
    indexer: Text = None
    added: Moment = None
    size: Bytes = 0
    size_left: Annotated[Bytes, Field(validation_alias=AliasChoices("sizeleft", "sizeLeft"))] = 0
    status_messages: Records = Field(default=[])
    error_message: Text = None
    episode_has_file: Flag = False

    def row(self) -> QueueRow:
        messages, _ = read_all(StatusMessageResource, self.status_messages, "messages of the queue")
        details = DownloadDetails(
            title=self.title,
            protocol=self.protocol or "unknown",
            client=self.download_client,
            indexer=self.indexer,
            added=self.added,
            size=self.size,
            left=self.size_left,
            messages=tuple((each.title, tuple(each.messages)) for each in messages[:MAX_MESSAGES]),
            error=self.error_message,
            has_file=self.episode_has_file,
        )
        return QueueRow(
            row_id=self.id or 0,
            details=details,
            download_id=self.download_id,
            item_id=self.item_id,
            owner_id=self.owner_id,
            season=self.season_number,
            status=self.status or "unknown",
            tracked_state=self.tracked_download_state,
            tracked_status=self.tracked_download_status,
        )


class CommandBody(Resource):
    """The parameters of a command; its name decides which there are."""

    item_ids: Ids = Field(frozenset(), validation_alias=_named(ITEMS, "Ids"))
    owner_id: OwnerId = None
    season_number: MaybeNumber = None


class CommandResource(Resource):
    id: Id
    name: Line
    status: Text = None
    body: Annotated[CommandBody | None, IfRecord] = None
    queued: Moment = None
    started: Moment = None
    ended: Moment = None
    duration: Span = None
    message: Text = None

    def command(self, target: SearchTarget | None) -> Command:
        status = (self.status or "").lower()
        known = status in CommandStatus.__members__.values()
        return Command(
            command_id=self.id,
            name=self.name,
            status=CommandStatus(status) if known else CommandStatus.UNKNOWN,
            target=target,
            queued_at=self.queued,
            started_at=self.started,
            ended_at=self.ended,
            took=self.duration,
            message=self.message,
            item_ids=self.body.item_ids if self.body else frozenset(),
        )


class TagResource(Resource):
    id: Id
    label: Line


class TaggedResource(Resource):
    """A tag with what carries it: owners, or movies."""

    id: Id
    tagged: Ids = Field(frozenset(), validation_alias=_named((*OWNERS, Unit.MOVIE), "Ids"))


class HealthResource(Resource):
    source: Text = None
    type: Text = None

    @property
    def is_without_indexers(self) -> bool:
        """Whether it says that no search can find anything; the words of its message follow the language of the UI."""
        if self.source in ALL_INDEXERS_DOWN:
            return (self.type or "").lower() == "error"
        return self.source == NO_SEARCHING_INDEXER


class CreatedResource(Resource):
    """The reply to a POST of a resource."""

    id: Id


class FieldResource(Resource):
    """One setting of an indexer, an application and the like."""

    name: Line
    value: object = None


class ProviderResource(Resource):
    """What the apps configure by a list of `fields`."""

    id: Id
    name: Line = ""
    fields: Records = Field(default=[])

    def field(self, name: str) -> object:
        """The value of one of its settings; `None` where it is not there."""
        found = read_all(FieldResource, self.fields, "fields")[0]
        return next((each.value for each in found if each.name == name), None)

    @property
    def base_url(self) -> str | None:
        url = self.field("baseUrl")
        return url[:MAX_URL_LENGTH] if isinstance(url, str) and url else None


class IndexerResource(ProviderResource):
    enable_automatic_search: Flag = False


class FileResource(Resource):
    """A file. `item_id` is there except with the files of episodes."""

    id: MaybeId = None
    item_id: ItemId = None
    quality: QualityName = None
    custom_format_score: MaybeScore = None
    quality_cutoff_not_met: MaybeFlag = None

    def facts(self) -> FileFacts | None:
        """`None` when the record is not a readable file."""
        if self.id is None:
            return None
        met = None if self.quality_cutoff_not_met is None else not self.quality_cutoff_not_met
        return FileFacts(file_id=self.id, quality=self.quality, score=self.custom_format_score, cutoff_met=met)


class SeasonResource(Resource):
    season_number: MaybeNumber = None
    monitored: Flag = False


class StatisticsResource(Resource):
    """Of an owner, or of an album or a book, which consists of tracks or is one file."""

    item_count: MaybeNumber = Field(None, validation_alias=_named(ITEMS, "Count"))
    part_count: MaybeNumber = Field(None, validation_alias=AliasChoices("trackCount", "bookCount"))
    part_file_count: MaybeNumber = Field(None, validation_alias=AliasChoices("trackFileCount", "bookFileCount"))

    @property
    def is_complete(self) -> bool:
        return (self.part_file_count or 0) >= max(self.part_count or 0, 1)


class OwnerResource(Resource):
    """A series, artist or author, by itself or nested in its items."""

    title: Text = Field(None, validation_alias=AliasChoices("title", "artistName", "authorName"))
    monitored: Flag = False
    tags: Ids = frozenset()
    quality_profile_id: MaybeId = None
    added: Moment = None
    series_type: Text = None
    seasons: list[Annotated[SeasonResource | None, IfRecord]] | None = None
    statistics: Annotated[StatisticsResource | None, IfRecord] = None

    @property
    def is_anime(self) -> bool:
        return (self.series_type or "").lower() == ANIME

    def facts(self, owner_id: int) -> OwnerFacts:
        return OwnerFacts(
            owner_id=owner_id,
            title=self.title,
            monitored=self.monitored,
            added_at=self.added,
            tag_ids=self.tags,
            quality_profile_id=self.quality_profile_id,
            is_anime=self.is_anime,
            seasons=frozenset(
                season.season_number
                for season in self.seasons or ()
                if season is not None and season.monitored and season.season_number is not None
            ),
        )


class ItemResource(Resource):
    """An episode, movie, album or book in a list."""

    id: Id
    title: Text = None
    monitored: Flag = False
    added: Moment = None
    last_search_time: Moment = None

    @abstractmethod
    def item(self, unit: Unit) -> WantedItem:
        """The item as every app has it."""


class OwnedResource(ItemResource):
    """An item of a series, an artist or an author, which may be nested in it."""

    owner_id: OwnerId = None
    owner: Annotated[OwnerResource | None, IfRecord, Field(validation_alias=_named(OWNERS))] = None
    released: Moment = Field(None, validation_alias=AliasChoices("airDateUtc", "releaseDate"))
    season_number: MaybeNumber = None
    statistics: Annotated[StatisticsResource | None, IfRecord] = None

    def with_owner(self, owner: OwnerResource) -> Self:
        """The same item with its owner, for lists that leave it out."""
        return self.model_copy(update={"owner": owner})

    def item(self, unit: Unit) -> WantedItem:
        owner = self.owner or OwnerResource(monitored=True)  # wanted lists hold only items of monitored owners
        parts = [part for part in (self.owner_title, self.numbering, self.title) if part]
        return WantedItem(
            item_id=self.id,
            title=" - ".join(parts) or f"{unit.capitalize()} {self.id}",
            unit=unit,
            monitored=self.monitored and owner.monitored,
            dates=ReleaseDates(released=self.released),
            added_at=self.added or owner.added,
            last_search_at=self.last_search_time,
            owner_id=self.owner_id,
            owner_title=self.owner_title,
            season=self.season_number,
            tag_ids=owner.tags,
            quality_profile_id=owner.quality_profile_id,
            file=self.file,
            is_anime=owner.is_anime,
            owner_read=self.owner is not None,
            file_id=self.file_id,
        )

    @property
    def is_complete(self) -> bool:
        """Whether it has all its files, as the record tells."""
        return self.statistics is not None and self.statistics.is_complete

    @property
    def file_id(self) -> int | None:
        """The file, where the record names it and others may share it."""
        return None

    @property
    def owner_title(self) -> str | None:
        return self.owner.title if self.owner else None

    @property
    def numbering(self) -> str | None:
        """What stands between the titles of the owner and the item, such as `S01E02`."""
        return None

    @property
    def file(self) -> FileFacts | None:
        """The file, where the record holds it."""
        return None


def worst(files: Collection[FileFacts]) -> FileFacts:
    """Several files of one item as one; `FileFacts` says how."""
    lowest = min(files, key=lambda file: (0 if file.score is None else file.score, file.file_id))
    met = {file.cutoff_met for file in files}
    cutoff_met = False if False in met else lowest.cutoff_met
    return FileFacts(min(file.file_id for file in files), lowest.quality, lowest.score, cutoff_met)


def read_status(reply: Json) -> AppStatus:
    """`system/status` of any app. Versions without `databaseType` know only SQLite."""
    status = read_one(StatusResource, reply, "system status")
    postgres = (status.database_type or "").lower() == "postgresql"
    return AppStatus(
        app_name=status.app_name,
        version=status.version,
        database=AppDatabase.POSTGRESQL if postgres else AppDatabase.SQLITE,
        url_base=status.url_base or "",
    )

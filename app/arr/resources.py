"""What we read of the apps' records, under the names of any of them: an app without a field leaves it out."""

from abc import abstractmethod
from collections.abc import Collection, Iterable
from typing import Annotated, Self

from pydantic import AliasChoices, AliasPath, Field

from app.arr.models import (
    AppDatabase,
    AppStatus,
    Command,
    CommandStatus,
    FileFacts,
    QueueRow,
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
    Tally,
    Text,
    read_one,
)
from app.http.bodies import Json

ITEMS = (Unit.EPISODE, Unit.MOVIE, Unit.ALBUM, Unit.BOOK)
OWNERS = (Unit.SERIES, Unit.ARTIST, Unit.AUTHOR)


def _named(units: Iterable[Unit], ending: str = "") -> AliasChoices:
    """`episodeId`, `movieId` …, whichever of them a record has."""
    return AliasChoices(*(f"{unit}{ending}" for unit in units))


ItemId = Annotated[MaybeId, Field(validation_alias=_named(ITEMS, "Id"))]
OwnerId = Annotated[MaybeId, Field(validation_alias=_named(OWNERS, "Id"))]
QualityName = Annotated[Text, Field(validation_alias=AliasPath("quality", "quality", "name"))]


class StatusResource(Resource):
    app_name: Line
    version: Line
    database_type: Text = None
    url_base: Text = None


class QueueResource(Resource):
    """One row of the queue (arr contracts §5.2)."""

    id: MaybeId = None
    download_id: Text = None
    item_id: ItemId = None
    owner_id: OwnerId = None
    season_number: MaybeNumber = None
    status: Text = None
    tracked_download_state: Text = None
    tracked_download_status: Text = None

    def row(self) -> QueueRow:
        return QueueRow(
            download_id=self.download_id,
            item_id=self.item_id,
            owner_id=self.owner_id,
            season=self.season_number,
            status=self.status or "unknown",
            tracked_state=self.tracked_download_state,
            tracked_status=self.tracked_download_status,
        )


class CommandBody(Resource):
    """What a command was told to do; which of the fields are there depends on its name (arr contracts §4.3)."""

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
            message=self.message,
            item_ids=self.body.item_ids if self.body else frozenset(),
        )


class TagResource(Resource):
    id: Id
    label: Line


class CreatedResource(Resource):
    """What a POST of a resource answers with."""

    id: Id


class IndexerResource(Resource):
    id: Id
    enable_automatic_search: Flag = False


class FileResource(Resource):
    """A file of any app. Where files are listed by their items, `item_id` is there; an episode's file has none."""

    id: MaybeId = None
    item_id: ItemId = None
    quality: QualityName = None
    custom_format_score: MaybeScore = None
    quality_cutoff_not_met: MaybeFlag = None

    def facts(self) -> FileFacts | None:
        """`None` when it is no readable file."""
        if self.id is None:
            return None
        met = None if self.quality_cutoff_not_met is None else not self.quality_cutoff_not_met
        return FileFacts(file_id=self.id, quality=self.quality, score=self.custom_format_score, cutoff_met=met)


class SeasonResource(Resource):
    monitored: Flag = False


class StatisticsResource(Resource):
    item_count: Tally = Field(0, validation_alias=_named(ITEMS, "Count"))


class OwnerResource(Resource):
    """A series, artist or author: as a record of its own, or as the part that comes with its items."""

    title: Text = Field(None, validation_alias=AliasChoices("title", "artistName", "authorName"))
    monitored: Flag = False
    tags: Ids = frozenset()
    quality_profile_id: MaybeId = None
    added: Moment = None
    seasons: list[Annotated[SeasonResource | None, IfRecord]] | None = None
    statistics: Annotated[StatisticsResource | None, IfRecord] = None


class ItemResource(Resource):
    """An item as the lists hold it."""

    id: Id
    title: Text = None
    monitored: Flag = False
    added: Moment = None
    last_search_time: Moment = None

    @abstractmethod
    def item(self, unit: Unit) -> WantedItem:
        """The same in our words."""


class OwnedResource(ItemResource):
    """An item of a series, an artist or an author, who may come with it."""

    owner_id: OwnerId = None
    owner: Annotated[OwnerResource | None, IfRecord, Field(validation_alias=_named(OWNERS))] = None
    released: Moment = Field(None, validation_alias=AliasChoices("airDateUtc", "releaseDate"))
    season_number: MaybeNumber = None

    def of(self, owner: OwnerResource) -> Self:
        """The same item with its owner, where the list had left that out."""
        return self.model_copy(update={"owner": owner})

    def item(self, unit: Unit) -> WantedItem:
        owner = self.owner or OwnerResource(monitored=True)  # a wanted list holds only what is monitored in both
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
        )

    @property
    def owner_title(self) -> str | None:
        return self.owner.title if self.owner else None

    @property
    def numbering(self) -> str | None:
        """What stands between the titles of owner and item."""
        return None

    @property
    def file(self) -> FileFacts | None:
        """Where the record itself holds it."""
        return None


def worst(files: Collection[FileFacts]) -> FileFacts:
    """Several files of one item as one (`FileFacts`)."""
    lowest = min(files, key=lambda one: (0 if one.score is None else one.score, one.file_id))
    met = {one.cutoff_met for one in files}
    cutoff_met = False if False in met else lowest.cutoff_met
    return FileFacts(min(one.file_id for one in files), lowest.quality, lowest.score, cutoff_met)


def read_status(reply: Json) -> AppStatus:
    """`system/status` of any app; without a `databaseType` it is too old for anything but SQLite."""
    reading = read_one(StatusResource, reply, "system status")
    postgres = (reading.database_type or "").lower() == "postgresql"
    return AppStatus(
        app_name=reading.app_name,
        version=reading.version,
        database=AppDatabase.POSTGRESQL if postgres else AppDatabase.SQLITE,
        url_base=reading.url_base or "",
    )

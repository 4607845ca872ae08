"""Values read from the apps, the same for every app: frozen dataclasses that hunts decide on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

_GRABS = re.compile(r"(\d+) reports? downloaded")


class AppType(StrEnum):
    """An app that an instance can run, as paths name it."""

    SONARR = "sonarr"
    RADARR = "radarr"
    LIDARR = "lidarr"
    READARR = "readarr"
    WHISPARR = "whisparr"
    PROWLARR = "prowlarr"
    SWAPARR = "swaparr"


class Variant(StrEnum):
    """One of several apps that share a name; only Whisparr has variants."""

    V2 = "v2"
    V3 = "v3"
    V3_LISTLESS = "v3-listless"
    """Whisparr v3 before it had wanted lists."""

    @property
    def label(self) -> str:
        """As the API shows it: `v2` or `v3`."""
        return self.value[:2]


class HuntPass(StrEnum):
    """What a hunt looks for: missing items, files below their cutoff, files with too low a custom-format score."""

    MISSING = "missing"
    CUTOFF = "cutoff"
    UPGRADE = "upgrade"


class Unit(StrEnum):
    """What one search covers: an item, a season, or an owner with all its items."""

    EPISODE = "episode"
    SEASON = "season"
    SERIES = "series"
    MOVIE = "movie"
    ALBUM = "album"
    ARTIST = "artist"
    BOOK = "book"
    AUTHOR = "author"


class Mode(StrEnum):
    """The unit of the searches of a pass; `auto` chooses it per item."""

    AUTO = "auto"
    EPISODE = "episode"
    SEASON = "season"
    SERIES = "series"
    MOVIE = "movie"
    ALBUM = "album"
    ARTIST = "artist"
    BOOK = "book"
    AUTHOR = "author"


class SortKey(StrEnum):
    """The order of a wanted list; the client translates it to the app's own key."""

    LAST_SEARCH = "last_search"
    RELEASED = "released"


class AppDatabase(StrEnum):
    """The database of an app; it decides where nulls are sorted."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach an app. `url` has no trailing slash and may hold a base path."""

    url: str
    api_key: str = field(repr=False)
    timeout_seconds: float = 30.0
    verify_tls: bool = True
    request_concurrency: int = 2
    """Parallel requests to this URL, 1 to 4."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The user's own, for what stands in front of the app."""


@dataclass(frozen=True, slots=True)
class AppStatus:
    """`GET system/status`."""

    app_name: str
    version: str
    database: AppDatabase
    url_base: str
    variant: Variant | None = None


@dataclass(frozen=True, slots=True)
class ReleaseDates:
    """Release dates of an item: Radarr's movies have the last three, all other items only `released`."""

    released: datetime | None = None
    cinema: datetime | None = None
    digital: datetime | None = None
    physical: datetime | None = None

    @property
    def known(self) -> tuple[datetime, ...]:
        return tuple(at for at in (self.released, self.cinema, self.digital, self.physical) if at is not None)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The file of an item; of several files the first id, the lowest score, and the quality of that file."""

    file_id: int
    quality: str | None = None
    score: int | None = None
    """The custom-format score; `None` where the app keeps none."""
    cutoff_met: bool | None = None
    """Whether the quality meets its cutoff, scores aside."""


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One item of a wanted list. `monitored` covers the item and its owner; `available` is as the app reports it."""

    item_id: int
    title: str
    unit: Unit
    monitored: bool
    dates: ReleaseDates
    available: bool | None = None
    added_at: datetime | None = None
    last_search_at: datetime | None = None
    owner_id: int | None = None
    owner_title: str | None = None
    season: int | None = None
    tag_ids: frozenset[int] = frozenset()
    quality_profile_id: int | None = None
    file: FileFacts | None = None
    """Only where the list itself has it."""
    is_anime: bool = False
    """Whether the app asks its indexers once for each episode of a season."""
    owner_read: bool = True
    """Whether the facts of the owner are here: a bare list leaves them out."""
    file_id: int | None = None
    year: int | None = None

    @property
    def owner(self) -> "OwnerFacts":
        """What a record that is not bare tells of its owner: only of monitored ones anything is wanted."""
        return OwnerFacts(
            self.owner_id or 0,
            self.owner_title,
            monitored=True,
            added_at=self.added_at,
            tag_ids=self.tag_ids,
            quality_profile_id=self.quality_profile_id,
            is_anime=self.is_anime,
        )

    def with_owner(self, owner: "OwnerFacts") -> "WantedItem":
        """The same item with the facts that a bare list leaves out."""
        return replace(
            self,
            title=f"{owner.title} - {self.title}" if owner.title else self.title,
            monitored=self.monitored and owner.monitored,
            added_at=self.added_at or owner.added_at,
            owner_title=owner.title,
            tag_ids=owner.tag_ids,
            quality_profile_id=owner.quality_profile_id,
            is_anime=owner.is_anime,
            owner_read=True,
        )


@dataclass(frozen=True, slots=True)
class OwnerFacts:
    """A series, an artist or an author."""

    owner_id: int
    title: str | None
    monitored: bool
    added_at: datetime | None = None
    tag_ids: frozenset[int] = frozenset()
    quality_profile_id: int | None = None
    is_anime: bool = False
    seasons: frozenset[int] = frozenset()
    """Numbers of the monitored seasons."""
    extent: int = 1
    """What a search of it costs: its monitored seasons (anime: its episodes), its albums or its books."""


@dataclass(frozen=True, slots=True)
class WantedPage:
    """One page of a wanted list; `total` counts the whole list, `skipped` the unreadable records of this page."""

    items: tuple[WantedItem, ...]
    total: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class SeasonFacts:
    """The facts that decide between a season search and episode searches."""

    aired: int
    """Episodes that have a file, or have aired and are monitored."""
    with_file: int
    ended: bool
    """Whether every monitored episode has a date in the past."""
    monitored: int = 0
    """Episodes that have aired and are monitored: a search of an anime season asks once for each."""
    last_search_at: datetime | None = None
    """The latest search of any of its episodes; `None` also where the app does not report it."""


@dataclass(frozen=True, slots=True)
class Upgradable:
    """An item whose `file` has a lower custom-format score than its profile asks for."""

    item: WantedItem
    score: int
    cutoff_score: int

    @property
    def gap(self) -> int:
        return self.cutoff_score - self.score


@dataclass(frozen=True, slots=True)
class LibraryMovie:
    """A monitored movie of an app without wanted lists; `cutoff_met` is `None` without a readable file."""

    item: WantedItem
    has_file: bool
    cutoff_met: bool | None = None


@dataclass(frozen=True, slots=True)
class LibraryStep:
    """What was read of a range of ids; `next_id` is where the next step begins.

    `is_empty` when no id of the range is in use; with movies, when none of them has a file.
    """

    items: tuple[Upgradable, ...]
    next_id: int
    requests: int
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class IndexerLink:
    """An indexer of an app, and where the app asks it: of one that Prowlarr set up, an address of Prowlarr."""

    indexer_id: int
    name: str
    base_url: str | None = None


class HistoryKind(StrEnum):
    """An event of a download; the apps' other events are not read."""

    GRABBED = "grabbed"
    IMPORTED = "imported"
    INCOMPLETE = "incomplete"
    """The app imported a part of it, or nothing (only Lidarr and Readarr report this)."""
    FAILED = "failed"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of the app's history; `at` is a time of the app's clock."""

    kind: HistoryKind
    at: datetime
    item_id: int
    owner_id: int | None = None
    season: int | None = None
    download_id: str | None = None
    release_title: str | None = None
    indexer: str | None = None
    quality: str | None = None
    score: int | None = None
    by_search: bool | None = None
    """Whether a search that a person or the API started led to the grab; `None` where the app does not report it."""


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """One search: an item by `item_id`, an owner by `owner_id`, a season by `owner_id` and `season`."""

    unit: Unit
    item_id: int | None = None
    owner_id: int | None = None
    season: int | None = None


class CommandStatus(StrEnum):
    """The status of a command; words that we do not know read as `unknown`."""

    QUEUED = "queued"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"

    @property
    def is_over(self) -> bool:
        return self not in (CommandStatus.QUEUED, CommandStatus.STARTED, CommandStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the app reports it. `target` is read from its body; `None` when it searches nothing we would."""

    command_id: int
    name: str
    status: CommandStatus
    target: SearchTarget | None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    took: timedelta | None = None
    """How long it ran, exactly; `started_at` and `ended_at` are whole seconds."""
    message: str | None = None
    item_ids: frozenset[int] = frozenset()
    """Every item that its body names, even if `target` is `None`."""

    @property
    def grabs(self) -> int | None:
        """Releases that a finished search sent to the download client; `None` when the app does not report it."""
        found = _GRABS.search(self.message or "")
        return int(found.group(1)) if found else None


@dataclass(frozen=True, slots=True)
class QualityProfile:
    """A quality profile; filters refer to it by `name`."""

    profile_id: int
    name: str
    upgrade_allowed: bool = False
    cutoff_score: int = 0
    """The custom-format score that a file should have; 0 where the app keeps none."""
    fingerprint: str = ""
    """Changes when the releases that the profile takes or prefers do."""

    @property
    def wants_score(self) -> bool:
        """Whether files are upgraded for their score."""
        return self.upgrade_allowed and self.cutoff_score > 0

    def is_below(self, file: FileFacts) -> bool:
        """Whether the score of `file` is too low and its quality is not (the cutoff list has files of low quality)."""
        return file.score is not None and file.score < self.cutoff_score and file.cutoff_met is True

    def upgrade_of(self, item: WantedItem) -> Upgradable | None:
        """`item`, which has this profile, if its file should be upgraded."""
        file = item.file
        if file is None or file.score is None or not (self.wants_score and self.is_below(file)):
            return None
        return Upgradable(item, file.score, self.cutoff_score)

"""What we read from the apps, in our own words: frozen values that the hunt decides on, the same for every app."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

GRABS = re.compile(r"(\d+) reports? downloaded")


class AppType(StrEnum):
    """An app that Huntarr can hunt in; the word of the URL."""

    SONARR = "sonarr"
    RADARR = "radarr"
    LIDARR = "lidarr"
    READARR = "readarr"
    WHISPARR = "whisparr"


class Variant(StrEnum):
    """Which of the apps that share the name Whisparr; the others have none."""

    V2 = "v2"
    V3 = "v3"
    V3_LISTLESS = "v3-listless"
    """Whisparr v3 before it had wanted lists (arr contracts §3.2)."""

    @property
    def label(self) -> str:
        """What callers read: `v2` or `v3`."""
        return self.value[:2]


class HuntPass(StrEnum):
    """What a hunt looks for: what is missing, what is below its cutoff, what has too low a custom-format score."""

    MISSING = "missing"
    CUTOFF = "cutoff"
    UPGRADE = "upgrade"


class Unit(StrEnum):
    """What one search covers: an item, a season, or an owner with all that it has."""

    EPISODE = "episode"
    SEASON = "season"
    SERIES = "series"
    MOVIE = "movie"
    ALBUM = "album"
    ARTIST = "artist"
    BOOK = "book"
    AUTHOR = "author"


class Mode(StrEnum):
    """What the searches of a pass cover; `auto` chooses per item."""

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
    """What a wanted list is sorted by; the client translates it to the app's own key."""

    LAST_SEARCH = "last_search"
    RELEASED = "released"


class AppDatabase(StrEnum):
    """The database that an app runs on; it decides where nulls are sorted (arr contracts §3.1)."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where an app is and how we get in. `url` has no trailing slash and may hold a base path."""

    url: str
    api_key: str = field(repr=False)
    timeout_seconds: float = 30.0
    verify_tls: bool = True
    request_concurrency: int = 2
    """Parallel requests to this address, 1 to 4."""


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
    """When an item came or comes out: `released` where the app knows one date, the other three at Radarr's movies."""

    released: datetime | None = None
    cinema: datetime | None = None
    digital: datetime | None = None
    physical: datetime | None = None

    @property
    def known(self) -> tuple[datetime, ...]:
        return tuple(at for at in (self.released, self.cinema, self.digital, self.physical) if at is not None)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What an item has: of several files the first id, the lowest score, and the quality of that one."""

    file_id: int
    quality: str | None = None
    score: int | None = None
    """The custom-format score; `None` where the app keeps none."""
    cutoff_met: bool | None = None
    """Whether the quality meets its cutoff, scores aside."""


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One record of a wanted list. `monitored` holds for the item and its owner; `available` is what the app says."""

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
    """Only where the record itself tells (arr contracts §3.4)."""


@dataclass(frozen=True, slots=True)
class WantedPage:
    """One page of a wanted list; `total` is the app's count of the whole list, `skipped` records were unreadable."""

    items: tuple[WantedItem, ...]
    total: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One row of the app's queue: a season pack is many rows of one `download_id` (arr contracts §5.2)."""

    download_id: str | None
    item_id: int | None
    owner_id: int | None
    season: int | None
    status: str
    tracked_state: str | None
    tracked_status: str | None

    @property
    def is_refused(self) -> bool:
        """Whether the download is complete and the app does not import it by itself (arr contracts §5.2)."""
        if self.tracked_state in ("importBlocked", "importFailed"):
            return True
        return self.tracked_state == "importPending" and self.tracked_status in ("warning", "error")


@dataclass(frozen=True, slots=True)
class SeasonFacts:
    """What decides between a season search and episode searches."""

    aired: int
    """Episodes that aired and are monitored, or have a file."""
    with_file: int
    ended: bool
    """Whether every monitored episode has a date, and none of them is to come."""
    last_search_at: datetime | None = None
    """The latest search of any of its episodes; `None` also where the app does not tell."""


@dataclass(frozen=True, slots=True)
class Upgradable:
    """An item whose file has a lower custom-format score than its profile asks for; its `file` is known."""

    item: WantedItem
    score: int
    cutoff_score: int

    @property
    def gap(self) -> int:
        return self.cutoff_score - self.score


@dataclass(frozen=True, slots=True)
class LibraryMovie:
    """A monitored movie of an app without wanted lists; `cutoff_met` is `None` where there is no file to judge."""

    item: WantedItem
    has_file: bool
    cutoff_met: bool | None = None


@dataclass(frozen=True, slots=True)
class LibraryStep:
    """A stretch of the library, read from one id on; `is_empty` when no id of it is in use.

    Movies are read by their files: a stretch of them counts as empty when none has one.
    """

    items: tuple[Upgradable, ...]
    next_id: int
    requests: int
    is_empty: bool = False


class HistoryKind(StrEnum):
    """What happened to a download; the apps' other events are not read."""

    GRABBED = "grabbed"
    IMPORTED = "imported"
    INCOMPLETE = "incomplete"
    """The app imported a part of it, or nothing (only Lidarr and Readarr tell, arr contracts §6.4)."""
    FAILED = "failed"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of the app's history, in the app's own time."""

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
    """Whether a search that somebody asked for led to the grab; `None` where the app does not say."""


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """One search: an item by `item_id`, an owner by `owner_id`, a season by `owner_id` and `season`."""

    unit: Unit
    item_id: int | None = None
    owner_id: int | None = None
    season: int | None = None


class CommandStatus(StrEnum):
    """Where a command is in the app's life cycle (arr contracts §4.1); an unheard-of word reads as `unknown`."""

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
    """A command as the app reports it. `target` is read back from its body; `None` when it is no search of ours."""

    command_id: int
    name: str
    status: CommandStatus
    target: SearchTarget | None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    message: str | None = None
    item_ids: frozenset[int] = frozenset()
    """Every item that its body names, also when they are many and it is no search of ours."""

    @property
    def grabs(self) -> int | None:
        """Releases that a finished search sent to the download client; `None` when the app does not say (§4.3)."""
        found = GRABS.search(self.message or "")
        return int(found.group(1)) if found else None


@dataclass(frozen=True, slots=True)
class QualityProfile:
    """A quality profile of the app; filters name it by `name`."""

    profile_id: int
    name: str
    upgrade_allowed: bool = False
    cutoff_score: int = 0
    """The custom-format score that a file should have; 0 where the app keeps none."""
    mark: str = ""
    """Another one after any change of what the profile takes or prefers."""

    @property
    def wants_score(self) -> bool:
        """Whether it upgrades files for their score."""
        return self.upgrade_allowed and self.cutoff_score > 0

    def is_below(self, file: FileFacts) -> bool:
        """Whether the score of `file` is too low and its quality is not: for that one the app has a list of its own."""
        return file.score is not None and file.score < self.cutoff_score and file.cutoff_met is True

    def upgrade_of(self, item: WantedItem) -> Upgradable | None:
        """`item`, which is of this profile, as one whose file should be better; `None` when it need not be."""
        file = item.file
        if file is None or file.score is None or not (self.wants_score and self.is_below(file)):
            return None
        return Upgradable(item, file.score, self.cutoff_score)

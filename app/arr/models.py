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


class HuntPass(StrEnum):
    """Which list of the app a hunt works on."""

    MISSING = "missing"
    CUTOFF = "cutoff"


class Mode(StrEnum):
    """What the searches of a pass cover; `auto` chooses per item."""

    AUTO = "auto"
    EPISODE = "episode"
    SEASON = "season"
    MOVIE = "movie"


class Unit(StrEnum):
    """What one search covers."""

    EPISODE = "episode"
    SEASON = "season"
    MOVIE = "movie"


class SortKey(StrEnum):
    """What a wanted list is sorted by; the client translates it to the app's own key."""

    LAST_SEARCH = "last_search"
    RELEASED = "released"


class Database(StrEnum):
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
    database: Database
    url_base: str


@dataclass(frozen=True, slots=True)
class ReleaseDates:
    """When an item came or comes out; `cinema`, `digital` and `physical` only for movies, `air` only for episodes."""

    air: datetime | None = None
    cinema: datetime | None = None
    digital: datetime | None = None
    physical: datetime | None = None


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


@dataclass(frozen=True, slots=True)
class SeasonFacts:
    """What decides between a season search and episode searches."""

    number: int
    monitored: bool
    aired: int
    """Episodes that aired and are monitored, or have a file."""
    with_file: int
    ended: bool


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """One search the app is asked for: an item by `item_id`, or a season by `owner_id` and `season`."""

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

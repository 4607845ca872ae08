"""What differs between the apps, as data: one `AppDefinition` per app."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from sqlite3 import Row
from typing import TYPE_CHECKING, Any, Literal

from tests.simulator.messages import JSON_MEDIA, Json, Reply, Request
from tests.simulator.qualities import Catalogue

if TYPE_CHECKING:
    from tests.simulator.application import SimApp
    from tests.simulator.commands import Command
    from tests.simulator.downloads import QueueRow

AppKind = Literal["sonarr", "sonarr5", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3old", "whisparr3"]
CommandWork = Callable[["SimApp", "Command", float], str | None]
Handler = Callable[["SimApp", Request], Reply]
Route = tuple[str, str, Handler]  # method, path below the API prefix, handler
FieldKind = Literal["int", "int?", "ints", "bool", "text", "texts"]


@dataclass(frozen=True, slots=True)
class CommandField:
    """A property of a command's body; `default` is what a missing one becomes."""

    name: str
    kind: FieldKind
    default: Any = None


@dataclass(frozen=True, slots=True)
class CommandKind:
    """A command class: its own fields in declared order (duplicates are compared in that order) and its flags."""

    name: str
    fields: tuple[CommandField, ...] = ()
    sends_updates: bool = False
    disk_access: bool = False
    exclusive: bool = False
    type_exclusive: bool = False
    long_running: bool = False
    high_priority: bool = False
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ItemNames:
    """The app's names of its items and their owners."""

    item: str  # "episode"
    items_field: str  # "episodeIds"
    parent: str | None  # "series"
    parent_field: str | None  # "seriesId"
    unknown_flag: str  # "includeUnknownSeriesItems"
    kind: str  # the class in "X with ID n does not exist"
    search: str  # the command that searches items by their ids
    parent_kind: str = ""

    @property
    def item_field(self) -> str:
        return self.items_field.removesuffix("s")

    @property
    def owners_field(self) -> str:
        """The list of ids that editors and filters take: series, artists, authors, or the movies themselves."""
        return f"{self.parent_field}s" if self.parent_field else self.items_field


@dataclass(frozen=True, slots=True)
class SortKeys:
    """The sort keys of a list, and what the app does with others."""

    known: Mapping[str, str]  # lower-case key -> SQL expression
    default: str
    unknown: Literal["default", "error", "constant", "free"] = "default"
    without_table: bool = False  # Readarr drops the part before the dot


def queue_keys(*own: str) -> SortKeys:
    """The allow-list that Sonarr, Radarr and new eros share, and an app's own; unknown ones mean timeleft."""
    shared = (
        *("added", "downloadClient", "estimatedCompletionTime", "indexer", "languages", "progress", "protocol"),
        *("quality", "size", "status", "timeleft", "title"),
    )
    return SortKeys({key.lower(): "" for key in (*shared, *own)}, "timeleft")


@dataclass(frozen=True, slots=True)
class QueueShape:
    """Format and filters of an app's queue."""

    keys: SortKeys
    row_suffix: str | None = None  # "ep": a row per item, its id made with that word; None: a row per download
    filters: frozenset[str] = frozenset(("owners", "protocol", "quality", "status"))
    single_quality: bool = False
    blocked_state: str = "importBlocked"
    change_category: bool = True
    blocklists_pending: bool = False  # without being asked, when a pending release is removed
    details_include_item: bool = False
    fields: Callable[["SimApp", "QueueRow"], Json] | None = None  # what only this app's rows have


@dataclass(frozen=True, slots=True)
class HistoryShape:
    """Events and filters of an app's history."""

    events: Mapping[int, str]
    keys: SortKeys
    imported: str  # one per file
    file_deleted: str
    item_imported: str | None = None  # one per item besides
    import_incomplete: str | None = None
    filters: frozenset[str] = frozenset(("owners", "quality"))
    single_event: bool = False
    part_field: str | None = None  # "trackId"


@dataclass(frozen=True)
class AppDefinition:
    """One app in one version."""

    kind: AppKind
    app_type: Literal["sonarr", "radarr", "lidarr", "readarr", "whisparr"]
    app_name: str
    version: str
    names: ItemNames
    movie_like: bool
    catalogue: Catalogue
    command_kinds: Mapping[str, CommandKind]  # by lower-case name
    command_work: Mapping[str, CommandWork]  # by name
    missing_keys: SortKeys
    cutoff_keys: SortKeys
    queue: QueueShape
    history: HistoryShape
    item_json: Callable[["SimApp", Sequence[Row], Request], list[Json]]
    include_owners: Callable[["SimApp", int | None, Request], Json]  # series, episode, movie if asked for
    routes: Sequence[Route]
    prefix: str = "api/v3"
    api_index: Mapping[str, Any] = field(default_factory=lambda: {"current": "v3", "deprecated": []})
    base_redirect: int = 307  # 302 in Readarr and both older Whisparrs
    head_ping: bool = True
    invalid_operation: int = 500  # 400 in the Sonarr v5 tree
    lost_resource: Literal["problem", "empty", "message"] = "problem"
    lost_media: str = JSON_MEDIA  # of a problem object that answers a GET of an unknown id
    binding_media: str = JSON_MEDIA  # of a problem object that names a wrong value
    blank_tags: bool = False  # Sonarr v4, Readarr and Whisparr v2 make a tag without a label
    unique_tags: bool = False  # Lidarr and Readarr refuse a label that exists
    tag_pattern: str | None = None
    login_status: int = 302  # without a session; 401 where a page is asked for on .NET 10
    keeps_user_agent: bool = False  # Readarr shows in a command who gave it
    grabbed_data: Mapping[str, str | None] = field(default_factory=dict)  # more of the history's `data` of a grab
    workers: int = 3
    seasons: bool = False
    seasons_are_years: bool = False  # Whisparr v2
    cutoff_first_season: int | None = None  # Sonarr leaves specials out of cutoff only
    row_per_edition: bool = False  # Readarr's wanted lists repeat a book with several monitored editions
    released_is_available: bool = False  # Whisparr v3 looks at nothing but the status
    body_has_type_exclusive: bool = False
    completion_message: str | None = None  # both older Whisparrs never say how many were grabbed
    strict_blocklist: bool = False  # Sonarr v5: blocklisting without a grab is a 400
    status_fields: Mapping[str, Any] = field(default_factory=dict)
    root_folder: str = "/tv"
    # For an app made from another one: the fields that its resources lack or add.
    lacks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    adds: Mapping[str, Callable[["SimApp", Any], Json]] = field(default_factory=dict)

    @property
    def item(self) -> str:
        """episode, movie, album or book."""
        return self.names.item

    @property
    def owner(self) -> str | None:
        """series, artist or author; None where items stand for themselves."""
        return self.names.parent

    @cached_property
    def route_table(self) -> dict[str, dict[str, Handler]]:
        """Path below the prefix, lower case -> method -> handler."""
        table: dict[str, dict[str, Handler]] = {}
        for method, path, handler in self.routes:
            table.setdefault(path.lower(), {})[method] = handler
        return table

    def event_number(self, word: str) -> int:
        return next(number for number, name in self.history.events.items() if name == word)

    def fitted(self, app: "SimApp", resource: str, shape: Json, source: Any = None) -> Json:
        """A shared resource as this app writes it, without nulls; `source` is its row."""
        lacks = self.lacks.get(resource, frozenset())
        extra = self.adds[resource](app, source) if resource in self.adds else {}
        return {name: value for name, value in (shape | extra).items() if value is not None and name not in lacks}


@dataclass(slots=True)
class SimSettings:
    """How one simulated app is set up and how it behaves."""

    api_key: str = "0123456789abcdef0123456789abcdef"
    url_base: str = ""
    version: str | None = None
    instance_name: str | None = None
    database: Literal["sqLite", "postgreSQL"] = "sqLite"
    authentication: Literal["none", "basic", "forms", "external"] = "external"
    seed: int = 1
    indexers: int = 3
    latency_ms: float = 0.0
    command_seconds: float = 0.05
    command_seconds_of: dict[str, float] = field(default_factory=dict)  # by command name, lower case
    workers: int | None = None
    grab_share: float = 0.3
    season_pack_share: float = 0.5
    import_share: float = 0.9
    download_fail_share: float = 0.0
    download_seconds: float = 600.0
    import_seconds: float = 30.0
    usenet_share: float = 0.5
    queue_refresh_seconds: float = 0.0  # 60 as in the apps; 0 = the queue is always up to date
    ui_language: Literal["en", "de"] = "en"  # of the messages of download clients
    auto_redownload_failed: bool = True
    availability_delay_days: int = 0
    tie_block: int = 4  # 1 = equal sort values never swap
    compress: bool = True
    log_limit: int = 200_000

    def normalised_base(self) -> str:
        base = self.url_base.strip("/")
        return f"/{base}" if base else ""

"""What differs between the apps, as data: one `Flavour` per app; the rest of the simulator asks it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from sqlite3 import Row
from typing import TYPE_CHECKING, Any, Literal

from tests.simulator.wire import Json, Reply, Request

if TYPE_CHECKING:
    from tests.simulator.application import SimApp
    from tests.simulator.commands import Command

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
    """A command class: its own fields in declared order (dedupe compares in that order, §4.2) and its flags."""

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
class ItemWords:
    """How an app calls the things that it searches for."""

    item: str  # "episode"
    items_field: str  # "episodeIds"
    parent: str | None  # "series"
    parent_field: str | None  # "seriesId"
    unknown_flag: str  # "includeUnknownSeriesItems"
    kind: str  # the class in "X with ID n does not exist"


@dataclass(frozen=True)
class Flavour:
    """One app in one version."""

    kind: str
    app_name: str
    version: str
    words: ItemWords
    movie_like: bool
    command_kinds: Mapping[str, CommandKind]  # by lower-case name
    wanted_sort_keys: Mapping[str, str]  # lower-case key -> SQL expression
    wanted_default_key: str
    queue_sort_keys: frozenset[str]
    history_sort_keys: Mapping[str, str]
    history_events: Mapping[int, str]
    command_work: Mapping[str, CommandWork]  # by name
    item_json: Callable[["SimApp", Sequence[Row], Request], list[Json]]
    include_owners: Callable[["SimApp", int | None, Request], Json]  # series, episode, movie if asked for
    routes: Sequence[Route]
    prefix: str = "api/v3"
    api_index: Mapping[str, Any] = field(default_factory=lambda: {"current": "v3", "deprecated": []})
    base_redirect: int = 307  # 302 in Readarr and both older Whisparrs (§1.4)
    invalid_operation: int = 500  # 400 in the Sonarr v5 tree (§1.7)
    lost_resource: Literal["problem", "empty", "message"] = "problem"
    workers: int = 3
    cutoff_first_season: int | None = None  # Sonarr leaves specials out of cutoff only (§3.3)
    rows_per_item: bool = True  # one queue row per episode; Radarr one per download (§5.2)
    body_has_type_exclusive: bool = False
    strict_blocklist: bool = False  # S5: blocklisting without a grab is a 400 (§5.4)
    status_fields: Mapping[str, Any] = field(default_factory=dict)
    root_folder: str = "/tv"

    @cached_property
    def route_table(self) -> dict[str, dict[str, Handler]]:
        """Path below the prefix, lower case -> method -> handler."""
        table: dict[str, dict[str, Handler]] = {}
        for method, path, handler in self.routes:
            table.setdefault(path.lower(), {})[method] = handler
        return table

    def event_number(self, name: str) -> int:
        return next(number for number, word in self.history_events.items() if word == name)


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
    auto_redownload_failed: bool = True
    availability_delay_days: int = 0
    tie_block: int = 4  # 1 = equal sort values never swap
    compress: bool = True
    log_limit: int = 200_000

    def normalised_base(self) -> str:
        base = self.url_base.strip("/")
        return f"/{base}" if base else ""

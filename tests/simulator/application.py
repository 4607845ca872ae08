"""One simulated app: its database, command queue, downloads and clock."""

import traceback
from sqlite3 import Row
from typing import Any, Literal

from tests.simulator.clients import DownloadClients
from tests.simulator.clock import SimClock
from tests.simulator.commands import Command, CommandQueue
from tests.simulator.control import RequestLog, control
from tests.simulator.database import Database
from tests.simulator.definition import AppDefinition, SimSettings
from tests.simulator.definitions import AppKind, definition_of
from tests.simulator.downloads import Download, Downloads
from tests.simulator.faults import Faults
from tests.simulator.history import History
from tests.simulator.indexers import Indexers
from tests.simulator.library import Library
from tests.simulator.messages import Json, Reply, Request
from tests.simulator.middleware import answer
from tests.simulator.push import PushHub
from tests.simulator.searching import Outcome, Searcher
from tests.simulator.spec import LibrarySpec, fill
from tests.simulator.store import Moment


class SimApp:
    """A stateful fake of one app. Everything public may be used from a test while the app is being served."""

    def __init__(
        self,
        kind: AppKind = "sonarr",
        settings: SimSettings | None = None,
        *,
        library: LibrarySpec | None = None,
        clock: SimClock | None = None,
    ) -> None:
        self.definition: AppDefinition = definition_of(kind)
        self.settings = settings or SimSettings()
        self.clock = clock or SimClock()
        self.url_base = self.settings.normalised_base()
        self.version = self.settings.version or self.definition.version
        self.db = Database(self.settings.database)
        self.library = Library(
            self.db,
            self.clock,
            catalogue=self.definition.catalogue,
            root=self.definition.root_folder,
            cutoff_first_season=self.definition.cutoff_first_season,
        )
        self.started_at = self.clock.timestamp()
        self.starting_until = 0.0
        self.indexers = Indexers(self.settings.indexers)
        self.clients = DownloadClients(self.clock)
        self.downloads = Downloads(self)
        self.history = History(self)
        self.searcher = Searcher(self)
        self.faults = Faults(self.settings.seed)
        self.log = RequestLog(self.settings.log_limit)
        self.health: list[Json] = []
        self.crashes: list[
            str
        ] = []  # tracebacks of mistakes in the simulator itself; a test may assert that it is empty
        workers = self.settings.workers or self.definition.workers
        self.commands = CommandQueue(self.definition, self._work, self._seconds_of, workers, self.started_at)
        self.push = PushHub(self)
        self.commands.on_change = self.push.command
        self._totals: dict[tuple[str, bool], tuple[int, float, int]] = {}
        self._paged = 0
        if library is not None:
            fill(self.library, library, self.definition, seed=self.settings.seed)

    # --- requests ---------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Reply:
        """Answer one request; the host adds faults, latency and the log."""
        with self.db.lock:
            self.settle()
            try:
                return answer(self, request)
            except Exception:
                self.crashes.append(traceback.format_exc())
                return Reply(500, b"the simulator itself failed, see SimApp.crashes", "text/plain")

    def control(self, request: Request) -> Reply:
        """Answer one of the `/__sim/` calls."""
        return control(self, request)

    def settle(self) -> None:
        """Carry out everything that is due, in order of time."""
        with self.db.lock:
            now = self.clock.timestamp()
            while (due := self._next_due()) is not None and due <= now:
                self.commands.finish_due(due)
                self.downloads.settle_due(due)
            self.commands.start_next(now)
            self.commands.clean_up(now)

    # --- what tests do ----------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Move the clock and carry out what becomes due."""
        self.clock.advance(seconds)
        self.settle()

    def restart(self, *, starting_seconds: float = 0.0) -> None:
        """Restart the app; it answers 503 for `starting_seconds`."""
        with self.db.lock:
            self.settle()
            now = self.clock.timestamp()
            self.started_at, self.starting_until = now, now + starting_seconds
            self.push.cut()
            self.commands.restart(now)
            self.downloads.restart(now)

    def post_command(self, name: str, **fields: Any) -> Command:
        """Queue a command, as `POST command` does."""
        with self.db.lock:
            self.settle()
            command = self.commands.post({"name": name, **fields}, self.clock.timestamp())
            self.commands.start_next(self.clock.timestamp())
            return command

    def add_owner(self, **fields: Any) -> int:
        """A series, artist or author, whichever this app has; `title`, `monitored`, `tags` … as in `Library`."""
        library = self.library
        builders = {"series": library.add_series, "artist": library.add_artist, "author": library.add_author}
        return builders[self.definition.owner or ""](**fields)

    def add_item(self, owner_id: int | None = None, *, released: Moment = None, **fields: Any) -> int:
        """An episode, movie, album or book, whichever this app has; without `owner_id`, of a new owner."""
        library = self.library
        if self.definition.owner is None:
            return library.add_movie(digital=released, **fields)
        owner = self.add_owner() if owner_id is None else owner_id
        match self.definition.item:
            case "album":
                return library.add_album(owner, release_date=released, **fields)
            case "book":
                return library.add_book(owner, release_date=released, **fields)
        season = fields.pop("season", 1)
        number = self.db.number("SELECT count(*) FROM items WHERE parent_id = ? AND season = ?", (owner, season)) + 1
        return library.add_episode(owner, season, number, air_date=released, **fields)

    def rss_grab(self, *item_ids: int, outcome: Outcome = "import") -> Download:
        """The app grabs a release of these items from an indexer's feed: there is no command and no search time."""
        with self.db.lock:
            self.settle()
            return self.searcher.grab_from_feed(item_ids, outcome, self.clock.timestamp())

    def next_serial(self) -> int:
        """Number of the paged request; it decides which equal sort values are swapped."""
        self._paged += 1
        return self._paged

    # --- shared by routes and searches ------------------------------------------------------------------------------

    def wanted_rule(self, kind: Literal["missing", "cutoff"], monitored: bool, now: float) -> tuple[str, list[Any]]:
        """JOIN and WHERE of the wanted lists; the + keeps SQLite on the index that sorts."""
        join = "LEFT JOIN parents p ON p.id = i.parent_id WHERE i.wanted = ? AND"
        if kind == "cutoff":
            return f"{join} i.cutoff_unmet = 1", [int(monitored)]
        return f"{join} i.parts_had < i.parts AND +i.due_at <= ?", [int(monitored), int(now)]

    def wanted_total(self, kind: Literal["missing", "cutoff"], monitored: bool, now: float) -> int:
        """Counted once, until the data change or the next item becomes due."""
        known = self._totals.get((kind, monitored))
        if known and known[0] == self.db.version and now < known[1]:
            return known[2]
        if kind == "cutoff":
            total = self.db.number(
                "SELECT count(*) FROM items WHERE wanted = ? AND cutoff_unmet = 1", (int(monitored),)
            )
        else:
            missing = "SELECT count(*) FROM items WHERE wanted = ? AND parts_had < parts AND due_at <= ?"
            total = self.db.number(missing, (int(monitored), int(now)))
        later = "SELECT min(due_at) FROM items WHERE wanted = ? AND parts_had < parts AND due_at > ?"
        upcoming = self.db.row(later, (int(monitored), int(now)))
        until = upcoming[0] if upcoming and upcoming[0] is not None else float("inf")
        self._totals[kind, monitored] = (self.db.version, until, total)
        return total

    def item_name(self, item: Row) -> str:
        """`The Quiet Ledger 3 S01E02`, `The Quiet Ledger 3 2015` or `An Artist An Album`."""
        if item["parent_id"] is None:
            return f"{item['title']} {item['year']}"
        owner = self.library.parent(item["parent_id"])["title"]
        if not self.definition.seasons:
            return f"{owner} {item['title']}"
        return f"{owner} S{item['season']:02}E{item['number'] or 0:02}"

    def search_again(self, download: Download, now: float) -> None:
        """The app's own search after a failed download; its trigger is `unspecified`."""
        names = self.definition.names
        kind = self.definition.command_kinds[names.search.lower()]
        self.commands.push(kind, {names.items_field: list(download.item_ids)}, now)
        self.commands.start_next(now)

    def state(self) -> Json:
        """A summary, for `/__sim/state`."""
        with self.db.lock:
            self.settle()
            now = self.clock.timestamp()
            return {
                "app": self.definition.app_name,
                "version": self.version,
                "urlBase": self.url_base,
                "now": self.clock().isoformat(),
                "missing": self.wanted_total("missing", True, now),
                "cutoff": self.wanted_total("cutoff", True, now),
                "items": self.db.number("SELECT count(*) FROM items"),
                "parents": self.db.number("SELECT count(*) FROM parents"),
                "files": self.db.number("SELECT count(*) FROM files"),
                "history": self.db.number("SELECT count(*) FROM history"),
                "downloads": len(self.downloads.all),
                "commands": len(self.commands.every),
                "searches": len(self.searcher.records),
                "requests": self.log.total,
                "bytesSent": self.log.bytes_sent,
                "faults": [fault.as_json() for fault in self.faults.active()],
            }

    def close(self) -> None:
        self.db.close()

    def _next_due(self) -> float | None:
        known = [due for due in (self.commands.next_due(), self.downloads.next_due()) if due is not None]
        return min(known, default=None)

    def _work(self, command: Command, now: float) -> str | None:
        work = self.definition.command_work.get(command.kind.name)
        return work(self, command, now) if work else None

    def _seconds_of(self, command: Command) -> float:
        if command.kind.name == "Test":
            return float(command.body["duration"]) / 1000
        if command.kind.name.endswith("Search") and self.indexers.searching == 0:
            return 0.01  # there is nobody to ask
        return self.settings.command_seconds_of.get(command.kind.name.lower(), self.settings.command_seconds)

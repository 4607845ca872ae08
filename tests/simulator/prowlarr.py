"""A simulated Prowlarr: indexers with limits, what was asked of them, and the apps that search through it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal

from tests.simulator.clock import SimClock
from tests.simulator.messages import Json, Reply, Request, json_reply, parse_date, present, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

HOUR = 3600
DAY = 24 * HOUR
FEED_SECONDS = 15 * 60
VERSION = "2.3.5.5327"
Kind = Literal["query", "rss", "grab"]


@dataclass(slots=True)
class Asked:
    """One row of Prowlarr's history."""

    at: float
    kind: Kind
    agent: str
    successful: bool = True


@dataclass(slots=True)
class LimitedIndexer:
    """An indexer of Prowlarr; its fields may be changed at any time."""

    id: int
    name: str
    query_limit: int | None = None
    grab_limit: int | None = None
    hourly: bool = False
    privacy: str = "private"
    protocol: str = "torrent"
    enable: bool = True
    supports_search: bool = True
    disabled_until: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    refused: int = 0
    """Requests above a limit; they are in no history."""
    most: int = 0
    """The most queries, RSS included, that its window ever held after a search."""

    @property
    def window(self) -> int:
        return HOUR if self.hourly else DAY

    def since(self, at: float, *kinds: Kind) -> list[Asked]:
        rows = self.asked[bisect_left(self.asked, at, key=lambda row: row.at) :]
        return [row for row in rows if row.kind in kinds]

    def as_json(self) -> Json:
        settings = {"queryLimit": self.query_limit, "grabLimit": self.grab_limit, "limitsUnit": int(self.hourly)}
        fields = [
            present({"name": f"baseSettings.{name}", "value": value, "type": "number", "privacy": "normal"})
            for name, value in settings.items()
        ]
        return {
            "indexerUrls": ["https://indexer.example/"],
            "definitionName": self.name.lower(),
            "enable": self.enable,
            "supportsRss": True,
            "supportsSearch": self.supports_search,
            "protocol": self.protocol,
            "privacy": self.privacy,
            "capabilities": {"limitsMax": 100, "limitsDefault": 100, "categories": []},
            "priority": 25,
            "sortName": self.name.lower(),
            "name": self.name,
            "fields": fields,
            "implementation": "Cardigann",
            "tags": [],
            "id": self.id,
        }


@dataclass(slots=True)
class _Feed:
    """What an app reads of an indexer by itself."""

    indexer: LimitedIndexer
    agent: str
    due_at: float


class SimProwlarr:
    """An ASGI app for `serve`; everything public may be used from a test while it is served."""

    sends_date = True

    def __init__(self, clock: SimClock | None = None, *, api_key: str = "0123456789abcdef0123456789abcdef") -> None:
        self.clock = clock or SimClock()
        self.api_key = api_key
        self.ahead_seconds = 0.0
        """How far Prowlarr's clock is ahead."""
        self.indexers: dict[int, LimitedIndexer] = {}
        self.applications: list[tuple[str, str]] = []
        """Name and address of each app that it sets up, as it calls them."""
        self.requests: list[str] = []
        """The path of every request, without its query."""
        self.failing: dict[str, int] = {}
        """Status to answer a path with, such as `{"indexerstats": 500}`."""
        self.stopping = False
        self._feeds: list[_Feed] = []

    # --- what tests do ----------------------------------------------------------------------------------------------

    def add(self, name: str, **settings: Any) -> LimitedIndexer:
        """Add an indexer with the fields of `LimitedIndexer`."""
        number = len(self.indexers) + 1
        self.indexers[number] = LimitedIndexer(number, name, **settings)
        return self.indexers[number]

    def now(self) -> float:
        return self.clock.timestamp() + self.ahead_seconds

    def set_up(self, app: "SimApp", *, url: str = "http://prowlarr:9696", feeds: bool = False) -> None:
        """Make every indexer one of the app's, as an application sync does; its searches then ask here.

        `feeds`: the app reads the feed of each every 15 minutes too, which costs a query.
        """
        for indexer in self.indexers.values():
            added = app.indexers.add(f"{indexer.name} (Prowlarr)", protocol=indexer.protocol)
            added.base_url = f"{url}/{indexer.id}/"
            added.ask = _asker(self, indexer, app.definition.app_name)
            if feeds:
                self._feeds.append(_Feed(indexer, app.definition.app_name, self.now() + FEED_SECONDS))

    def ask(self, indexer: LimitedIndexer, agent: str, *, times: int = 1, kind: Kind = "query") -> bool:
        """Ask an indexer through Prowlarr; false when it refuses (429 or 410)."""
        self._read_feeds()
        return all(self._ask(indexer, agent, kind, self.now()) for _ in range(times))

    def used(self, indexer: LimitedIndexer) -> int:
        """Queries in its window, as Prowlarr counts them."""
        self._read_feeds()
        return len(indexer.since(self.now() - indexer.window, "query", "rss"))

    def _ask(self, indexer: LimitedIndexer, agent: str, kind: Kind, at: float) -> bool:
        if not indexer.enable or indexer.disabled_until > at or self._is_at_limit(indexer, kind, at):
            indexer.refused += 1
            return False
        indexer.asked.append(Asked(at, kind, agent))
        if kind == "query":
            indexer.most = max(indexer.most, len(indexer.since(at - indexer.window, "query", "rss")))
        return True

    def _read_feeds(self) -> None:
        """Whatever the apps have asked since the last time somebody looked, in the order of time."""
        while self._feeds and (feed := min(self._feeds, key=lambda each: each.due_at)).due_at <= self.now():
            self._ask(feed.indexer, feed.agent, "rss", feed.due_at)
            feed.due_at += FEED_SECONDS

    def _is_at_limit(self, indexer: LimitedIndexer, kind: Kind, at: float) -> bool:
        limit = indexer.grab_limit if kind == "grab" else indexer.query_limit
        kinds: tuple[Kind, ...] = ("grab",) if kind == "grab" else ("query", "rss")
        return limit is not None and len(indexer.since(at - indexer.window, *kinds)) >= limit

    # --- requests ---------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], scope["query_string"].decode(), headers)
        reply = self.handle(request)
        date = format_datetime(self.clock() + timedelta(seconds=self.ahead_seconds))
        sent = [(b"date", date.encode()), *((name.encode(), value.encode()) for name, value in reply.headers)]
        if reply.media:
            sent.append((b"content-type", reply.media.encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": sent})
        await send({"type": "http.response.body", "body": reply.body})

    def handle(self, request: Request) -> Reply:
        if not request.path.startswith("/api"):
            return Reply(200, b"<!doctype html><html><head><title>Prowlarr</title></head></html>", "text/html")
        if (request.headers.get("x-api-key") or request.first("apikey")) != self.api_key:
            return Reply(401)
        self._read_feeds()
        name = request.path.removeprefix("/api/v1/")
        self.requests.append(name)
        if name in self.failing:
            return json_reply({"message": "Simulated"}, self.failing[name])
        routes = {
            "indexer": lambda: json_reply([each.as_json() for each in self.indexers.values()]),
            "indexerstatus": self._blocked,
            "indexerstats": lambda: self._statistics(request),
            "system/status": self._status,
            "applications": self._applications,
        }
        reply = routes.get(name, lambda: Reply(404))()
        reply.headers.append(("X-Application-Version", VERSION))
        return reply

    def stop(self) -> None:
        """End slow replies at once; there are none."""
        self.stopping = True

    def _status(self) -> Reply:
        return json_reply(
            {
                "appName": "Prowlarr",
                "instanceName": "Prowlarr",
                "version": VERSION,
                "databaseType": "sqLite",
                "urlBase": "",
                "startTime": stamp(self.now() - DAY),
            }
        )

    def _applications(self) -> Reply:
        rows = [
            {
                "syncLevel": "fullSync",
                "enable": True,
                "name": name,
                "fields": [
                    {"name": "prowlarrUrl", "value": "http://prowlarr:9696", "type": "textbox", "privacy": "normal"},
                    {"name": "baseUrl", "value": url, "type": "textbox", "privacy": "normal"},
                    {"name": "apiKey", "value": "********", "type": "textbox", "privacy": "apiKey"},
                ],
                "implementation": name,
                "tags": [],
                "id": number,
            }
            for number, (name, url) in enumerate(self.applications, 1)
        ]
        return json_reply(rows)

    def _blocked(self) -> Reply:
        """Only what is disabled at this moment."""
        now = self.now()
        rows = [
            {"indexerId": each.id, "disabledTill": stamp(each.disabled_until), "mostRecentFailure": stamp(now)}
            for each in self.indexers.values()
            if each.disabled_until > now
        ]
        return json_reply(rows)

    def _statistics(self, request: Request) -> Reply:
        """An indexer without a row in the period is not in it."""
        since = parse_date(request.first("startDate") or "1970-01-01")
        found = [(each, each.since(since, "query", "rss", "grab")) for each in self.indexers.values()]
        agents = Counter((row.agent, row.kind == "grab") for _, rows in found for row in rows)
        names = sorted({agent for agent, _ in agents})
        return json_reply(
            {
                "indexers": [_use(indexer, rows) for indexer, rows in found if rows],
                "userAgents": [
                    {"userAgent": name, "numberOfQueries": agents[name, False], "numberOfGrabs": agents[name, True]}
                    for name in names
                ],
                "hosts": [],
            }
        )


def _use(indexer: LimitedIndexer, rows: Sequence[Asked]) -> Json:
    kinds = Counter(row.kind for row in rows)
    failed = Counter(row.kind for row in rows if not row.successful)
    return {
        "indexerId": indexer.id,
        "indexerName": indexer.name,
        "averageResponseTime": 100,
        "averageGrabResponseTime": 0,
        "numberOfQueries": kinds["query"],
        "numberOfGrabs": kinds["grab"],
        "numberOfRssQueries": kinds["rss"],
        "numberOfAuthQueries": 0,
        "numberOfFailedQueries": failed["query"],
        "numberOfFailedGrabs": failed["grab"],
        "numberOfFailedRssQueries": failed["rss"],
        "numberOfFailedAuthQueries": 0,
    }


def _asker(prowlarr: SimProwlarr, indexer: LimitedIndexer, agent: str) -> Callable[[int], bool]:
    return lambda times: prowlarr.ask(indexer, agent, times=times)

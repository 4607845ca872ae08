"""Client of Prowlarr, which is read and never changed.

Facts of Prowlarr 2.3.5, read from its source and tried: an indexer's limits are settings of it and count queries and
RSS queries, or grabs, in a sliding window of a day or an hour; a refused query is counted nowhere; an indexer without
any query in the period is missing from the statistics; `indexerstatus` lists only what is disabled now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from app.arr.http import ArrHttp, Params
from app.arr.models import AppType, Connection
from app.arr.parsing import Flag, Id, Line, Moment, Resource, Text, read_all, read_list, read_one
from app.arr.registry import REGISTRY
from app.arr.resources import ProviderResource
from app.http.bodies import MAX_BODY_BYTES, MAX_SMALL_BYTES, Json

HOURLY = 1
"""The value of `limitsUnit` for an hour; 0, or none, is a day."""
Number = Annotated[int, BeforeValidator(lambda value: value if isinstance(value, int) and value >= 0 else 0)]
Average = Annotated[float, BeforeValidator(lambda value: value if isinstance(value, int | float) else 0.0)]


@dataclass(frozen=True, slots=True)
class ProwlarrIndexer:
    """An indexer as it is configured. A limit of `None` is none; `window_hours` is what limits count over."""

    indexer_id: int
    name: str
    protocol: str
    privacy: str
    enabled: bool
    searches: bool
    """Whether it can be searched; some only have a feed."""
    query_limit: int | None = None
    grab_limit: int | None = None
    window_hours: int = 24


@dataclass(frozen=True, slots=True)
class IndexerUse:
    """What was asked of an indexer in a period; `queries` holds the RSS queries too."""

    queries: int = 0
    rss_queries: int = 0
    grabs: int = 0
    failed: int = 0
    """Failed queries of all kinds; a refused connection is in no figure of Prowlarr."""
    average_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentUse:
    """What one program asked of all indexers, by its user agent: searches and RSS together."""

    user_agent: str
    queries: int
    grabs: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was asked in a period; an indexer that was not asked is not in it."""

    indexers: Mapping[int, IndexerUse] = field(default_factory=dict)
    agents: tuple[AgentUse, ...] = ()


class _IndexerResource(ProviderResource):
    enable: Flag = False
    protocol: Line = "unknown"
    privacy: Line = "unknown"
    supports_search: Flag = False

    def limit(self, name: str) -> int | None:
        value = self.field(f"baseSettings.{name}")
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

    def indexer(self) -> ProwlarrIndexer:
        return ProwlarrIndexer(
            self.id,
            self.name,
            self.protocol,
            self.privacy,
            enabled=self.enable,
            searches=self.supports_search,
            query_limit=self.limit("queryLimit"),
            grab_limit=self.limit("grabLimit"),
            window_hours=1 if self.limit("limitsUnit") == HOURLY else 24,
        )


class _BlockedResource(Resource):
    indexer_id: Id
    disabled_till: Moment = None


class _UseResource(Resource):
    indexer_id: Id
    average_response_time: Average = 0.0
    number_of_queries: Number = 0
    number_of_rss_queries: Number = 0
    number_of_grabs: Number = 0
    number_of_failed_queries: Number = 0
    number_of_failed_rss_queries: Number = 0
    number_of_failed_grabs: Number = 0
    number_of_failed_auth_queries: Number = 0

    def use(self) -> IndexerUse:
        return IndexerUse(
            queries=self.number_of_queries + self.number_of_rss_queries,
            rss_queries=self.number_of_rss_queries,
            grabs=self.number_of_grabs,
            failed=self.number_of_failed_queries
            + self.number_of_failed_rss_queries
            + self.number_of_failed_grabs
            + self.number_of_failed_auth_queries,
            average_ms=self.average_response_time,
        )


class _AgentResource(Resource):
    user_agent: Text = None
    number_of_queries: Number = 0
    number_of_grabs: Number = 0


class _StatisticsResource(Resource):
    indexers: list[object] = Field(default=[])
    user_agents: list[object] = Field(default=[])


class ProwlarrClient:
    """Reads one Prowlarr; every method is one GET, which is not tried again, and raises only `ArrError`."""

    def __init__(self, http: ArrHttp, connection: Connection) -> None:
        self._http = http
        self._connection = connection
        self._prefix = REGISTRY[AppType.PROWLARR].prefix
        self.requests = 0
        """How many were made, failed ones too."""

    async def indexers(self) -> list[ProwlarrIndexer]:
        """Every indexer; the reply holds each one's whole form and is large."""
        return [found.indexer() for found in read_list(_IndexerResource, await self._get("indexer"), "indexers")]

    async def disabled(self) -> tuple[dict[int, datetime], datetime | None]:
        """Until when each indexer that is disabled after failures stays so, and Prowlarr's time."""
        self.requests += 1
        path = f"{self._prefix}/indexerstatus"
        reply, at = await self._http.get_dated(self._connection, path, tries=1, limit=MAX_SMALL_BYTES)
        found = read_list(_BlockedResource, reply, "disabled indexers")
        return {each.indexer_id: each.disabled_till for each in found if each.disabled_till is not None}, at

    async def statistics(self, since: datetime) -> Statistics:
        """What was asked since a moment of Prowlarr's clock."""
        params: Params = {"startDate": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
        found = read_one(_StatisticsResource, await self._get("indexerstats", params), "statistics")
        uses, _ = read_all(_UseResource, found.indexers, "statistics of indexers")
        agents, _ = read_all(_AgentResource, found.user_agents, "statistics of programs")
        return Statistics(
            {each.indexer_id: each.use() for each in uses},
            tuple(
                AgentUse((each.user_agent or "Other")[:100], each.number_of_queries, each.number_of_grabs)
                for each in agents
            ),
        )

    async def applications(self) -> list[str]:
        """The addresses of the apps that Prowlarr sets up, as Prowlarr calls them."""
        found = read_list(ProviderResource, await self._get("applications"), "applications")
        return [each.base_url for each in found if each.base_url is not None]

    async def _get(self, path: str, params: Params | None = None, *, limit: int = MAX_BODY_BYTES) -> Json:
        self.requests += 1
        path = f"{self._prefix}/{path}"
        return await self._http.send(self._connection, "GET", path, params=params, tries=1, limit=limit)

"""What callers read of a Prowlarr: its indexers as last read, and its statistics of any period."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from app.arr.models import AppType
from app.arr.prowlarr import AgentUse, IndexerUse, ProwlarrClient, Statistics
from app.infra import Infra
from app.instances.service import InstanceService
from app.prowlarr.indexers import StoredIndexer
from app.prowlarr.known import KnownProwlarr, known_of
from app.prowlarr.models import ProwlarrState
from app.prowlarr.schemas import AgentOut, IndexerOut, IndexersOut, IndexerUseOut, LimitWindow, StatisticsOut, UseOut
from app.settings.service import SettingsService

KEPT_FOR = timedelta(seconds=30)


class ProwlarrService:
    """Reads what is stored, and asks Prowlarr itself for statistics."""

    def __init__(self, infra: Infra, settings: SettingsService, instances: InstanceService) -> None:
        self._infra = infra
        self._clock = infra.clock
        self._settings = settings
        self._instances = instances
        self._lock = asyncio.Lock()
        self._kept: dict[tuple[int, int], StatisticsOut] = {}
        """By instance and hours: whoever asks again within seconds costs Prowlarr nothing."""

    async def indexers(self, instance_id: int) -> IndexersOut:
        """`NotFound` when there is no such Prowlarr."""
        now = self._clock()
        known = await self._known(instance_id)
        if known.figures is None:
            return IndexersOut(measured_at=None, is_fresh=False, indexers=[], agents=[])
        return IndexersOut(
            measured_at=known.figures.measured_at,
            is_fresh=known.is_fresh(now),
            indexers=[_indexer(each, now) for each in known.figures.indexers],
            agents=_agents(known.figures.agents),
        )

    async def statistics(self, instance_id: int, hours: int) -> StatisticsOut:
        """Asked of Prowlarr now, or up to 30 seconds ago; `ArrError` when it does not answer."""
        known = await self._known(instance_id)
        async with self._lock:
            now = self._clock()
            window = timedelta(hours=hours)
            self._kept = {key: kept for key, kept in self._kept.items() if abs(now - window_end(kept, key)) < KEPT_FOR}
            kept = self._kept.get((instance_id, hours))
            if kept is None:
                found = await (await self._client(instance_id)).statistics(now - window)
                kept = self._kept[instance_id, hours] = _statistics(now - window, found, known)
        return kept

    async def _known(self, instance_id: int) -> KnownProwlarr:
        async with self._infra.db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.PROWLARR)
            return known_of(row, await session.get(ProwlarrState, instance_id))

    async def _client(self, instance_id: int) -> ProwlarrClient:
        general = await self._settings.general()
        async with self._infra.db.reading() as session:
            row = await self._instances.require(session, instance_id, AppType.PROWLARR)
        return ProwlarrClient(self._infra.http, self._instances.connection(row, general))


def window_end(kept: StatisticsOut, key: tuple[int, int]) -> datetime:
    """When it was read."""
    return kept.since + timedelta(hours=key[1])


def _use(use: IndexerUse) -> dict[str, Any]:
    asked = use.queries + use.grabs
    success = None if asked == 0 else round(100 * max(0, asked - use.failed) / asked, 1)
    return UseOut(
        queries=use.queries,
        rss_queries=use.rss_queries,
        grabs=use.grabs,
        failed=use.failed,
        success_percent=success,
        average_ms=use.average_ms,
    ).model_dump()


def _indexer(stored: StoredIndexer, now: datetime) -> IndexerOut:
    indexer, use = stored.indexer, stored.use
    is_disabled = stored.disabled_until is not None and stored.disabled_until > now
    return IndexerOut(
        **_use(use),
        indexer_id=indexer.indexer_id,
        name=indexer.name,
        protocol=indexer.protocol,
        privacy=indexer.privacy,
        enabled=indexer.enabled,
        searches=indexer.searches,
        query_limit=indexer.query_limit,
        grab_limit=indexer.grab_limit,
        window=LimitWindow.HOUR if indexer.window_hours == 1 else LimitWindow.DAY,
        queries_left=_left(indexer.query_limit, use.queries),
        grabs_left=_left(indexer.grab_limit, use.grabs),
        disabled_until=stored.disabled_until if is_disabled else None,
    )


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(0, limit - used)


def _agents(agents: Iterable[AgentUse]) -> list[AgentOut]:
    ordered = sorted(agents, key=lambda each: (-each.queries, each.user_agent))
    return [AgentOut(user_agent=each.user_agent, queries=each.queries, grabs=each.grabs) for each in ordered]


def _statistics(since: datetime, found: Statistics, known: KnownProwlarr) -> StatisticsOut:
    indexers = known.figures.indexers if known.figures is not None else ()
    names = {each.indexer.indexer_id: each.indexer.name for each in indexers}
    return StatisticsOut(
        since=since,
        indexers=[
            IndexerUseOut(**_use(use), indexer_id=indexer_id, name=names.get(indexer_id))
            for indexer_id, use in sorted(found.indexers.items())
        ],
        agents=_agents(found.agents),
    )

"""Asks the enabled indexers, keeps what they can do, and lets those rest that fail."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import col, select

from app.core.clock import Clock
from app.core.db import Database
from app.http.errors import HttpError
from app.indexers.client import IndexerClient
from app.indexers.models import (
    Capabilities,
    FetchedRelease,
    FoundRelease,
    FoundReleases,
    IndexerConnection,
    MovieQuery,
)
from app.indexers.resting import rest_after
from app.movie_hunt.connections import indexer_connection
from app.movie_hunt.models import MovieIndexer, MovieIndexerState
from app.secrets.box import DecryptFailed, SecretBox

log = structlog.get_logger(__name__)

CAPABILITIES_AGE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class IndexerResult:
    """What one indexer gave, or the sentence that says why it gave nothing."""

    indexer: MovieIndexer
    releases: Sequence[FoundRelease] = field(default_factory=list)
    error: str | None = None


Ask = Callable[[IndexerConnection, Capabilities], Awaitable[FoundReleases]]


class IndexerCalls:
    """Indexers are asked in parallel; the client spaces the calls to one host."""

    def __init__(self, db: Database, client: IndexerClient, box: SecretBox, clock: Clock) -> None:
        self._db = db
        self._client = client
        self._box = box
        self._clock = clock

    async def search(self, query: MovieQuery) -> list[IndexerResult]:
        """What every enabled indexer offers for the movie. One that rests is not asked, and says so."""
        rows = await self._enabled()

        async def ask(connection: IndexerConnection, able: Capabilities) -> FoundReleases:
            return await self._client.search(connection, able, query)

        return list(await asyncio.gather(*(self._ask(row, state, ask) for row, state in rows)))

    async def recent(self, interval: timedelta) -> list[IndexerResult]:
        """The newest releases of every indexer whose feed was not read within `interval`."""
        now = self._clock()
        due = [
            (row, state)
            for row, state in await self._enabled()
            if row.rss and (state.feed_at is None or state.feed_at + interval <= now or state.feed_at > now)
        ]
        return list(await asyncio.gather(*(self._ask(row, state, self._client.recent) for row, state in due)))

    async def fetch(self, indexer_id: int, link: str) -> FetchedRelease:
        """What stands behind a release's link; `HttpError`, which lets the indexer rest when it is its fault."""
        async with self._db.reading() as session:
            row = await session.get_one(MovieIndexer, indexer_id)
            state = await session.get_one(MovieIndexerState, indexer_id)
        try:
            return await self._client.fetch(indexer_connection(row, self._box), link)
        except HttpError as failure:
            if failure.retry_after is not None:
                await self._failed(row, state, failure)
            raise

    async def _enabled(self) -> Sequence[tuple[MovieIndexer, MovieIndexerState]]:
        query: Any = select(MovieIndexer, MovieIndexerState).join(MovieIndexerState).where(col(MovieIndexer.enabled))
        async with self._db.reading() as session:
            rows = (await session.exec(query.order_by(MovieIndexer.priority, MovieIndexer.id))).all()
        return [(row, state) for row, state in rows]

    async def _ask(self, row: MovieIndexer, state: MovieIndexerState, ask: Ask) -> IndexerResult:
        now = self._clock()
        if state.rest_until is not None and state.rest_until > now:
            return IndexerResult(row, error=f"It rests until {state.rest_until:%Y-%m-%d %H:%M} UTC: {state.error}")
        try:
            connection = indexer_connection(row, self._box)
            able = await self._capabilities(connection, state)
            found = await ask(connection, able)
        except HttpError as failure:
            await self._failed(row, state, failure)
            return IndexerResult(row, error=failure.message)
        except DecryptFailed as failure:
            return IndexerResult(row, error=failure.message)
        await self._succeeded(row, able, found, is_feed=ask == self._client.recent)
        return IndexerResult(row, found.releases)

    async def _capabilities(self, connection: IndexerConnection, state: MovieIndexerState) -> Capabilities:
        fresh = state.capabilities_at is not None and state.capabilities_at > self._clock() - CAPABILITIES_AGE
        if fresh and state.capabilities is not None:
            return capabilities_of(state.capabilities)
        return await self._client.capabilities(connection)

    async def _succeeded(self, row: MovieIndexer, able: Capabilities, found: FoundReleases, *, is_feed: bool) -> None:
        now, limit = self._clock(), found.limits.requests_left
        async with self._db.session() as session:
            state = await session.get(MovieIndexerState, row.id, with_for_update=True)
            if state is None:
                return
            document = capabilities_document(able)
            if state.capabilities != document or state.capabilities_at is None:
                state.capabilities, state.capabilities_at = document, now
            elif state.capabilities_at <= now - CAPABILITIES_AGE:
                state.capabilities_at = now
            state.failures, state.rest_until, state.error, state.error_code, state.checked_at = 0, None, None, None, now
            if is_feed:
                state.feed_at = now
            if limit is not None and limit <= 0:
                state.rest_until = now + timedelta(hours=1)
                state.error = "It says that all its requests of the day are used."
                state.error_code = "rate_limited"

    async def _failed(self, row: MovieIndexer, seen: MovieIndexerState, failure: HttpError) -> None:
        now = self._clock()
        log.warning("indexer failed", app_type="movie_hunt", indexer=row.name, error=failure.message)
        async with self._db.session() as session:
            state = await session.get(MovieIndexerState, row.id, with_for_update=True)
            if state is None:
                return
            state.failures = seen.failures + 1
            state.rest_until = now + rest_after(failure, state.failures)
            state.error_code, state.error, state.checked_at = failure.code.value, failure.message, now


def capabilities_document(able: Capabilities) -> dict[str, Any]:
    return {
        **asdict(able),
        "movie_search_params": sorted(able.movie_search_params),
        "categories": {str(number): name for number, name in sorted(able.categories.items())},
    }


def capabilities_of(document: dict[str, Any]) -> Capabilities:
    return Capabilities(
        movie_search_params=frozenset(document["movie_search_params"]),
        has_text_search=document["has_text_search"],
        is_raw_search=document["is_raw_search"],
        page_size=document["page_size"],
        categories={int(number): name for number, name in document["categories"].items()},
    )

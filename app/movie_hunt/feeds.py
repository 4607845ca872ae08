"""Reads the newest releases of the indexers, and grabs what the library lacks: so that searches stay rare."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import col, delete, select

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict
from app.indexers.models import FoundRelease
from app.movie_hunt.decisions.facts import JudgedOffer, Offer
from app.movie_hunt.indexer_calls import IndexerResult
from app.movie_hunt.models import Movie, MovieIndexer, MovieIndexerState, StoredRelease
from app.movie_hunt.release_facts import offer_of, release_row
from app.movie_hunt.searcher import SearchServices
from app.releases.matching import clean_title, clean_titles
from app.releases.reader import read_release_name

log = structlog.get_logger(__name__)

MAX_REMEMBERED = 300
"""Of each indexer, the releases of its last feed."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A new release in a feed, with its name read."""

    indexer: MovieIndexer
    release: FoundRelease
    offer: Offer


class FeedReader:
    """One request an indexer, whatever the size of the library."""

    def __init__(self, db: Database, services: SearchServices, clock: Clock) -> None:
        self._db = db
        self._services = services
        self._clock = clock

    async def next_due_at(self) -> datetime | None:
        """When the next feed is to be read; `None` while no indexer has one or no movie is monitored."""
        minutes = (await self._services.settings.read()).feed_interval_minutes
        async with self._db.glance() as session:
            query = select(MovieIndexerState.feed_at).join(MovieIndexer)
            query = query.where(col(MovieIndexer.enabled), col(MovieIndexer.rss))
            times = (await session.exec(query)).all()
        if not times or not await self._has_movies():
            return None
        now = self._clock()
        return min((now if at is None or at > now else at + timedelta(minutes=minutes)) for at in times)

    async def read(self) -> int:
        """Read the feeds that are due; how many releases were grabbed."""
        if not await self._has_movies():
            return 0
        minutes = (await self._services.settings.read()).feed_interval_minutes
        results = await self._services.calls.recent(timedelta(minutes=minutes))
        new = [release for result in results for release in await self._unknown(result)]
        if not new:
            return 0
        items = await asyncio.to_thread(_read_names, new)
        grabbed = 0
        for movie_id, offered in (await self._of_library(items)).items():
            grabbed += await self._grab(movie_id, offered)
        return grabbed

    async def _has_movies(self) -> bool:
        async with self._db.glance() as session:
            query = select(Movie.id).where(col(Movie.monitored), col(Movie.available_at) <= self._clock())
            return (await session.exec(query.limit(1))).first() is not None

    async def _unknown(self, result: IndexerResult) -> list[tuple[MovieIndexer, FoundRelease]]:
        """The releases that the last feed of this indexer did not have; the feed is remembered."""
        if result.error is not None:
            return []
        hashes = {_short_hash(each.guid): each for each in result.releases}
        async with self._db.session() as session:
            state = await session.get(MovieIndexerState, result.indexer.id, with_for_update=True)
            if state is None:
                return []
            known = set(state.feed_guids)
            if set(hashes) - known:
                state.feed_guids = list(hashes)[:MAX_REMEMBERED]
        return [(result.indexer, release) for guid, release in hashes.items() if guid not in known]

    async def _of_library(self, items: Sequence[FeedItem]) -> Mapping[int, list[FeedItem]]:
        """The movies that the releases may be of, by title or by number."""
        wanted: dict[int, list[FeedItem]] = defaultdict(list)
        by_title: dict[str, list[FeedItem]] = defaultdict(list)
        by_tmdb: dict[int, list[FeedItem]] = defaultdict(list)
        for item in items:
            for title in item.offer.name.titles:
                by_title[clean_title(title)].append(item)
            if item.offer.tmdb_id is not None:
                by_tmdb[item.offer.tmdb_id].append(item)
        query = select(Movie.id, Movie.tmdb_id, Movie.title, Movie.original_title).where(
            col(Movie.monitored), col(Movie.available_at) <= self._clock()
        )
        columns = query.add_columns(col(Movie.alternative_titles))
        async with self._db.reading(is_heavy=True) as session:
            async for movie_id, tmdb_id, title, original, others in await session.stream(columns):
                titles = clean_titles((title, original, *others))
                found = [item for each in titles for item in by_title.get(each, ())]
                found += by_tmdb.get(tmdb_id or 0, [])
                if found:
                    wanted[movie_id] = list({id(item): item for item in found}.values())
        return wanted

    async def _grab(self, movie_id: int, items: Sequence[FeedItem]) -> bool:
        """Grab the best of them that may be grabbed."""
        case = await self._services.verdicts.case_of(movie_id)
        if case is None:
            return False
        by_guid = {(item.offer.indexer_id, item.offer.guid): item for item in items}
        best = next((each for each in case.judge([item.offer for item in items]) if each.is_approved), None)
        if best is None:
            return False
        item = by_guid[best.offer.indexer_id, best.offer.guid]
        release_id = await self._store(movie_id, item, best)
        try:
            await self._services.grabber.grab_release(movie_id, release_id)
        except Conflict as failure:
            log.warning("release of a feed not grabbed", app_type="movie_hunt", reason=failure.message)
            return False
        return True

    async def _store(self, movie_id: int, item: FeedItem, judged: JudgedOffer) -> int:
        link, indexer = self._services.box.encrypt(item.release.link), item.indexer.name
        row = release_row(movie_id, item.release, judged, rank=1, indexer=indexer, link=link, now=self._clock())
        async with self._db.session() as session:
            same = (col(StoredRelease.movie_id) == movie_id, col(StoredRelease.indexer_id) == row.indexer_id)
            await session.exec(delete(StoredRelease).where(*same, col(StoredRelease.guid) == row.guid))
            session.add(row)
            await session.flush()
        return row.id or 0


def _read_names(new: Sequence[tuple[MovieIndexer, FoundRelease]]) -> list[FeedItem]:
    return [
        FeedItem(indexer, release, offer_of(release, read_release_name(release.title), indexer))
        for indexer, release in new
    ]


def _short_hash(guid: str) -> str:
    return hashlib.sha256(guid.encode()).hexdigest()[:16]

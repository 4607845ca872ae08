"""Runs a search: indexers are asked, names are read, every release gets its verdict, and the best is grabbed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.indexers.models import FoundRelease, MovieQuery
from app.movie_hunt.availability import search_interval
from app.movie_hunt.decisions.facts import JudgedOffer, Rejection
from app.movie_hunt.decisions.judging import summary
from app.movie_hunt.grabbing import MovieGrabber
from app.movie_hunt.history import record_history
from app.movie_hunt.indexer_calls import IndexerCalls, IndexerResult
from app.movie_hunt.models import Movie, MovieEvent, MovieIndexer, MovieSearch, SearchStatus, StoredRelease
from app.movie_hunt.release_facts import offer_of, release_row
from app.movie_hunt.settings import MovieHuntSettingsService
from app.movie_hunt.verdicts import MovieCase, VerdictMaker
from app.releases.reader import read_release_name
from app.secrets.box import SecretBox

log = structlog.get_logger(__name__)

MAX_STORED_RELEASES = 1000
"""Of one search, the best ones."""
LOG = log.bind(app_type="movie_hunt")


@dataclass(frozen=True, slots=True)
class SearchServices:
    """What it takes to find releases and to grab the best."""

    calls: IndexerCalls
    verdicts: VerdictMaker
    grabber: MovieGrabber
    settings: MovieHuntSettingsService
    box: SecretBox


class MovieSearcher:
    """Its steps are short transactions; none is open while an indexer is waited for."""

    def __init__(self, db: Database, services: SearchServices, clock: Clock) -> None:
        self._db = db
        self._services = services
        self._clock = clock

    async def run(self, search_id: int) -> None:
        """Run the search to its end; it is left alone when it ended or runs elsewhere."""
        search = await self._begin(search_id)
        if search is None:
            return
        case = await self._services.verdicts.case_of(search.movie_id)
        if case is None:
            await self._end(search_id, SearchStatus.FAILED, "The movie is no longer in the library.")
            return
        results = await self._services.calls.search(_query(case.movie))
        judged, found = await self._judged(case, results)
        approved = await self._store(search, case, judged, found, results)
        message = _message(results, judged, approved)
        if search.grabs and approved:
            grabbed = await self._services.grabber.grab_best(case.movie.id or 0)
            message = f"{message} {grabbed}"
        LOG.info("movie searched", movie=case.movie.title, found=len(judged), approved=approved)
        failed = not any(each.error is None for each in results)
        await self._end(search_id, SearchStatus.FAILED if failed else SearchStatus.COMPLETED, message)

    async def _begin(self, search_id: int) -> MovieSearch | None:
        async with self._db.session() as session:
            row = await session.get(MovieSearch, search_id, with_for_update=True)
            if row is None or row.status != SearchStatus.QUEUED:
                return None
            row.status, row.started_at, row.attempts = SearchStatus.RUNNING, self._clock(), row.attempts + 1
            return row

    async def _end(self, search_id: int, status: SearchStatus, message: str) -> None:
        async with self._db.session() as session:
            row = await session.get(MovieSearch, search_id, with_for_update=True)
            if row is not None:
                row.status, row.message, row.ended_at = status, message, self._clock()

    async def _judged(
        self, case: MovieCase, results: Sequence[IndexerResult]
    ) -> tuple[list[JudgedOffer], dict[tuple[int, str], FoundRelease]]:
        """Every release with its verdict, best first. Names are read in a thread: a thousand take a while."""
        found = {
            (result.indexer.id or 0, release.guid): (result.indexer, release)
            for result in results
            for release in result.releases
        }
        judged = await asyncio.to_thread(_judge, case, list(found.values()))
        return judged, {key: release for key, (_, release) in found.items()}

    async def _store(
        self,
        search: MovieSearch,
        case: MovieCase,
        judged: Sequence[JudgedOffer],
        found: Mapping[tuple[int, str], FoundRelease],
        results: Sequence[IndexerResult],
    ) -> int:
        """Store releases, history and the time of the next search; how many releases may be grabbed."""
        now, movie_id = self._clock(), case.movie.id or 0
        approved = sum(each.is_approved for each in judged)
        names = {result.indexer.id or 0: result.indexer.name for result in results}
        hours = (await self._services.settings.read()).search_interval_hours
        async with self._db.session() as session:
            movie = await session.get(Movie, movie_id, with_for_update=True)
            if movie is None:
                return 0
            await session.exec(delete(StoredRelease).where(col(StoredRelease.movie_id) == movie_id))
            there = set((await session.exec(select(MovieIndexer.id).where(col(MovieIndexer.id).in_(names)))).all())
            for rank, each in enumerate(judged[:MAX_STORED_RELEASES], start=1):
                if each.offer.indexer_id in there:
                    release = found[each.offer.indexer_id, each.offer.guid]
                    link, indexer = self._services.box.encrypt(release.link), names[each.offer.indexer_id]
                    session.add(release_row(movie_id, release, each, rank=rank, indexer=indexer, link=link, now=now))
            await _close(session, search.id or 0, len(judged), approved)
            if any(each.error is None for each in results):
                movie.last_search_at = now
                movie.failed_searches = 0 if approved else movie.failed_searches + 1
            if movie.next_search_at is not None:
                movie.next_search_at = now + search_interval(hours, movie.failed_searches)
            reasons = [{"reason": reason.value, "releases": number} for reason, number in _most_first(summary(judged))]
            reason = _message(results, judged, approved)
            record_history(session, movie, MovieEvent.SEARCHED, now, reason=reason, rejections=reasons)
        return approved


def _judge(case: MovieCase, found: Sequence[tuple[MovieIndexer, FoundRelease]]) -> list[JudgedOffer]:
    offers = [offer_of(release, read_release_name(release.title), indexer) for indexer, release in found]
    return case.judge(offers)


def _query(movie: Movie) -> MovieQuery:
    return MovieQuery(movie.title, movie.year, movie.original_title, movie.tmdb_id, movie.imdb_id)


async def _close(session: AsyncSession, search_id: int, found: int, approved: int) -> None:
    row = await session.get(MovieSearch, search_id, with_for_update=True)
    if row is not None:
        row.found, row.approved = found, approved


def _most_first(counted: Mapping[Rejection, int]) -> list[tuple[Rejection, int]]:
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


def _message(results: Sequence[IndexerResult], judged: Sequence[JudgedOffer], approved: int) -> str:
    if not results:
        return "No indexer was asked: none is enabled."
    failures = [f"{each.indexer.name}: {each.error}" for each in results if each.error is not None]
    text = f"{len(judged)} releases of {len(results)} indexers, {approved} of them may be grabbed."
    return " ".join([text, *failures])

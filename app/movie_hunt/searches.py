"""Requests for searches: the row is written first, the job is enqueued after the commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.errors import NotFound
from app.core.queue import SEARCH_MOVIE, Queue, try_enqueue
from app.movie_hunt.library import NO_MOVIE, no_movies
from app.movie_hunt.models import Movie, MovieSearch, SearchStatus
from app.movie_hunt.schemas import MAX_SEARCHED_AT_ONCE, MovieSearchIn, MovieSearchOut, QueuedSearchesOut
from app.movie_hunt.settings import MovieHuntSettingsService
from app.movie_hunt.status import OPEN_SEARCHES, MovieStatus, has_status

HOUR = timedelta(hours=1)
MAX_RUNNING = timedelta(minutes=15)
"""A search that runs for longer belongs to a worker that died."""
MAX_ATTEMPTS = 3
BATCH_MOVIES = 1000
KEPT = timedelta(days=30)


class MovieSearches:
    """What callers and the clock ask for. At most one search of a movie is open."""

    def __init__(self, db: Database, queue: Queue, settings: MovieHuntSettingsService, clock: Clock) -> None:
        self._db = db
        self._queue = queue
        self._settings = settings
        self._clock = clock

    async def request(self, given: MovieSearchIn) -> QueuedSearchesOut:
        """`NotFound` when one of the movies is not there; `Unavailable` without Redis."""
        await self._queue.require()
        if given.all_missing:
            queued, rows = await self._open_all_missing()
            await self.start_waiting()
        else:
            queued, rows = await self._open(given.movie_ids or (), grabs=True)
            await self.enqueue(rows)
        return QueuedSearchesOut(
            queued=queued, searches=[MovieSearchOut.model_validate(row) for row in rows[:MAX_SEARCHED_AT_ONCE]]
        )

    async def request_missing(self) -> int:
        """Queue a search of every missing movie; how many are new."""
        return (await self.request(MovieSearchIn(all_missing=True))).queued

    async def list_releases(self, movie_id: int) -> MovieSearchOut:
        """A search that grabs nothing; where one is open already, that one."""
        await self._queue.require()
        _, rows = await self._open([movie_id], grabs=False)
        await self.enqueue(rows)
        return MovieSearchOut.model_validate(rows[0])

    async def start_due(self) -> None:
        """Open a search of every movie that is due by the clock, and start what waits, as the hour allows."""
        room = await self._room()
        if room:
            now = self._clock()
            async with self._db.session() as session:
                query = select(Movie.id).where(col(Movie.next_search_at) <= now, col(Movie.monitored))
                query = query.where(has_status(MovieStatus.MISSING, now)).order_by(col(Movie.next_search_at))
                due = (await session.exec(query.limit(room))).all()
                await _insert(session, [each or 0 for each in due], now, grabs=True, is_automatic=True)
        await self.start_waiting()

    async def next_due_at(self) -> datetime | None:
        """When the next movie is due; now while searches wait for their turn."""
        async with self._db.glance() as session:
            waiting = select(func.count()).select_from(MovieSearch).where(col(MovieSearch.status).in_(OPEN_SEARCHES))
            if (await session.exec(waiting)).one():
                return self._clock()
        async with self._db.glance() as session:
            query = select(func.min(Movie.next_search_at)).where(col(Movie.monitored))
            return (await session.exec(query)).one()

    async def start_waiting(self) -> None:
        """Enqueue searches that wait for their turn, and once more those whose job was lost."""
        now = self._clock()
        room = await self._room()
        async with self._db.session() as session:
            lost = select(MovieSearch).where(
                MovieSearch.status == SearchStatus.RUNNING, col(MovieSearch.started_at) < now - MAX_RUNNING
            )
            for row in (await session.exec(lost)).all():
                row.status = SearchStatus.QUEUED if row.attempts < MAX_ATTEMPTS else SearchStatus.FAILED
                row.ended_at = None if row.status == SearchStatus.QUEUED else now
                row.message = "" if row.status == SearchStatus.QUEUED else "The worker died three times over it."
            queued = select(MovieSearch).where(MovieSearch.status == SearchStatus.QUEUED).order_by(col(MovieSearch.id))
            asked = (await session.exec(queued.where(col(MovieSearch.is_automatic).is_(False)))).all()
            automatic = (await session.exec(queued.where(col(MovieSearch.is_automatic)).limit(room))).all()
        await self.enqueue([*asked, *automatic])

    async def enqueue(self, rows: Sequence[MovieSearch]) -> None:
        now = self._clock()
        for row in rows:
            if row.status == SearchStatus.QUEUED and not await try_enqueue(
                self._queue, SEARCH_MOVIE, row.id or 0, key=f"{SEARCH_MOVIE}:{row.id}", age=now - row.requested_at
            ):
                return

    async def purge(self) -> None:
        """Delete searches that ended long ago; the history keeps what they told."""
        async with self._db.session() as session:
            old = select(MovieSearch).where(col(MovieSearch.ended_at) < self._clock() - KEPT).limit(5000)
            for row in (await session.exec(old)).all():
                await session.delete(row)

    async def _room(self) -> int:
        """How many searches by the clock may still start in this hour."""
        since = self._clock() - HOUR
        query = select(func.count()).select_from(MovieSearch)
        query = query.where(col(MovieSearch.started_at) > since, col(MovieSearch.is_automatic))
        async with self._db.glance() as session:
            started = (await session.exec(query)).one()
        return max(0, (await self._settings.read()).searches_per_hour - started)

    async def _open(self, movie_ids: Sequence[int], *, grabs: bool) -> tuple[int, list[MovieSearch]]:
        """The open search of each movie, new where there was none; how many are new."""
        ids = list(dict.fromkeys(movie_ids))
        async with self._db.session() as session:
            there = set((await session.exec(select(Movie.id).where(col(Movie.id).in_(ids)))).all())
            missing = [each for each in ids if each not in there]
            if missing:
                raise NotFound(NO_MOVIE if len(ids) == 1 else no_movies(missing))
            return await _opened(session, ids, self._clock(), grabs=grabs, is_automatic=False)

    async def _open_all_missing(self) -> tuple[int, list[MovieSearch]]:
        now = self._clock()
        async with self._db.session() as session:
            query = select(Movie.id).where(has_status(MovieStatus.MISSING, now), col(Movie.monitored))
            ids = [each or 0 for each in (await session.exec(query.order_by(col(Movie.id)))).all()]
            return await _opened(session, ids, now, grabs=True, is_automatic=True)


async def open_search(session: AsyncSession, movie_id: int, now: datetime) -> None:
    """Ask for a search in the caller's transaction; `start_due` enqueues it within a minute."""
    await _insert(session, [movie_id], now, grabs=True, is_automatic=False)


async def _opened(
    session: AsyncSession, movie_ids: Sequence[int], now: datetime, *, grabs: bool, is_automatic: bool
) -> tuple[int, list[MovieSearch]]:
    """Insert in batches: a statement holds a limited number of ids."""
    rows: list[MovieSearch] = []
    queued = 0
    for start in range(0, len(movie_ids), BATCH_MOVIES):
        batch = movie_ids[start : start + BATCH_MOVIES]
        query = select(MovieSearch).where(
            col(MovieSearch.movie_id).in_(batch), col(MovieSearch.status).in_(OPEN_SEARCHES)
        )
        before = len((await session.exec(query)).all())
        await _insert(session, batch, now, grabs=grabs, is_automatic=is_automatic)
        opened = (await session.exec(query.order_by(col(MovieSearch.id)))).all()
        queued += len(opened) - before
        rows += opened
    return queued, rows


async def _insert(
    session: AsyncSession, movie_ids: Sequence[int], now: datetime, *, grabs: bool, is_automatic: bool
) -> None:
    common = {
        "status": SearchStatus.QUEUED,
        "grabs": grabs,
        "is_automatic": is_automatic,
        "requested_at": now,
        "attempts": 0,
        "found": 0,
        "approved": 0,
        "message": "",
    }
    await upsert(session, MovieSearch, [{"movie_id": each, **common} for each in movie_ids], key=())

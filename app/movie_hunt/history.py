"""The history of movies: one row for each thing that happened."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.core.pagination import page_of
from app.core.retention import delete_in_batches
from app.core.schemas import Page
from app.movie_hunt.models import Grab, Movie, MovieEvent, MovieHistory
from app.movie_hunt.schemas import MovieHistoryOut

MAX_REASON_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class MovieHistoryFilter:
    movie_id: int | None = None
    tmdb_id: int | None = None
    event: MovieEvent | None = None


class MovieHistoryService:
    """What callers read of the history."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def page(self, wanted: MovieHistoryFilter, *, page: int, page_size: int) -> Page[MovieHistoryOut]:
        query = select(MovieHistory).order_by(col(MovieHistory.id).desc())
        if wanted.movie_id is not None:
            query = query.where(MovieHistory.movie_id == wanted.movie_id)
        if wanted.tmdb_id is not None:
            query = query.where(MovieHistory.tmdb_id == wanted.tmdb_id)
        if wanted.event is not None:
            query = query.where(MovieHistory.event == wanted.event)
        async with self._db.reading() as session:
            rows, total = await page_of(session, query, page=page, page_size=page_size)
        items = [MovieHistoryOut.model_validate(row) for row in rows]
        return Page[MovieHistoryOut](items=items, total=total, page=page, page_size=page_size)

    async def purge(self, retention_days: int) -> int:
        """Delete old rows; 0 days keeps all."""
        if not retention_days:
            return 0
        before = self._clock() - timedelta(days=retention_days)
        return await delete_in_batches(self._db, MovieHistory, col(MovieHistory.at) < before)


def record_history(
    session: AsyncSession,
    movie: Movie,
    event: MovieEvent,
    now: datetime,
    *,
    grab: Grab | None = None,
    reason: str | None = None,
    **facts: object,
) -> MovieHistory:
    """Add a row in the caller's transaction; what `grab` says of the release is taken from it."""
    row = MovieHistory(
        movie_id=movie.id or 0,
        tmdb_id=movie.tmdb_id,
        movie_title=movie.title,
        event=event,
        at=now,
        reason=None if reason is None else reason[:MAX_REASON_LENGTH],
    )
    if grab is not None:
        row.release_title, row.quality, row.score, row.size = grab.title, grab.quality, grab.score, grab.size
        row.indexer, row.client = grab.facts.get("indexer"), grab.facts.get("client")
    for name, value in facts.items():
        setattr(row, name, value)
    session.add(row)
    return row

"""The totals of the library, for dashboards."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.movie_hunt.models import OPEN_GRABS, Grab, Movie, MovieFile
from app.movie_hunt.status import MovieStatus, has_status


@dataclass(frozen=True, slots=True)
class MovieTotals:
    movies: int
    missing: int
    downloading: int
    imported: int


async def movie_totals(session: AsyncSession, now: datetime) -> MovieTotals:
    """In one statement."""
    counts: list[Any] = [
        select(func.count()).select_from(Movie),
        select(func.count()).select_from(Movie).where(has_status(MovieStatus.MISSING, now), col(Movie.monitored)),
        select(func.count()).select_from(Grab).where(col(Grab.state).in_(OPEN_GRABS)),
        select(func.count()).select_from(MovieFile),
    ]
    query: Any = select(*(each.scalar_subquery() for each in counts))
    return MovieTotals(*(await session.exec(query)).one())

"""Where a movie stands: one word, from its file, its open grab and its open search."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, not_, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.movie_hunt.models import OPEN_GRABS, Grab, GrabState, Movie, MovieFile, MovieSearch, SearchStatus

OPEN_SEARCHES = (SearchStatus.QUEUED, SearchStatus.RUNNING)


class MovieStatus(StrEnum):
    """The first of these that is true counts, from `importing` on upwards."""

    MISSING = "missing"
    UNRELEASED = "unreleased"
    IMPORTED = "imported"
    SEARCHING = "searching"
    DOWNLOADING = "downloading"
    """It may have a file, and an upgrade is on its way."""
    IMPORTING = "importing"


@dataclass(frozen=True, slots=True)
class MovieState:
    """What the status of a movie is made of."""

    file: MovieFile | None = None
    grab_state: str | None = None
    is_searching: bool = False

    def status(self, movie: Movie, now: datetime) -> MovieStatus:
        if self.grab_state is not None:
            return MovieStatus.IMPORTING if self.grab_state == GrabState.IMPORTING else MovieStatus.DOWNLOADING
        if self.is_searching:
            return MovieStatus.SEARCHING
        if self.file is not None:
            return MovieStatus.IMPORTED
        return MovieStatus.MISSING if is_available(movie, now) else MovieStatus.UNRELEASED


def is_available(movie: Movie, now: datetime) -> bool:
    return movie.available_at is not None and movie.available_at <= now


async def states_of(session: AsyncSession, movie_ids: Iterable[int]) -> Mapping[int, MovieState]:
    """The state of each of these movies, in three statements."""
    ids = list(movie_ids)
    files = {
        row.movie_id: row
        for row in (await session.exec(select(MovieFile).where(col(MovieFile.movie_id).in_(ids)))).all()
    }
    grabs = select(Grab.movie_id, Grab.state).where(col(Grab.movie_id).in_(ids), col(Grab.state).in_(OPEN_GRABS))
    grabbed = dict((await session.exec(grabs)).all())
    searches = select(MovieSearch.movie_id).where(
        col(MovieSearch.movie_id).in_(ids), col(MovieSearch.status).in_(OPEN_SEARCHES)
    )
    searching = set((await session.exec(searches)).all())
    return {each: MovieState(files.get(each), grabbed.get(each), each in searching) for each in ids}


def has_status(status: MovieStatus, now: datetime) -> ColumnElement[bool]:
    """The condition of `MovieState.status` in SQL."""
    has_file = _exists(MovieFile.movie_id)
    has_grab = _exists(Grab.movie_id, col(Grab.state).in_(OPEN_GRABS))
    is_importing = _exists(Grab.movie_id, col(Grab.state) == GrabState.IMPORTING.value)
    is_searching = _exists(MovieSearch.movie_id, col(MovieSearch.status).in_(OPEN_SEARCHES))
    if status is MovieStatus.IMPORTING:
        return is_importing
    if status is MovieStatus.DOWNLOADING:
        return and_(has_grab, not_(is_importing))
    if status is MovieStatus.SEARCHING:
        return and_(is_searching, not_(has_grab))
    rests = and_(not_(is_searching), not_(has_grab))
    if status is MovieStatus.IMPORTED:
        return and_(rests, has_file)
    available = col(Movie.available_at) <= now
    if status is MovieStatus.MISSING:
        return and_(rests, not_(has_file), available)
    return and_(rests, not_(has_file), or_(not_(available), col(Movie.available_at).is_(None)))


def _exists(movie_id: Any, *terms: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(movie_id).where(movie_id == col(Movie.id), *terms).exists()

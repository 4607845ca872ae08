"""The library: movies are looked up, added, changed and deleted."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.core.lines import comparable
from app.core.pagination import page_of
from app.core.schemas import Page
from app.http.errors import HttpError
from app.movie_hunt.availability import available_at, midnight
from app.movie_hunt.history import record_history
from app.movie_hunt.importing.placing import is_inside
from app.movie_hunt.metadata import MovieMetadataService
from app.movie_hunt.models import MinimumAvailability, Movie, MovieEvent, MovieFile, MovieProfile, RootFolder
from app.movie_hunt.profiles import NO_PROFILE
from app.movie_hunt.root_folders import NO_FOLDER
from app.movie_hunt.rows import require_row
from app.movie_hunt.schemas import MovieFileOut, MovieIn, MovieOut, MoviePatch
from app.movie_hunt.status import MovieState, MovieStatus, has_status, states_of
from app.tmdb.models import MovieMetadata

NO_MOVIE = "There is no movie with this id."
THERE_ALREADY = "This movie is in the library already."
MAX_REFRESHED = 50
ARTICLES = ("the ", "a ", "an ")


def no_movies(movie_ids: Sequence[int]) -> str:
    return f"There is no movie with the id {', '.join(map(str, movie_ids))}: nothing was queued."


class MovieSort(StrEnum):
    TITLE = "title"
    ADDED_AT = "added_at"
    YEAR = "year"
    LAST_SEARCH_AT = "last_search_at"


@dataclass(frozen=True, slots=True)
class MovieFilter:
    status: MovieStatus | None = None
    search: str | None = None
    monitored: bool | None = None
    sort: MovieSort = MovieSort.TITLE


class MovieLibrary:
    """`metadata` asks TMDB; nothing else here waits for the network."""

    def __init__(self, db: Database, metadata: MovieMetadataService, clock: Clock) -> None:
        self._db = db
        self._metadata = metadata
        self._clock = clock

    async def page(self, wanted: MovieFilter, *, page: int, page_size: int) -> Page[MovieOut]:
        now = self._clock()
        query = select(Movie)
        if wanted.status is not None:
            query = query.where(has_status(wanted.status, now))
        if wanted.monitored is not None:
            query = query.where(Movie.monitored == wanted.monitored)
        if wanted.search:
            query = query.where(_matches(wanted.search))
        async with self._db.reading() as session:
            rows, total = await page_of(session, query.order_by(*_order(wanted.sort)), page=page, page_size=page_size)
            states = await states_of(session, [row.id or 0 for row in rows])
        items = [movie_out(row, states[row.id or 0], self._clock) for row in rows]
        return Page[MovieOut](items=items, total=total, page=page, page_size=page_size)

    async def has_movies(self) -> bool:
        async with self._db.glance() as session:
            return (await session.exec(select(Movie.id).limit(1))).first() is not None

    async def get(self, movie_id: int) -> MovieOut:
        async with self._db.reading() as session:
            return await self._out(session, await require_movie(session, movie_id))

    async def add(self, given: MovieIn) -> MovieOut:
        """`Conflict` when it is there already, and when TMDB has to be asked and there is no key for it."""
        found = None if given.tmdb_id is None else await self._metadata.get(given.tmdb_id)
        now = self._clock()
        movie = Movie(
            title=given.title or "",
            sort_title="",
            year=given.year,
            monitored=given.monitored,
            quality_profile_id=given.quality_profile_id or 0,
            root_folder_id=given.root_folder_id,
            minimum_availability=given.minimum_availability,
            tags=given.tags,
            added_at=now,
        )
        self._apply(movie, found)
        movie.next_search_at = _first_search(movie, self._clock) if movie.monitored else None
        try:
            async with self._db.session() as session:
                await _check_choices(session, movie, has_profile=given.quality_profile_id is not None)
                if found is None and await _has_title(session, movie):
                    raise Conflict(THERE_ALREADY)
                session.add(movie)
                await session.flush()
                return await self._out(session, movie)
        except IntegrityError as twice:
            raise Conflict(THERE_ALREADY) from twice

    async def update(self, movie_id: int, given: MoviePatch) -> MovieOut:
        changes = given.model_dump(exclude_unset=True)
        async with self._db.session() as session:
            movie = await require_movie(session, movie_id, lock=True)
            for name, value in changes.items():
                if value is not None or name == "root_folder_id":
                    setattr(movie, name, value)
            await _check_choices(session, movie, has_profile=True)
            metadata = metadata_of(movie)
            movie.available_at = available_at(MinimumAvailability(movie.minimum_availability), metadata, movie.year)
            await self._plan(session, movie)
            await session.flush()
            return await self._out(session, movie)

    async def delete(self, movie_id: int, *, delete_files: bool) -> None:
        """Delete it from the library, and with `delete_files` its file. A download goes on in its client."""
        async with self._db.reading() as session:
            movie = await require_movie(session, movie_id)
            file = await session.get(MovieFile, movie_id)
            roots = [Path(each) for each in (await session.exec(select(RootFolder.path))).all()]
        if delete_files and file is not None:
            await asyncio.to_thread(_delete_file, Path(file.path), roots)
        async with self._db.session() as session:
            movie = await require_movie(session, movie_id, lock=True)
            reason = "Its file was deleted too." if delete_files and file is not None else None
            record_history(session, movie, MovieEvent.DELETED, self._clock(), reason=reason)
            await session.delete(movie)

    async def refresh_stale(self) -> None:
        """Ask TMDB again for movies whose metadata is old. Without a key, or while TMDB is away, nothing happens."""
        for movie_id in await self._metadata.stale(MAX_REFRESHED):
            async with self._db.reading() as session:
                movie = await session.get(Movie, movie_id)
            if movie is None or movie.tmdb_id is None:
                continue
            try:
                found = await self._metadata.get(movie.tmdb_id)
            except (Conflict, HttpError):
                return
            except NotFound:
                found = None
            async with self._db.session() as session:
                row = await session.get(Movie, movie_id, with_for_update=True)
                if row is None:
                    continue
                row.metadata_at = self._clock()
                if found is not None:
                    self._apply(row, found)
                    await self._plan(session, row)

    def _apply(self, movie: Movie, found: MovieMetadata | None) -> None:
        """Write what TMDB knows, and what follows from it."""
        if found is not None:
            apply_metadata(movie, found, self._clock())
        movie.sort_title = sort_title(movie.title)
        movie.available_at = available_at(MinimumAvailability(movie.minimum_availability), found, movie.year)

    async def _plan(self, session: AsyncSession, movie: Movie) -> None:
        """When it is searched by the clock, after its settings were changed."""
        has_file = await session.get(MovieFile, movie.id) is not None
        if not movie.monitored or has_file:
            movie.next_search_at = None
        elif movie.next_search_at is None or movie.last_search_at is None:
            movie.next_search_at = _first_search(movie, self._clock)

    async def _out(self, session: AsyncSession, movie: Movie) -> MovieOut:
        states = await states_of(session, [movie.id or 0])
        return movie_out(movie, states[movie.id or 0], self._clock)


def _first_search(movie: Movie, clock: Clock) -> Any:
    return None if movie.available_at is None else max(movie.available_at, clock())


def movie_out(movie: Movie, state: MovieState, clock: Clock) -> MovieOut:
    file = None if state.file is None else MovieFileOut.model_validate(state.file)
    return MovieOut.model_validate({**movie.model_dump(), "status": state.status(movie, clock()), "file": file})


async def require_movie(session: AsyncSession, movie_id: int, *, lock: bool = False) -> Movie:
    return await require_row(session, Movie, movie_id, NO_MOVIE, lock=lock)


def apply_metadata(movie: Movie, found: MovieMetadata, now: Any) -> None:
    """Write what TMDB knows into the row."""
    movie.tmdb_id, movie.imdb_id = found.tmdb_id, found.imdb_id
    movie.title, movie.original_title, movie.year = found.title, found.original_title, found.year
    movie.original_language = found.original_language
    movie.alternative_titles = list(found.alternative_titles)
    movie.overview, movie.runtime_minutes = found.overview, found.runtime_minutes
    movie.genres, movie.poster_url = list(found.genres), found.poster_url
    movie.in_cinemas_at = midnight(found.in_cinemas_on)
    movie.digital_at, movie.physical_at = midnight(found.digital_on), midnight(found.physical_on)
    movie.metadata_at = now


def metadata_of(movie: Movie) -> MovieMetadata | None:
    """What of TMDB's the row holds for its dates; `None` for a movie without TMDB."""
    if movie.metadata_at is None or movie.tmdb_id is None:
        return None
    return MovieMetadata(
        tmdb_id=movie.tmdb_id,
        title=movie.title,
        original_title=movie.original_title or movie.title,
        original_language=movie.original_language or "",
        year=movie.year,
        in_cinemas_on=movie.in_cinemas_at and movie.in_cinemas_at.date(),
        digital_on=movie.digital_at and movie.digital_at.date(),
        physical_on=movie.physical_at and movie.physical_at.date(),
    )


def sort_title(title: str) -> str:
    """Lower case, without a leading article."""
    lowered = comparable(title)
    article = next((each for each in ARTICLES if lowered.startswith(each)), "")
    return (lowered[len(article) :] or lowered)[:300]


def _matches(text: str) -> Any:
    part = text.strip().lower()
    return or_(
        col(Movie.sort_title).contains(part, autoescape=True),
        col(Movie.original_title).icontains(part, autoescape=True),
    )


def _order(sort: MovieSort) -> Sequence[Any]:
    if sort is MovieSort.ADDED_AT:
        return (col(Movie.id).desc(),)
    if sort is MovieSort.YEAR:
        return (col(Movie.year).desc(), col(Movie.sort_title), col(Movie.id))
    if sort is MovieSort.LAST_SEARCH_AT:
        return (col(Movie.last_search_at).is_(None), col(Movie.last_search_at).desc(), col(Movie.id))
    return (col(Movie.sort_title), col(Movie.id))


async def _check_choices(session: AsyncSession, movie: Movie, *, has_profile: bool) -> None:
    """Whether profile and root folder exist; the first of each where none was chosen."""
    if has_profile:
        if await session.get(MovieProfile, movie.quality_profile_id) is None:
            raise Invalid(NO_PROFILE, field="body.quality_profile_id")
    else:
        first = (await session.exec(select(MovieProfile.id).order_by(col(MovieProfile.id)).limit(1))).first()
        movie.quality_profile_id = first or 0
    if movie.root_folder_id is None:
        query = select(RootFolder.id).order_by(col(RootFolder.id)).limit(1)
        movie.root_folder_id = (await session.exec(query)).first()
    elif await session.get(RootFolder, movie.root_folder_id) is None:
        raise Invalid(NO_FOLDER, field="body.root_folder_id")


async def _has_title(session: AsyncSession, movie: Movie) -> bool:
    query = select(Movie.id).where(Movie.sort_title == movie.sort_title, Movie.year == movie.year).limit(1)
    return (await session.exec(query)).first() is not None


def _delete_file(path: Path, roots: Sequence[Path]) -> None:
    """Delete the file, and its folder when that is empty then. A file that is gone already is no error."""
    if not any(is_inside(path, root) for root in roots):
        raise Conflict("The file is in none of the root folders: it is not deleted. Nothing was changed.")
    try:
        path.unlink(missing_ok=True)
        parent = path.parent
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
    except OSError as failure:
        raise Conflict(f"The file cannot be deleted ({failure.strerror}): nothing was changed.") from failure

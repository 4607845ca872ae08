"""What TMDB knows, asked with the user's key, and kept fresh in the library."""

from datetime import timedelta

from sqlmodel import col, or_, select

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.movie_hunt.models import Movie
from app.movie_hunt.schemas import MovieLookupOut
from app.settings.service import SettingsService
from app.tmdb.client import TmdbClient
from app.tmdb.models import MovieMetadata

NO_KEY = (
    "TMDB is asked with your own key, and none is set: set tmdb_api_key in the general settings. Without it a movie \
can be added by title and year."
)


class MovieMetadataService:
    """`Conflict` without a key of the user's; `HttpError` when TMDB does not answer."""

    def __init__(self, db: Database, tmdb: TmdbClient, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._tmdb = tmdb
        self._settings = settings
        self._clock = clock

    async def get(self, tmdb_id: int) -> MovieMetadata:
        """`NotFound` when TMDB has no such movie."""
        return await self._tmdb.get(await self._key(), tmdb_id)

    async def lookup(self, *, query: str | None, tmdb_id: int | None, imdb_id: str | None) -> list[MovieLookupOut]:
        """Movies at TMDB by exactly one of the three; empty when there is none."""
        key = await self._key()
        try:
            if tmdb_id is not None:
                found = [await self._tmdb.get(key, tmdb_id)]
            elif imdb_id is not None:
                found = list(await self._tmdb.find(key, imdb_id))
            else:
                found = list(await self._tmdb.search(key, query or ""))
        except NotFound:
            found = []
        ids = [each.tmdb_id for each in found]
        async with self._db.reading() as session:
            rows = (await session.exec(select(Movie.tmdb_id, Movie.id).where(col(Movie.tmdb_id).in_(ids)))).all()
        there = dict(rows)
        return [MovieLookupOut.model_validate({**_fields(each), "movie_id": there.get(each.tmdb_id)}) for each in found]

    async def stale(self, limit: int) -> list[int]:
        """Movies whose metadata is old: a day before their dates are known, a month after."""
        now = self._clock()
        young = or_(col(Movie.available_at).is_(None), col(Movie.available_at) > now - timedelta(days=30))
        old = or_(
            col(Movie.metadata_at) < now - timedelta(days=30),
            young & (col(Movie.metadata_at) < now - timedelta(days=1)),
        )
        query = select(Movie.id).where(col(Movie.tmdb_id).is_not(None), old).order_by(col(Movie.metadata_at))
        async with self._db.reading() as session:
            return [each or 0 for each in (await session.exec(query.limit(limit))).all()]

    async def _key(self) -> str:
        key = await self._settings.tmdb_api_key()
        if key is None:
            raise Conflict(NO_KEY)
        return key


def _fields(found: MovieMetadata) -> dict[str, object]:
    names = ("tmdb_id", "imdb_id", "title", "original_title", "year", "overview", "poster_url")
    return {name: getattr(found, name) for name in names}

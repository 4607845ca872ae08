"""Keeps the library of an app that has no wanted lists; it is read at most once in six hours."""

from datetime import datetime, timedelta

from pydantic import TypeAdapter

from app.arr.base import ArrClient
from app.arr.models import LibraryMovie
from app.core.db import Database, upsert
from app.hunting.selection.derived import DerivedSource
from app.hunting.store.models import DerivedList

MAX_AGE = timedelta(hours=6)

_MOVIES = TypeAdapter(list[LibraryMovie])


def read_movies(stored: bytes) -> list[LibraryMovie]:
    return _MOVIES.validate_json(stored)


class DerivedLists:
    """One library for each instance, with only what the filters need."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def source(self, instance_id: int, url: str, client: ArrClient, now: datetime) -> DerivedSource:
        """The lists. `ArrError` when the app has to be asked and cannot."""
        async with self._db.reading() as session:
            row = await session.get(DerivedList, instance_id)
        if row is not None and row.url == url and row.read_at <= now < row.read_at + MAX_AGE:
            return DerivedSource(read_movies(row.movies))
        movies = [movie for movie in await client.library() if not (movie.has_file and movie.cutoff_met)]
        values = {"instance_id": instance_id, "url": url, "read_at": now, "movies": _MOVIES.dump_json(movies)}
        async with self._db.session() as session:
            await upsert(session, DerivedList, [values], key=["instance_id"], replace=["url", "read_at", "movies"])
        return DerivedSource(movies, requests=1)

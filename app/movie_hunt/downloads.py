"""What callers read and decide about grabs: the queue, the blocklist, and what waits for a person."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.core.pagination import page_of
from app.core.queue import IMPORT_MOVIE, Queue
from app.core.schemas import Page
from app.http.errors import HttpError
from app.movie_hunt.connections import ClientPool
from app.movie_hunt.failures import fail_grab
from app.movie_hunt.grabbing import MovieGrabber
from app.movie_hunt.library import require_movie
from app.movie_hunt.models import (
    OPEN_GRABS,
    BlocklistEntry,
    Grab,
    GrabState,
    Movie,
    MovieDownloadClient,
    MovieIndexer,
)
from app.movie_hunt.release_facts import ReleaseFacts
from app.movie_hunt.rows import require_row
from app.movie_hunt.schemas import BlocklistOut, GrabOut

NO_GRAB = "There is no download with this id in the queue."
NOT_WAITING = "This download does not wait for a person."
NO_ENTRY = "There is no entry with this id in the blocklist."


class MovieQueue:
    """The open grabs, and the blocklist."""

    def __init__(self, db: Database, queue: Queue, clients: ClientPool, grabber: MovieGrabber, clock: Clock) -> None:
        self._db = db
        self._queue = queue
        self._clients = clients
        self._grabber = grabber
        self._clock = clock

    async def page(self, *, page: int, page_size: int) -> Page[GrabOut]:
        query = select(Grab).where(col(Grab.state).in_(OPEN_GRABS)).order_by(col(Grab.id).desc())
        async with self._db.reading() as session:
            rows, total = await page_of(session, query, page=page, page_size=page_size)
            items = await _grabs_out(session, rows)
        return Page[GrabOut](items=items, total=total, page=page, page_size=page_size)

    async def grab(self, movie_id: int, release_id: int) -> GrabOut:
        """Hand a release that a person chose to a client."""
        async with self._db.reading() as session:
            await require_movie(session, movie_id)
        row = await self._grabber.grab_release(movie_id, release_id)
        async with self._db.reading() as session:
            return (await _grabs_out(session, [row]))[0]

    async def import_again(self, grab_id: int) -> None:
        """Import a download that waits for a person once more, whose cause was put right."""
        async with self._db.session() as session:
            row = await self._require(session, grab_id)
            if row.state != GrabState.WAITING:
                raise Conflict(NOT_WAITING)
            row.state, row.completed_at = GrabState.IMPORTING, self._clock()
        await self._queue.enqueue(IMPORT_MOVIE, grab_id, job_id=f"{IMPORT_MOVIE}:{grab_id}:again")

    async def remove(self, grab_id: int, *, delete_files: bool, blocklist: bool) -> None:
        """Take it out of its client and out of the queue; with `blocklist` it is not grabbed again."""
        async with self._db.reading() as session:
            row = await self._require(session, grab_id)
            client = None if row.client_id is None else await session.get(MovieDownloadClient, row.client_id)
        if client is not None and row.download_id is not None:
            try:
                await self._clients.get(client).remove(row.download_id, delete_files=delete_files)
            except HttpError as failure:
                raise Conflict(f"{client.name} did not remove it: {failure.message} Nothing was changed.") from failure
        async with self._db.session() as session:
            row = await self._require(session, grab_id, lock=True)
            await fail_grab(session, row, "Removed by hand.", self._clock(), is_blocked=blocklist)

    async def blocklist(self, *, page: int, page_size: int) -> Page[BlocklistOut]:
        query = select(BlocklistEntry).order_by(col(BlocklistEntry.id).desc())
        async with self._db.reading() as session:
            rows, total = await page_of(session, query, page=page, page_size=page_size)
            titles = await _titles(session, Movie.id, Movie.title, [row.movie_id for row in rows])
            indexers = await _titles(session, MovieIndexer.id, MovieIndexer.name, [row.indexer_id for row in rows])
        items = [
            BlocklistOut.model_validate(
                {**row.model_dump(), "movie_title": titles.get(row.movie_id), "indexer": indexers.get(row.indexer_id)}
            )
            for row in rows
        ]
        return Page[BlocklistOut](items=items, total=total, page=page, page_size=page_size)

    async def unblock(self, entry_id: int) -> None:
        async with self._db.session() as session:
            await session.delete(await require_row(session, BlocklistEntry, entry_id, NO_ENTRY))

    async def _require(self, session: AsyncSession, grab_id: int, *, lock: bool = False) -> Grab:
        row = await session.get(Grab, grab_id, with_for_update=True if lock else None)
        if row is None or row.state not in OPEN_GRABS:
            raise NotFound(NO_GRAB)
        return row


async def _grabs_out(session: AsyncSession, rows: Sequence[Grab]) -> list[GrabOut]:
    query = select(Movie.id, Movie.title, Movie.year).where(col(Movie.id).in_([row.movie_id for row in rows]))
    movies = {movie_id: (title, year) for movie_id, title, year in (await session.exec(query)).all()}
    return [
        GrabOut.model_validate(
            {
                **row.model_dump(),
                "size_left": row.left,
                "movie_title": movies[row.movie_id][0],
                "movie_year": movies[row.movie_id][1],
                "client": ReleaseFacts.model_validate(row.facts).client,
                "indexer": ReleaseFacts.model_validate(row.facts).indexer,
            }
        )
        for row in rows
        if row.movie_id in movies
    ]


async def _titles(session: AsyncSession, key: Any, name: Any, ids: Sequence[int | None]) -> dict[int | None, str]:
    rows = (await session.exec(select(key, name).where(col(key).in_([each for each in ids if each])))).all()
    return dict(rows)

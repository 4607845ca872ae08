"""Root folders: where movies are kept."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field
from sqlmodel import col, func, select

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid
from app.core.fields import Int64
from app.core.schemas import In, Out, UtcTime, example
from app.movie_hunt.clients import FolderPath
from app.movie_hunt.models import Movie, RootFolder
from app.movie_hunt.rows import flush_unique, require_row
from app.movie_hunt.verdicts import free_space

FOLDER_EXISTS = "This root folder is there already."
NO_FOLDER = "There is no root folder with this id."


class RootFolderIn(In):
    model_config = example({"path": "/movies"})

    path: Annotated[FolderPath, Field(pattern=r"^/")] = Field(description="It must exist and be writable.")


class RootFolderOut(Out):
    """A folder that holds movies."""

    id: int
    path: str
    accessible: bool = Field(description="Whether it is there now.")
    free_space: Int64 | None = Field(description="Bytes that are free on its volume.")
    movies: int = Field(description="Movies that are kept in it.")
    created_at: UtcTime


class RootFolderService:
    """Adds, lists and deletes root folders; on disk nothing is changed."""

    def __init__(self, db: Database, data_dir: Path, clock: Clock) -> None:
        self._db = db
        self._data_dir = data_dir
        self._clock = clock

    async def list(self) -> "list[RootFolderOut]":
        async with self._db.reading() as session:
            rows = (await session.exec(select(RootFolder).order_by(col(RootFolder.id)))).all()
            query = select(Movie.root_folder_id, func.count()).group_by(col(Movie.root_folder_id))
            movies = dict((await session.exec(query)).all())
        return [await _folder_out(row, movies.get(row.id, 0)) for row in rows]

    async def create(self, given: RootFolderIn) -> RootFolderOut:
        path = await asyncio.to_thread(_checked, given.path, self._data_dir)
        row = RootFolder(path=str(path), created_at=self._clock())
        async with self._db.session() as session:
            known = [Path(each) for each in (await session.exec(select(RootFolder.path))).all()]
            if path in known:
                raise Conflict(FOLDER_EXISTS)
            if any(path.is_relative_to(each) or each.is_relative_to(path) for each in known):
                raise Invalid("It is inside another root folder, or holds one.", field="body.path")
            session.add(row)
            await flush_unique(session, FOLDER_EXISTS)
        return await _folder_out(row, 0)

    async def delete(self, folder_id: int) -> None:
        """`Conflict` while movies are kept in it."""
        async with self._db.session() as session:
            row = await require_row(session, RootFolder, folder_id, NO_FOLDER, lock=True)
            query = select(func.count()).select_from(Movie).where(Movie.root_folder_id == folder_id)
            if used := (await session.exec(query)).one():
                raise Conflict(f"{used} movies are kept in this root folder: move them to another one first.")
            await session.delete(row)


def _checked(text: str, data_dir: Path) -> Path:
    path = Path(os.path.normpath(text))
    if not path.is_dir():
        raise Invalid("There is no such folder, or Huntarr may not see it.", field="body.path")
    data = data_dir.resolve()
    if path.resolve().is_relative_to(data) or data.is_relative_to(path.resolve()):
        raise Invalid("Huntarr's own data folder is no place for movies.", field="body.path")
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".huntarr-"):
            pass
    except OSError as failure:
        raise Invalid(f"Huntarr cannot write into this folder: {failure.strerror}.", field="body.path") from failure
    return path


async def _folder_out(row: RootFolder, movies: int) -> RootFolderOut:
    there = await asyncio.to_thread(os.path.isdir, row.path)
    free = await asyncio.to_thread(free_space, row.path) if there else None
    return RootFolderOut.model_validate({**row.model_dump(), "accessible": there, "free_space": free, "movies": movies})

"""Where a measured service lives: a folder, and a database of its own on SQLite or on PostgreSQL."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from scripts.children import Children, Service
from tests.support.stores import Postgres

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
BOTH = (SQLITE, POSTGRESQL)
BUSY_SECONDS = 30


class Books:
    """A connection to the database beside the service's own; every statement is committed by itself."""

    def __init__(self, runner: asyncio.Runner, connection: AsyncConnection) -> None:
        self._runner = runner
        self._connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"

    def run(self, *statements: str | Executable) -> None:
        for statement in statements:
            self._runner.run(self._done(statement))

    def number(self, query: str) -> int:
        return int(self._runner.run(self._done(query)).scalar_one() or 0)

    async def _done(self, statement: str | Executable) -> CursorResult[Any]:
        if isinstance(statement, str):
            return await self._connection.exec_driver_sql(statement)
        return await self._connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Home:
    """`database` is its name in the table."""

    database: str
    folder: Path
    url: str

    @contextmanager
    def running(self, children: Children, *, works: bool = True) -> Iterator[Service]:
        service = children.service(self.folder, works=works, database_url=self.url)
        try:
            yield service
        finally:
            children.end(service.process)

    @contextmanager
    def books(self) -> Iterator[Books]:
        options = {"timeout": BUSY_SECONDS} if self.database == SQLITE else {}
        engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT", connect_args=options)
        with asyncio.Runner() as runner:
            connection = runner.run(_connected(engine.connect()))
            try:
                yield Books(runner, connection)
            finally:
                runner.run(connection.close())
                runner.run(engine.dispose())


@contextmanager
def home(database: str = SQLITE) -> Iterator[Home]:
    """A new one; nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as name, _database(database, Path(name)) as url:
        yield Home(database, Path(name), url)


@contextmanager
def _database(database: str, folder: Path) -> Iterator[str]:
    if database == SQLITE:
        yield f"sqlite+aiosqlite:///{folder / 'huntarr.db'}"
        return
    # Not in that folder: root's server runs as another user, who may not look into ours.
    with tempfile.TemporaryDirectory(prefix="hp") as other:
        server = Postgres(Path(other))
        try:
            with server.copy() as url:
                yield url
        finally:
            server.stop()


async def _connected(connection: AsyncConnection) -> AsyncConnection:
    return await connection

"""Installations to measure: a folder, and a database of its own on SQLite or on PostgreSQL."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from scripts.processes import ChildProcesses, Service
from tests.support.stores import Postgres

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
BOTH = (SQLITE, POSTGRESQL)
BUSY_SECONDS = 30


class DatabaseConnection:
    """A connection besides those of the service; every statement is committed at once."""

    def __init__(self, runner: asyncio.Runner, connection: AsyncConnection) -> None:
        self._runner = runner
        self._connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"

    def run(self, *statements: str | Executable) -> None:
        for statement in statements:
            self._runner.run(self._execute(statement))

    def number(self, query: str) -> int:
        return int(self._runner.run(self._execute(query)).scalar_one() or 0)

    async def _execute(self, statement: str | Executable) -> CursorResult[Any]:
        if isinstance(statement, str):
            return await self._connection.exec_driver_sql(statement)
        return await self._connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Installation:
    """`database` is `SQLITE` or `POSTGRESQL`."""

    database: str
    folder: Path
    url: str

    @contextmanager
    def running(self, processes: ChildProcesses, *, has_worker: bool = True) -> Iterator[Service]:
        service = processes.service(self.folder, has_worker=has_worker, database_url=self.url)
        try:
            yield service
        finally:
            processes.end(service.process)

    @contextmanager
    def connection(self) -> Iterator[DatabaseConnection]:
        options = {"timeout": BUSY_SECONDS} if self.database == SQLITE else {}
        engine = create_async_engine(self.url, isolation_level="AUTOCOMMIT", connect_args=options)
        with asyncio.Runner() as runner:
            connection = runner.run(_connected(engine.connect()))
            try:
                yield DatabaseConnection(runner, connection)
            finally:
                runner.run(connection.close())
                runner.run(engine.dispose())


@contextmanager
def installation(database: str = SQLITE) -> Iterator[Installation]:
    """A new installation, removed after the block."""
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as name, _database(database, Path(name)) as url:
        yield Installation(database, Path(name), url)


@contextmanager
def _database(database: str, folder: Path) -> Iterator[str]:
    if database == SQLITE:
        yield f"sqlite+aiosqlite:///{folder / 'huntarr.db'}"
        return
    # In another folder: as root, the server runs as another user, who may not read ours.
    with tempfile.TemporaryDirectory(prefix="hp") as other:
        server = Postgres(Path(other))
        try:
            with server.copy() as url:
                yield url
        finally:
            server.stop()


async def _connected(connection: AsyncConnection) -> AsyncConnection:
    return await connection

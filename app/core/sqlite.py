"""aiosqlite with one trip to the thread of a connection for each statement, where SQLAlchemy makes four.

The cursor is made, the statement run, its rows read and the cursor closed in one go. A hunt has some eighty statements,
and each trip costs more than most of them (`make bench`, "many instances"). A long result is read in pieces, as before.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any
from weakref import WeakSet

import aiosqlite
from aiosqlite.context import contextmanager

PIECE = 1000
"""Rows that a statement brings back at once; what has more is left open."""
CHUNK = 64
END_SECONDS = 1.0

Rows = list[Any]


class WholeCursor(aiosqlite.Cursor):
    """A cursor that knows its result as soon as the statement has run."""

    def __init__(self, connection: "WholeConnection") -> None:
        self.iter_chunk_size = CHUNK
        self._conn = connection
        self._open: sqlite3.Cursor | None = None
        self._rows: Rows = []
        self._facts: tuple[Any, int, int | None] = (None, -1, None)

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "WholeCursor":
        await self._there(self._run, "execute", sql, parameters or ())
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "WholeCursor":
        await self._there(self._run, "executemany", sql, parameters)
        return self

    async def fetchone(self) -> Any:
        found = await self.fetchmany(1)
        return found[0] if found else None

    async def fetchmany(self, size: int | None = None) -> Rows:
        wanted = size or 1
        if len(self._rows) < wanted and self._open is not None:
            await self._there(self._read_on, max(wanted, PIECE))
        found, self._rows = self._rows[:wanted], self._rows[wanted:]
        return found

    async def fetchall(self) -> Rows:
        if self._open is not None:
            await self._there(self._read_on, None)
        found, self._rows = self._rows, []
        return found

    async def close(self) -> None:
        if self._open is not None:
            await self._there(self._finish)

    @property
    def description(self) -> Any:
        return self._facts[0]

    @property
    def rowcount(self) -> int:
        return self._facts[1]

    @property
    def lastrowid(self) -> int | None:
        return self._facts[2]

    async def _there(self, call: Callable[..., None], *arguments: Any) -> None:
        await self._conn._execute(call, *arguments)  # type: ignore[no-untyped-call] # as aiosqlite's own cursors do

    # What follows runs in the thread of the connection.

    def _run(self, how: str, sql: str, parameters: Iterable[Any]) -> None:
        self._finish()
        cursor = self._open = self._conn._conn.cursor()
        try:
            getattr(cursor, how)(sql, parameters)
            self._rows = cursor.fetchmany(PIECE) if cursor.description else []
            self._facts = (cursor.description, cursor.rowcount, cursor.lastrowid)
        except BaseException:
            self._finish()
            raise
        if len(self._rows) < PIECE:
            self._finish()

    def _read_on(self, size: int | None) -> None:
        if self._open is None:
            return
        found = self._open.fetchall() if size is None else self._open.fetchmany(size)
        self._rows += found
        if size is None or len(found) < size:
            self._finish()

    def _finish(self) -> None:
        if self._open is not None:
            with suppress(sqlite3.Error):
                self._open.close()
            self._open = None


class WholeConnection(aiosqlite.Connection):
    """Its cursors cost no trip of their own."""

    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        return WholeCursor(self)

    async def begin(self, how: str) -> None:
        """Begin a transaction, without all that SQLAlchemy does for a statement."""
        await self._execute(self._begin, how)  # type: ignore[no-untyped-call] # as aiosqlite's own methods do

    def _begin(self, how: str) -> None:
        self._conn.execute(how).close()


class Connections:
    """Makes the connections of one database, and knows when all that they do is done."""

    def __init__(self) -> None:
        self._threads: WeakSet[Thread] = WeakSet()

    def connect(self, database: str, **options: Any) -> aiosqlite.Connection:
        """For `async_creator_fn` of SQLAlchemy: what `aiosqlite.connect` makes, with our cursors."""
        connector: Callable[[], sqlite3.Connection] = partial(sqlite3.connect, database, **options)
        made = WholeConnection(connector, CHUNK)
        made._thread.daemon = True  # as SQLAlchemy does it for its own
        self._threads.add(made._thread)
        return made

    async def ended(self) -> None:
        """Wait for the threads of connections that were closed, or thrown away while a statement ran.

        One that ends later would report to an event loop that is gone.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while any(thread.is_alive() for thread in self._threads):  # noqa: ASYNC110 - a thread has no event
                    await asyncio.sleep(0.005)

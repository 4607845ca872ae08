"""aiosqlite with one call into the thread of a connection for each statement, where SQLAlchemy makes four.

One call begins the transaction where that has not happened, opens the cursor, runs the statement, reads its rows and
closes the cursor. A hunt has some eighty statements, and each call costs more than most of them (`make bench`, "many
instances") and wakes two threads. A long result is read in pieces.
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

FETCH_ROWS = 1000
"""Rows that are read with the statement. The cursor of a longer result stays open."""
CHUNK_ROWS = 64
END_SECONDS = 1.0

Rows = list[Any]


class BufferedCursor(aiosqlite.Cursor):
    """A cursor that reads its first rows together with the statement."""

    def __init__(self, connection: "BufferedConnection") -> None:
        self.iter_chunk_size = CHUNK_ROWS
        self._conn = self._owner = connection
        self._open: sqlite3.Cursor | None = None
        self._rows: Rows = []
        self._facts: tuple[Any, int, int | None] = (None, -1, None)

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "BufferedCursor":
        await self._in_thread(self._run, "execute", sql, parameters or ())
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "BufferedCursor":
        await self._in_thread(self._run, "executemany", sql, parameters)
        return self

    async def fetchone(self) -> Any:
        found = await self.fetchmany(1)
        return found[0] if found else None

    async def fetchmany(self, size: int | None = None) -> Rows:
        wanted = size or 1
        if len(self._rows) < wanted and self._open is not None:
            await self._in_thread(self._read_on, max(wanted, FETCH_ROWS))
        found, self._rows = self._rows[:wanted], self._rows[wanted:]
        return found

    async def fetchall(self) -> Rows:
        if self._open is not None:
            await self._in_thread(self._read_on, None)
        found, self._rows = self._rows, []
        return found

    async def close(self) -> None:
        if self._open is not None:
            await self._in_thread(self._finish)

    @property
    def description(self) -> Any:
        return self._facts[0]

    @property
    def rowcount(self) -> int:
        return self._facts[1]

    @property
    def lastrowid(self) -> int | None:
        return self._facts[2]

    async def _in_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        await self._conn._execute(call, *arguments)  # type: ignore[no-untyped-call] # as aiosqlite's own cursors do

    # The methods below run in the thread of the connection.

    def _run(self, how: str, sql: str, parameters: Iterable[Any]) -> None:
        self._finish()
        self._owner.begin_now()
        cursor = self._open = self._conn._conn.cursor()
        try:
            getattr(cursor, how)(sql, parameters)
            self._rows = cursor.fetchmany(FETCH_ROWS) if cursor.description else []
            self._facts = (cursor.description, cursor.rowcount, cursor.lastrowid)
        except BaseException:
            self._finish()
            raise
        if len(self._rows) < FETCH_ROWS:
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


class BufferedConnection(aiosqlite.Connection):
    """A connection whose cursors and empty transactions cost no call of their own."""

    _beginning: str | None = None
    _opened: sqlite3.Connection | None = None

    def __init__(self, make: Callable[[], sqlite3.Connection]) -> None:
        def connect() -> sqlite3.Connection:
            self._opened = make()
            return self._opened

        super().__init__(connect, CHUNK_ROWS)

    def stop(self) -> "asyncio.Future[Any] | None":
        """As aiosqlite does it, which forgets what it opened for a caller who was cancelled meanwhile."""
        self._tx.put_nowait((None, self._close_forgotten))
        stopped: asyncio.Future[Any] | None = super().stop()
        return stopped

    def _close_forgotten(self) -> None:
        """For the thread of the connection."""
        if self._opened is not None and self._connection is None:
            self._opened.close()

    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        return BufferedCursor(self)

    def begin(self, how: str) -> None:
        """Have a transaction begun with the next statement. Without a statement there is none."""
        self._beginning = how

    def begin_now(self) -> None:
        """For the thread of the connection."""
        how, self._beginning = self._beginning, None
        if how is not None:
            self._conn.execute(how).close()

    async def commit(self) -> None:
        if self._is_in_transaction():
            await super().commit()

    async def rollback(self) -> None:
        if self._is_in_transaction():
            await super().rollback()

    def _is_in_transaction(self) -> bool:
        """Whether there is something to end. No statement runs meanwhile: a cancelled one discards the connection."""
        self._beginning = None
        return self._conn.in_transaction


class Connections:
    """Opens the connections of one database, and waits for the end of their threads."""

    def __init__(self) -> None:
        self._threads: WeakSet[Thread] = WeakSet()

    def connect(self, database: str, **options: Any) -> aiosqlite.Connection:
        """For `async_creator_fn` of SQLAlchemy: like `aiosqlite.connect`, with our cursors."""
        made = BufferedConnection(partial(sqlite3.connect, database, **options))
        made._thread.daemon = True  # as SQLAlchemy does for its own connections
        self._threads.add(made._thread)
        return made

    async def wait_closed(self) -> None:
        """Wait for the threads of connections that were closed, or discarded while a statement ran.

        A thread that ends later would report to an event loop that is gone.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while any(thread.is_alive() for thread in self._threads):  # noqa: ASYNC110 - a thread has no event
                    await asyncio.sleep(0.005)

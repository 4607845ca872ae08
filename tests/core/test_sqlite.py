"""SQLite with one call a statement gives the results that the driver itself gives."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
import pytest_asyncio
from sqlalchemy import CursorResult, text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import Database
from app.core.sqlite import FETCH_ROWS

pytestmark = pytest.mark.asyncio

COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many) SELECT i FROM n"


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'one.db'}")
    async with made.engines[0].begin() as connection:
        await connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
    before = set(threading.enumerate())
    yield made
    await made.close()
    assert set(threading.enumerate()) <= before, "a cancelled statement has ended too"


@pytest.mark.parametrize("many", [1, FETCH_ROWS - 1, FETCH_ROWS, FETCH_ROWS + 1, 3 * FETCH_ROWS + 7])
async def test_a_result_of_any_length_is_complete(db: Database, many: int) -> None:
    async with db.engines[1].connect() as connection:
        rows = (await connection.execute(text(COUNT), {"many": many})).scalars().all()
        streamed = await connection.stream(text(COUNT), {"many": many}, execution_options={"yield_per": 300})
        pieces = [row[0] async for row in streamed]
    assert rows == pieces == list(range(1, many + 1))


async def test_a_write_reports_its_rows(db: Database) -> None:
    insert = text("INSERT INTO notes (word) VALUES (:word) RETURNING id")
    async with db.engines[0].begin() as connection:
        assert (await connection.execute(insert, {"word": "a"})).scalar_one() == 1
        await connection.execute(text("INSERT INTO notes (word) VALUES (:word)"), [{"word": "b"}, {"word": "c"}])
        assert (await connection.execute(text("UPDATE notes SET word = word || '!'"))).rowcount == 3
        assert (await connection.execute(text("SELECT word FROM notes WHERE id = 9"))).first() is None


async def run(session: AsyncSession, statement: str, **values: Any) -> CursorResult[Any]:
    return await (await session.connection()).execute(text(statement), values)


async def begun_and_cancelled(db: Database) -> None:
    async with asyncio.timeout(0.05), db.session() as session:
        await run(session, "DELETE FROM notes")
        await run(session, COUNT + " WHERE i < 0", many=1_000_000)


async def test_a_connection_works_after_a_failure_and_after_a_cancellation(db: Database) -> None:
    async with db.session() as session:
        await run(session, "INSERT INTO notes (word) VALUES ('once')")
    async with db.session() as session:
        with pytest.raises(IntegrityError):
            await run(session, "INSERT INTO notes (word) VALUES ('once')")
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await begun_and_cancelled(db)
    async with db.session() as session:
        assert (await run(session, "SELECT word FROM notes")).scalars().all() == ["once"]


async def test_a_unit_of_work_calls_the_thread_once_a_statement_and_once_at_its_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.reading() as session, db.session() as other:  # opens the connections
        await run(session, "SELECT 1")
        await run(other, "SELECT 1")
    calls = 0
    original = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, *args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        return await original(self, *args, **named)  # type: ignore[no-untyped-call] # as in app/core/sqlite.py

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    async with db.reading() as session:
        await run(session, "SELECT 1")
    assert calls == 2
    async with db.session() as session:
        await run(session, "DELETE FROM notes")
        await run(session, "DELETE FROM notes")
    assert calls == 2 + 3
    async with db.session():
        pass
    assert calls == 2 + 3, "a unit of work that does nothing costs nothing"

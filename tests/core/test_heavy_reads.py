"""Reads that look through many rows take turns; quick ones pass them by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from app.core.db import SQLITE_READERS, Database
from app.core.errors import TooManyRequests
from app.core.heavy_reads import AT_ONCE, CALLER, MAX_OF_CALLER
from tests.api.replies import data, error
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


class Reader:
    """A heavy read of somebody, which ends when it is told to."""

    def __init__(self, db: Database, caller: str) -> None:
        self.is_reading = asyncio.Event()
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self._read(db, caller))

    async def _read(self, db: Database, caller: str) -> None:
        CALLER.set(caller)
        async with db.reading(is_heavy=True):
            self.is_reading.set()
            await self._end.wait()

    async def waits(self) -> bool:
        """Whether it still waits for its turn, when all that could happen has happened."""
        for _ in range(20):
            await asyncio.sleep(0)
        return not self.is_reading.is_set()

    async def end(self) -> None:
        self._end.set()
        await self._task

    async def cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def reading(db: Database, *callers: str) -> AsyncIterator[list[Reader]]:
    """Heavy reads at work."""
    async with AsyncExitStack() as stack:
        readers = []
        for caller in callers:
            reader = Reader(db, caller)
            stack.push_async_callback(reader.end)
            await reader.is_reading.wait()
            readers.append(reader)
        yield readers


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{tmp_path / 'reads.db'}")


async def test_a_caller_has_one_at_a_time_and_all_together_few(db: Database) -> None:
    assert AT_ONCE == 2 < SQLITE_READERS
    async with reading(db, "a") as [first]:
        second = Reader(db, "a")
        assert await second.waits()
        async with reading(db, "b"):
            other = Reader(db, "c")
            assert await other.waits()
            async with db.reading(), db.reading():  # quick ones have connections
                pass
            await first.end()
            await other.is_reading.wait()  # it stood in line for the next free turn before `second` did
            assert await second.waits()
        await second.is_reading.wait()
        await second.end()
        await other.end()
    await db.close()


async def test_who_gives_up_leaves_the_line(db: Database) -> None:
    async with reading(db, "a") as [first]:
        second, third = Reader(db, "a"), Reader(db, "a")
        assert await second.waits()
        await second.cancel()
        await first.end()
        await third.is_reading.wait()
        await third.end()
    async with reading(db, "a", "b"):
        pass
    await db.close()


async def test_the_line_of_a_caller_is_not_endless(db: Database) -> None:
    async with reading(db, "a"):
        waiting = [Reader(db, "a") for _ in range(MAX_OF_CALLER - 1)]
        assert await waiting[-1].waits()
        CALLER.set("a")
        with pytest.raises(TooManyRequests):
            async with db.reading(is_heavy=True):
                pass
        async with reading(db, "b"):
            pass
        for reader in waiting:
            await reader.cancel()
    await db.close()


HEAVY = (
    "/api/history?search=x",
    "/api/history?from=2026-11-01T00:00:00Z",
    "/api/history?page=5000",
    "/api/state?status=parked",
    "/api/hunts?page=5000",
    "/api/logs?search=x",
    "/api/logs/export",
)
QUICK = ("/api/history", "/api/history?page=2&app_type=sonarr", "/api/hunts", "/api/state", "/api/logs", "/api/stats")


@pytest.mark.storage
async def test_searches_wait_while_others_are_at_work_and_pages_do_not(rig: Rig) -> None:
    async with rig.gateway() as api:
        async with reading(rig.container.infra.db, "a", "b"):
            searches = [asyncio.create_task(api.get(path)) for path in HEAVY]
            for path in QUICK:
                data(await api.get(path))
            assert not any(search.done() for search in searches)
        assert [(await search).status_code for search in searches] == [200] * len(HEAVY)


async def test_many_searches_of_one_key_are_done_in_turn_or_refused(rig: Rig) -> None:
    async with rig.gateway() as api:
        async with reading(rig.container.infra.db, "a", "b"):
            searches = [asyncio.create_task(api.get("/api/history?search=x")) for _ in range(MAX_OF_CALLER + 2)]
            done, waiting = await asyncio.wait(searches, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 2:
                done, waiting = await asyncio.wait(searches, timeout=0.05)
            for refused in done:
                assert "running or waiting" in error(refused.result(), 429)
                assert refused.result().headers["retry-after"]
        for reply in await asyncio.gather(*waiting):
            data(reply)

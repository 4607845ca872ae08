"""How long a unit of work waits for a connection."""

import asyncio
from pathlib import Path

import pytest
from sqlmodel import text

from app.core.db import Database

pytestmark = pytest.mark.asyncio


async def test_a_long_wait_for_the_writer_is_not_a_lost_database(tmp_path: Path) -> None:
    """Two hundred hunts of a busy worker once waited more than ten seconds, and failed."""
    db = Database(f"sqlite+aiosqlite:///{tmp_path / 'line.db'}")
    pool = db.engines[0].sync_engine.pool
    done = []

    async def write(number: int) -> None:
        async with db.session() as session:
            await session.exec(text("SELECT 1"))  # type: ignore[call-overload] # text is no select
            done.append(number)

    await asyncio.gather(*(write(number) for number in range(200)))
    await db.close()
    assert done == list(range(200))
    assert pool.timeout() >= 60  # type: ignore[attr-defined] # of a pool that queues

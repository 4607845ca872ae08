"""How long a unit of work waits for a connection, and what the address of PostgreSQL says about it."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from sqlmodel import text

from app.core.db import Database
from app.core.upgrades import alembic_config
from app.core.urls import checked_database
from tests.support.stores import Postgres

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


async def test_parameters_of_the_address_reach_postgresql(postgres: Postgres) -> None:
    """The service and its migrations take them; SQLAlchemy alone fails on each with a traceback."""
    with postgres.copy() as url:
        given = f"{url}&sslmode=prefer&connect_timeout=7&application_name=tests&options=-c%20lock_timeout%3D1234"
        checked = checked_database(given)
        await asyncio.to_thread(command.upgrade, alembic_config(checked), "head")
        db = Database(checked)
        async with db.reading() as session:
            for name, value in (("application_name", "tests"), ("lock_timeout", "1234ms")):
                found = await session.exec(text(f"SHOW {name}"))  # type: ignore[call-overload] # text is no select
                assert found.scalar_one() == value
        await db.close()

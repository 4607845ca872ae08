"""How alembic runs here: asynchronous engines, batch mode for SQLite, one migrating process at a time."""

import asyncio
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import AutoString

from app.core.db import UtcDateTime
from app.core.urls import engine_arguments
from app.tables import METADATA

LOCK = 7_266_111_705


def render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations name plain SQLAlchemy types: they must not change with our code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        render_item=render,
        compare_type=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()


def all_or_nothing(engine: Engine) -> None:
    """SQLite's driver would commit each change of a table by itself: half a migration could stay."""

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def main() -> None:
    address, arguments = engine_arguments(context.config.attributes["url"])
    engine = create_async_engine(address, connect_args=arguments)
    if engine.dialect.name == "sqlite":
        all_or_nothing(engine.sync_engine)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(main())

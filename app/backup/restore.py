"""Replaces the content of the database by a staged backup, in one transaction, on SQLite and PostgreSQL."""

from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy import Insert, Table, Text, bindparam, case, cast, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.backup.archive import BATCH_ROWS, export_columns
from app.backup.scope import kept_rows, replaced_tables, saved_tables
from app.backup.sequences import advance_sequence, last_id
from app.backup.values import ColumnKind, kind_of
from app.core.db import Database
from app.core.errors import Conflict
from app.hunting.store.models import HuntState

log = structlog.get_logger(__name__)

FENCE: Final = HuntState.__table__.c.fence  # type: ignore[attr-defined] # SQLModel declares no __table__


async def replace_all(target: Database, staged: Database, last_ids: Mapping[str, int], kept: frozenset[str]) -> None:
    """Replace all tables but the `kept` ones, or none: a failure at any moment leaves the database unchanged.

    `last_ids` are the highest ids that the archive's tables assigned; new ids are higher than these and our own.
    """
    at = "its tables"
    try:
        async with staged.reading() as source, target.session() as session:
            origin, into = await source.connection(), await session.connection()
            await _lock(into)
            floor = {table.name: await _highest_id(into, table, last_ids) for table in saved_tables()}
            fence = (await into.execute(select(func.max(FENCE)))).scalar_one() or 0
            for table in [table for table in replaced_tables() if table.name not in kept]:
                staying = kept_rows(table)
                await into.execute(delete(table) if staying is None else delete(table).where(~staying))
            for table in [table for table in saved_tables() if table.name not in kept]:
                at = f"the table {table.name}"
                await _copy(origin, into, table)
                await advance_sequence(into, table, floor)
            at = "the fences of its instances"
            await _raise_fences(into, fence)
    except DBAPIError as failure:
        log.warning("restore refused by the database", at=at, error=type(failure.orig).__name__)
        raise Conflict(f"The database does not take what the backup holds ({at}): nothing was changed.") from None


async def _lock(into: AsyncConnection) -> None:
    """Nobody else writes until the end of the transaction; SQLite has one writer anyway."""
    if into.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in replaced_tables())
        await into.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


async def _highest_id(into: AsyncConnection, table: Table, last_ids: Mapping[str, int]) -> int:
    return max(await last_id(into, table) or 0, last_ids.get(table.name, 0))


async def _copy(origin: AsyncConnection, into: AsyncConnection, table: Table) -> None:
    statement = _insert(table, into.dialect.name)
    query = select(*export_columns(table)).order_by(*table.primary_key.columns)
    result = await origin.stream(query, execution_options={"yield_per": BATCH_ROWS})
    async for rows in result.partitions():
        await into.execute(statement, [{f"to_{name}": value for name, value in row._mapping.items()} for row in rows])


def _insert(table: Table, dialect: str) -> Insert:
    """JSON is inserted as its text: PostgreSQL needs a cast for that, and on SQLite a cast would break it."""
    values: dict[str, Any] = {}
    for column in table.columns:
        is_json = kind_of(column.type) is ColumnKind.JSON
        given = bindparam(f"to_{column.name}", type_=Text() if is_json else column.type)
        values[column.name] = cast(given, column.type) if is_json and dialect == "postgresql" else given
    return insert(table).values(values)


async def _raise_fences(into: AsyncConnection, highest: int) -> None:
    """Raise every fence above `highest`, so that nobody who was hunting before the restore can write."""
    raised = case((highest < FENCE, FENCE), else_=highest) + 1
    await into.execute(update(HuntState).values({FENCE: raised}))

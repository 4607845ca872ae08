"""Putting a staged backup in the place of what is there: one transaction, on whichever database."""

from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy import Insert, Table, Text, bindparam, case, cast, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.backup.archive import BATCH, texts_of
from app.backup.scope import replaced_tables, saved_tables, spared
from app.backup.sequences import go_on_from, last_id
from app.backup.values import ColumnKind, kind_of
from app.core.db import Database
from app.core.errors import Conflict
from app.hunting.store.models import HuntState

log = structlog.get_logger(__name__)

FENCE: Final = HuntState.__table__.c.fence  # type: ignore[attr-defined] # SQLModel's tables have it all the same


async def replace(target: Database, staged: Database, last_ids: Mapping[str, int]) -> None:
    """All tables of a backup anew, or none: a failure at any moment leaves what was there.

    `last_ids` is how far the archive's ids had come; ours go on from the higher of the two.
    """
    at = "its tables"
    try:
        async with staged.reading() as source, target.session() as session:
            out, into = await source.connection(), await session.connection()
            await _lock(into)
            floor = {table.name: await _reached(into, table, last_ids) for table in saved_tables()}
            fence = (await into.execute(select(func.max(FENCE)))).scalar_one() or 0
            for table in replaced_tables():
                keep = spared(table)
                await into.execute(delete(table) if keep is None else delete(table).where(~keep))
            for table in saved_tables():
                at = f"the table {table.name}"
                await _copy(out, into, table)
                await go_on_from(into, table, floor)
            at = "the fences of its instances"
            await _raise_fences(into, fence)
    except DBAPIError as failure:
        log.warning("restore refused by the database", at=at, error=type(failure.orig).__name__)
        raise Conflict(f"The database does not take what the backup holds ({at}): nothing was changed.") from None


async def _lock(into: AsyncConnection) -> None:
    """Nobody writes between our reading and our writing; SQLite has one writer anyway."""
    if into.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in replaced_tables())
        await into.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


async def _reached(into: AsyncConnection, table: Table, last_ids: Mapping[str, int]) -> int:
    return max(await last_id(into, table) or 0, last_ids.get(table.name, 0))


async def _copy(out: AsyncConnection, into: AsyncConnection, table: Table) -> None:
    statement = _insert(table, into.dialect.name)
    query = select(*texts_of(table)).order_by(*table.primary_key.columns)
    result = await out.stream(query, execution_options={"yield_per": BATCH})
    async for rows in result.partitions():
        await into.execute(statement, [{f"to_{name}": value for name, value in row._mapping.items()} for row in rows])


def _insert(table: Table, dialect: str) -> Insert:
    """JSON goes in as the text that it is: PostgreSQL wants to be told so, and SQLite's own cast would break it."""
    values: dict[str, Any] = {}
    for column in table.columns:
        is_json = kind_of(column.type) is ColumnKind.JSON
        given = bindparam(f"to_{column.name}", type_=Text() if is_json else column.type)
        values[column.name] = cast(given, column.type) if is_json and dialect == "postgresql" else given
    return insert(table).values(values)


async def _raise_fences(into: AsyncConnection, highest: int) -> None:
    """Whoever hunted until now holds an older number than any that is in force from here on."""
    raised = case((highest < FENCE, FENCE), else_=highest) + 1
    await into.execute(update(HuntState).values({FENCE: raised}))

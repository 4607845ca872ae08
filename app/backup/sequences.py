"""Id counters: an id that was assigned once is never assigned again, not even after a restore."""

from collections.abc import Mapping

from sqlalchemy import Table, case, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection


async def last_id(connection: AsyncConnection, table: Table) -> int | None:
    """The highest id that the table ever assigned; `None` for a table that assigns none."""
    column = table.autoincrement_column
    if column is None:
        return None
    highest = (await connection.execute(select(func.max(column)))).scalar_one() or 0
    if connection.dialect.name == "postgresql":
        name = (await connection.execute(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name)))).scalar()
        reached = case((literal_column("is_called"), literal_column("last_value")), else_=0)
        given = (await connection.execute(select(reached).select_from(text(name)))).scalar_one() if name else 0
    elif table.dialect_options["sqlite"]["autoincrement"]:
        query = "SELECT max(seq) FROM sqlite_sequence WHERE name = :name"
        given = (await connection.execute(text(query), {"name": table.name})).scalar_one() or 0
    else:
        given = 0  # SQLite continues from the highest row that there is
    return max(highest, given)


async def advance_sequence(connection: AsyncConnection, table: Table, floor: Mapping[str, int]) -> None:
    """Make the next id higher than every id in the table and than `floor[table.name]`."""
    reached = await last_id(connection, table)
    column = table.autoincrement_column
    if reached is None or column is None:
        return
    reached = max(reached, floor.get(table.name, 0))
    if connection.dialect.name == "postgresql":
        if reached:
            name = func.pg_get_serial_sequence(f'"{table.name}"', column.name)
            await connection.execute(select(func.setval(name, reached)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        given = {"name": table.name, "seq": reached}
        await connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), given)
        await connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), given)

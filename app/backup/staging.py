"""An archive as a database of its own: loaded at the schema that it was made with, checked, brought to ours.

So an old schema is migrated by the migrations themselves, and what a database would refuse is known before the real
one is touched.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.script import ScriptDirectory
from pydantic import ValidationError
from sqlalchemy import Connection, Insert, Text, column, insert, inspect, table, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.backup.folder import on_disk
from app.backup.manifest import Damaged, Manifest, TableEntry
from app.backup.protection import Exchange
from app.backup.reading import Archive, Record
from app.backup.scope import LEFT_OUT, saved_tables
from app.backup.values import ColumnKind, kind_of, read
from app.core.clock import Clock
from app.core.db import Database
from app.core.migrations import alembic_config, newest_revision
from app.settings.service import SettingsService

REVISIONS: Final = "alembic_version"
QUICK: Final = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF")  # a file that no crash need survive

Kinds = Mapping[str, ColumnKind]


@asynccontextmanager
async def staged(archive: Archive, place: Path, exchange: Exchange | None, clock: Clock) -> AsyncIterator[Database]:
    """The archive's content at our schema, complete and consistent; `Damaged` with a sentence otherwise."""
    said = archive.manifest
    _check_version(said)
    url = f"sqlite+aiosqlite:///{place / 'staging.db'}"
    await on_disk(command.upgrade, alembic_config(url), said.schema_revision)
    await _load(url, archive, exchange)
    if said.schema_revision != newest_revision():
        try:
            await on_disk(command.upgrade, alembic_config(url), "head")
        except SQLAlchemyError:
            raise Damaged("The backup cannot be brought to the schema of this version.") from None
        await _check_references(url)
    db = Database(url)
    try:
        await _check_settings(db, clock)
        yield db
    finally:
        await db.close()


def _check_version(said: Manifest) -> None:
    script = ScriptDirectory.from_config(alembic_config("sqlite+aiosqlite://"))
    if said.schema_revision not in {one.revision for one in script.walk_revisions()}:
        raise Damaged(
            f"This backup was made by Huntarr {said.app_version} with the schema {said.schema_revision}, which this "
            f"version does not know (it has {newest_revision()}): update Huntarr first."
        )
    if said.schema_revision == newest_revision():
        missing = {one.name for one in saved_tables()} ^ {entry.name for entry in said.tables}
        if missing:
            raise Damaged(f"The backup does not hold the tables of its schema; look at {min(missing)}.")


async def _load(url: str, archive: Archive, exchange: Exchange | None) -> None:
    engine = create_async_engine(url, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            for pragma in QUICK:
                await connection.exec_driver_sql(pragma)
            known = await connection.run_sync(_tables)
            for entry in archive.manifest.tables:
                if entry.name not in known:
                    raise Damaged(f"The backup holds a table that its schema has not: {entry.name}.")
                await _load_table(connection, archive, entry, exchange, known[entry.name])
            await connection.commit()
    finally:
        await engine.dispose()
    await _check_references(url)


def _tables(connection: Connection) -> dict[str, Kinds]:
    """The tables at the archive's schema, whatever that is: read from the database that its migrations made."""
    found = inspect(connection)
    return {
        name: {one["name"]: kind_of(one["type"]) for one in found.get_columns(name)}
        for name in found.get_table_names()
        if name != REVISIONS and LEFT_OUT.get(name) is None
    }


async def _load_table(
    connection: AsyncConnection, archive: Archive, entry: TableEntry, exchange: Exchange | None, kinds: Kinds
) -> None:
    statement = _insert(entry.name, await connection.run_sync(_types, entry.name))
    batches = archive.records(entry, exchange)
    done = 0
    while (batch := await on_disk(next, batches, None)) is not None:
        rows = [_row(record, kinds, f"Row {done + n} of the table {entry.name}") for n, record in enumerate(batch, 1)]
        try:
            await connection.execute(statement, rows)
        except DBAPIError:
            raise Damaged(f"The table {entry.name} of the backup holds rows that no database takes.") from None
        done += len(rows)


def _types(connection: Connection, name: str) -> dict[str, Any]:
    return {one["name"]: one["type"] for one in inspect(connection).get_columns(name)}


def _insert(name: str, types: Mapping[str, Any]) -> Insert:
    """JSON goes in as the text that it is."""
    columns = [column(one, Text() if kind_of(kind) is ColumnKind.JSON else kind) for one, kind in types.items()]
    return insert(table(name, *columns))


def _row(record: Record, kinds: Kinds, where: str) -> dict[str, Any]:
    if record.keys() != kinds.keys():
        raise Damaged(f"{where} has not the columns of its schema.")
    row = {}
    for name, kind in kinds.items():
        try:
            row[name] = read(kind, record[name])
        except ValueError:
            raise Damaged(f"{where} is not valid: {name} is no {kind}.") from None
    return row


async def _check_references(url: str) -> None:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            broken = (await connection.execute(text("PRAGMA foreign_key_check"))).first()
    finally:
        await engine.dispose()
    if broken is not None:
        raise Damaged(f"A row of the table {broken[0]} refers to a row of {broken[2]} that the backup does not hold.")


async def _check_settings(db: Database, clock: Clock) -> None:
    """Settings that cannot be read would stop everything, once they are in force."""
    try:
        await SettingsService(db, clock).sections()
    except (ValidationError, ValueError, TypeError):
        raise Damaged("The settings in the backup are not valid for this version.") from None

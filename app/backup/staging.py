"""Loads an archive into a database of its own, with the archive's schema, checks it, and migrates it to our schema.

So old schemas are handled by the migrations themselves, and whatever a database would refuse is known before the real
one is touched.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Insert, Text, column, insert, inspect, text
from sqlalchemy import table as named_table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.backup.folder import on_disk
from app.backup.manifest import Damaged, Manifest, TableEntry
from app.backup.protection import Reencrypt
from app.backup.reading import Archive, ArchiveRow
from app.backup.scope import EXCLUDED, saved_tables
from app.backup.values import ColumnKind, decode_value, kind_of
from app.core.db import Database
from app.core.revisions import newest_revision, revisions

REVISIONS: Final = "alembic_version"
FAST_PRAGMAS: Final = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF")  # the file need not survive a crash

Kinds = Mapping[str, ColumnKind]
Check = Callable[[Database], Awaitable[None]]
"""Raises `Damaged` for rows that the program could not read."""


@asynccontextmanager
async def stage(archive: Archive, workdir: Path, reencrypt: Reencrypt | None, check: Check) -> AsyncIterator[Database]:
    """A temporary database with the archive's content at our schema; `Damaged` when incomplete or inconsistent."""
    from app.core.upgrades import NEWEST, upgrade  # here: alembic is large, and restoring is rare

    manifest = archive.manifest
    _check_version(manifest)
    url = f"sqlite+aiosqlite:///{workdir / 'staging.db'}"
    await on_disk(upgrade, url, manifest.schema_revision)
    await _load(url, archive, reencrypt)
    if manifest.schema_revision != newest_revision():
        try:
            await on_disk(upgrade, url, NEWEST)
        except SQLAlchemyError:
            raise Damaged("The backup cannot be brought to the schema of this version.") from None
        await _check_references(url)
    db = Database(url)
    try:
        await check(db)
        yield db
    finally:
        await db.close()


def _check_version(manifest: Manifest) -> None:
    if manifest.schema_revision not in revisions():
        raise Damaged(
            f"This backup was made by Huntarr {manifest.app_version} with the schema {manifest.schema_revision}, "
            f"which this version does not know (it has {newest_revision()}): update Huntarr first."
        )
    if manifest.schema_revision == newest_revision():
        missing = {table.name for table in saved_tables()} ^ {entry.name for entry in manifest.tables}
        if missing:
            raise Damaged(f"The backup does not hold the tables of its schema; look at {min(missing)}.")


async def _load(url: str, archive: Archive, reencrypt: Reencrypt | None) -> None:
    engine = create_async_engine(url, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            for pragma in FAST_PRAGMAS:
                await connection.exec_driver_sql(pragma)
            known = await connection.run_sync(_tables)
            for entry in archive.manifest.tables:
                if entry.name not in known:
                    raise Damaged(f"The backup holds a table that its schema has not: {entry.name}.")
                await _load_table(connection, archive, entry, reencrypt, known[entry.name])
            await connection.commit()
    finally:
        await engine.dispose()
    await _check_references(url)


def _tables(connection: Connection) -> dict[str, Kinds]:
    """Tables and columns of the archive's schema, read from the database that the migrations made."""
    found = inspect(connection)
    return {
        name: {column["name"]: kind_of(column["type"]) for column in found.get_columns(name)}
        for name in found.get_table_names()
        if name != REVISIONS and EXCLUDED.get(name) is None
    }


async def _load_table(
    connection: AsyncConnection, archive: Archive, entry: TableEntry, reencrypt: Reencrypt | None, kinds: Kinds
) -> None:
    statement = _insert(entry.name, await connection.run_sync(_types, entry.name))
    batches = archive.rows(entry, reencrypt)
    done = 0
    while (rows := await on_disk(_decoded, batches, kinds, entry.name, done)) is not None:
        try:
            await connection.execute(statement, rows)
        except DBAPIError:
            raise Damaged(f"The table {entry.name} of the backup holds rows that no database takes.") from None
        done += len(rows)


def _decoded(batches: Iterator[list[ArchiveRow]], kinds: Kinds, table: str, done: int) -> list[dict[str, Any]] | None:
    """The next rows; `None` after the last ones. Slow: called in a thread."""
    batch = next(batches, None)
    if batch is None:
        return None
    return [_row(row, kinds, f"Row {done + n} of the table {table}") for n, row in enumerate(batch, 1)]


def _types(connection: Connection, name: str) -> dict[str, Any]:
    return {column["name"]: column["type"] for column in inspect(connection).get_columns(name)}


def _insert(name: str, types: Mapping[str, Any]) -> Insert:
    """JSON is inserted as its text."""
    columns = [
        column(key, Text() if kind_of(declared) is ColumnKind.JSON else declared) for key, declared in types.items()
    ]
    return insert(named_table(name, *columns))


def _row(archived: ArchiveRow, kinds: Kinds, where: str) -> dict[str, Any]:
    if archived.keys() != kinds.keys():
        raise Damaged(f"{where} has not the columns of its schema.")
    row = {}
    for name, kind in kinds.items():
        try:
            row[name] = decode_value(kind, archived[name])
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

"""Writes an archive: one consistent view of the database, streamed into a zip a few hundred rows at a time."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from pydantic_core import to_json
from sqlalchemy import Row, Table, Text, cast, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel.ext.asyncio.session import AsyncSession

from app.backup.folder import on_disk, unusable
from app.backup.manifest import MANIFEST, DatabaseKind, Manifest, ManifestHead, TableEntry, member_name
from app.backup.protection import Reencrypt
from app.backup.scope import saved_tables
from app.backup.sequences import last_id
from app.backup.values import ColumnKind, encode_value, kind_of
from app.core.db import Database

BATCH_ROWS: Final = 500

MakeHead = Callable[[str, DatabaseKind], ManifestHead]
"""Makes the head of the manifest for a schema revision and a kind of database."""


async def write_archive(db: Database, path: Path, head: MakeHead, reencrypt: Reencrypt | None) -> Manifest:
    """Write the whole database to the new file `path`, while others go on writing to the database."""
    async with db.reading() as session:
        connection = await snapshot(session)
        revision = str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one())
        kind = DatabaseKind.SQLITE if db.is_sqlite else DatabaseKind.POSTGRESQL
        manifest_head = head(revision, kind)
        with _writer(path, manifest_head.created_at, reencrypt) as writer:
            entries = [await _save(connection, table, writer) for table in saved_tables()]
            manifest = Manifest.model_validate({**manifest_head.model_dump(), "tables": entries})
            await on_disk(writer.finish, manifest)
    return manifest


async def snapshot(session: AsyncSession) -> AsyncConnection:
    """A connection that sees one moment of the database. On SQLite every one does, from its first statement on."""
    dialect = session.get_bind().dialect.name
    options = {"isolation_level": "REPEATABLE READ"} if dialect == "postgresql" else {}
    return await session.connection(execution_options=options)


def export_columns(table: Table) -> list[Any]:
    """The columns as backups hold them: JSON as its text."""
    return [
        cast(column, Text).label(column.name) if kind_of(column.type) is ColumnKind.JSON else column
        for column in table.columns
    ]


async def _save(connection: AsyncConnection, table: Table, writer: "_Writer") -> TableEntry:
    query = select(*export_columns(table)).order_by(*table.primary_key.columns)
    highest = await last_id(connection, table)
    result = await connection.stream(query, execution_options={"yield_per": BATCH_ROWS})
    await on_disk(writer.begin, table.name)
    async for rows in result.partitions():
        await on_disk(writer.add, rows)
    return await on_disk(writer.end, highest)


class _Writer:
    """Writes the zip table by table. Its methods are slow and belong in a thread."""

    def __init__(self, handle: IO[bytes], created_at: datetime, reencrypt: Reencrypt | None) -> None:
        self._handle = handle
        self._zip = zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED)
        self._date = created_at.timetuple()[:6]
        self._reencrypt = reencrypt
        self._member: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self._name, self._rows, self._size = "", 0, 0

    def begin(self, table: str) -> None:
        self._name, self._rows, self._size, self._hash = table, 0, 0, hashlib.sha256()
        self._member = self._zip.open(self._info(member_name(table)), "w", force_zip64=True)

    def add(self, rows: Sequence[Row[Any]]) -> None:
        lines = b"".join(
            to_json({name: encode_value(value) for name, value in row._mapping.items()}) + b"\n" for row in rows
        )
        if self._reencrypt is not None:
            lines = self._reencrypt(lines.decode()).encode()
        self._hash.update(lines)
        self._rows += len(rows)
        self._size += len(lines)
        if self._member is not None:
            self._member.write(lines)

    def end(self, highest: int | None) -> TableEntry:
        if self._member is not None:
            self._member.close()
            self._member = None
        return TableEntry(
            name=self._name, rows=self._rows, size=self._size, sha256=self._hash.hexdigest(), last_id=highest
        )

    def finish(self, manifest: Manifest) -> None:
        self._zip.writestr(self._info(MANIFEST), manifest.model_dump_json(indent=1))
        self._zip.close()
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def close(self) -> None:
        """Close what is open. The caller throws an unfinished file away."""
        for handle in (self._member, self._zip):
            if handle is not None:
                with suppress(OSError, ValueError):
                    handle.close()

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return info


@contextmanager
def _writer(path: Path, created_at: datetime, reencrypt: Reencrypt | None) -> Iterator[_Writer]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as failure:
        raise unusable(failure) from failure
    with os.fdopen(descriptor, "wb") as handle:
        writer = _Writer(handle, created_at, reencrypt)
        try:
            yield writer
        finally:
            writer.close()

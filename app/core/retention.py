"""Deleting many rows in short transactions, so that other writers never wait for a clean-up."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, select

from app.core.db import Database

BATCH_ROWS = 1000
MAX_BATCHES = 10_000
"""What is left after so many batches waits for the next call."""


async def delete_in_batches(
    db: Database, table: Any, *terms: ColumnElement[bool], batch_rows: int | None = None
) -> int:
    """Delete the rows of `table`, which has a column `id`, that fit all `terms`; the number of deleted rows."""
    limit = batch_rows or BATCH_ROWS
    batch = select(table.id).where(*terms).limit(limit)
    total = 0
    for _ in range(MAX_BATCHES):
        async with db.session() as session:
            deleted = (await session.exec(delete(table).where(col(table.id).in_(batch)))).rowcount
        total += deleted
        if deleted < limit:
            break
    return total

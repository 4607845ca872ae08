"""Entries for tests, and a check of the totals."""

from collections import Counter
from typing import Any

from sqlmodel import select

from app.core.db import Database
from app.logs.lines import Entry
from app.logs.models import NO_INSTANCE, LogEntry, LogTotal, id_at
from tests.support.rig import START

FIRST = id_at(START)
"""The id of the first entry: the time at which the clock of the rig starts."""


def entry(number: int = 0, **given: Any) -> Entry:
    """An entry that was logged `number` milliseconds after the start."""
    values: dict[str, Any] = {
        "id": FIRST + number * 1000,
        "level": 20,
        "app_type": "system",
        "instance_id": None,
        "hunt_id": None,
        "request_id": None,
        "logger": "tests",
        "message": f"line {number}",
        "context": "{}",
        "size": 10,
    }
    return Entry(**{**values, **given})


async def stored(db: Database) -> list[LogEntry]:
    """All entries, the oldest first."""
    async with db.reading() as session:
        return list((await session.exec(select(LogEntry).order_by(LogEntry.id))).all())  # type: ignore[arg-type] # a column


async def check_counts(db: Database) -> None:
    """The stored totals equal a count of the table."""
    async with db.reading() as session:
        totals = (await session.exec(select(LogTotal))).all()
    lines: Counter[tuple[str, int, int]] = Counter()
    sizes: Counter[tuple[str, int, int]] = Counter()
    for row in await stored(db):
        kind = (row.app_type, row.instance_id or NO_INSTANCE, row.level)
        lines[kind] += 1
        sizes[kind] += row.size
    assert {(row.app_type, row.instance_id, row.level): row.lines for row in totals if row.lines} == lines
    assert {(row.app_type, row.instance_id, row.level): row.size for row in totals if row.size} == sizes

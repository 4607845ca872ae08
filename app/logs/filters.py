"""Filters of the log, and queries that find the matching ids through an index."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select, union_all

from app.core.config import LogLevel
from app.logs.models import LEVEL_NUMBERS, LogEntry, id_at


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`level`: that level and above. `search`: a part of message or context. `until`: exclusive."""

    app_type: str | None = None
    level: LogLevel | None = None
    instance_id: int | None = None
    hunt_id: int | None = None
    request_id: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the stored totals tell how many entries match."""
        others = (self.hunt_id, self.request_id, self.search, self.since, self.until)
        return all(value is None for value in others)

    @property
    def levels(self) -> list[int]:
        lowest = LEVEL_NUMBERS[self.level or LogLevel.DEBUG]
        return [number for number in LEVEL_NUMBERS.values() if number >= lowest]

    def terms(self) -> list[ColumnElement[bool]]:
        """The conditions of all fields but `level` and `search`."""
        pairs: tuple[tuple[Any, Any], ...] = (
            (LogEntry.app_type, self.app_type),
            (LogEntry.instance_id, self.instance_id),
            (LogEntry.hunt_id, self.hunt_id),
            (LogEntry.request_id, self.request_id),
        )
        terms: list[ColumnElement[bool]] = [col(column) == value for column, value in pairs if value is not None]
        if self.since is not None:
            terms.append(col(LogEntry.id) >= id_at(self.since))
        if self.until is not None:
            terms.append(col(LogEntry.id) < id_at(self.until))
        return terms

    def matches(self, message: Any, context: Any) -> ColumnElement[bool]:
        """The condition of `search`."""
        return or_(*(column.icontains(self.search or "", autoescape=True) for column in (message, context)))


def matching(
    wanted: LogFilter, limit: int, *, beyond: int | None = None, oldest_first: bool = False, with_texts: bool = False
) -> Any:
    """A query for the ids of the newest (or oldest) matching entries after the id `beyond`; `search` is ignored.

    The indexes have the level before the id. So each level is read in order and the levels are merged, and a rare
    error among a million other entries is found at once.
    """
    terms = wanted.terms()
    if beyond is not None:
        terms.append(col(LogEntry.id) > beyond if oldest_first else col(LogEntry.id) < beyond)
    columns: tuple[Any, ...] = (LogEntry.id, LogEntry.message, LogEntry.context) if with_texts else (LogEntry.id,)

    def read(*more: ColumnElement[bool]) -> Any:
        return _in_order(select(*columns).where(*terms, *more), col(LogEntry.id), limit, oldest_first)

    if wanted.hunt_id is not None or wanted.request_id is not None:
        return read(col(LogEntry.level).in_(wanted.levels))
    has_all = len(wanted.levels) == len(LEVEL_NUMBERS)
    if has_all and wanted.app_type is None and wanted.instance_id is None:
        return read()
    parts = [read(col(LogEntry.level) == level).subquery() for level in wanted.levels]
    merged = union_all(*(select(*part.c) for part in parts)).subquery()
    return _in_order(select(*merged.c), merged.c.id, limit, oldest_first)


def with_text(wanted: LogFilter, limit: int, *, beyond: int | None = None) -> Any:
    """A query for the ids of entries that contain `search`, among the `limit` newest that match otherwise.

    The subquery selects the texts too: for a join PostgreSQL would read the whole table first.
    """
    columns = matching(wanted, limit, beyond=beyond, with_texts=True).subquery().c
    return select(columns.id).where(wanted.matches(columns.message, columns.context)).order_by(columns.id.desc())


def _in_order(query: Any, entry_id: Any, limit: int, oldest_first: bool) -> Any:
    return query.order_by(entry_id if oldest_first else entry_id.desc()).limit(limit)

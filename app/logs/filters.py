"""What a caller asks the log for, and how the ids that fit are found without walking over those that do not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select, union_all

from app.core.config import LogLevel
from app.logs.models import NUMBERS, LogEntry, id_at


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`level` is that level and above; `search` a part of message or context; `until` itself is left out."""

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
        """Whether the counts that are kept answer how many there are."""
        others = (self.hunt_id, self.request_id, self.search, self.since, self.until)
        return all(one is None for one in others)

    @property
    def levels(self) -> list[int]:
        least = NUMBERS[self.level or LogLevel.DEBUG]
        return [number for number in NUMBERS.values() if number >= least]

    def terms(self) -> list[ColumnElement[bool]]:
        """All but the level and `search`."""
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
        """The term of `search`."""
        return or_(*(column.icontains(self.search or "", autoescape=True) for column in (message, context)))


def fitting(
    wanted: LogFilter, most: int, *, beyond: int | None = None, oldest_first: bool = False, with_texts: bool = False
) -> Any:
    """A query for the ids of the `most` newest (oldest) entries that fit, `search` aside, `beyond` an id.

    The indexes hold a level before the id, so that each level is read in order and the levels are merged: a rare
    error is found at once below a million other lines.
    """
    terms = wanted.terms()
    if beyond is not None:
        terms.append(col(LogEntry.id) > beyond if oldest_first else col(LogEntry.id) < beyond)
    columns: tuple[Any, ...] = (LogEntry.id, LogEntry.message, LogEntry.context) if with_texts else (LogEntry.id,)

    def read(*more: ColumnElement[bool]) -> Any:
        return _in_order(select(*columns).where(*terms, *more), col(LogEntry.id), most, oldest_first)

    if wanted.hunt_id is not None or wanted.request_id is not None:
        return read(col(LogEntry.level).in_(wanted.levels))
    has_all = len(wanted.levels) == len(NUMBERS)
    if has_all and wanted.app_type is None and wanted.instance_id is None:
        return read()
    parts = [read(col(LogEntry.level) == level).subquery() for level in wanted.levels]
    merged = union_all(*(select(*part.c) for part in parts)).subquery()
    return _in_order(select(*merged.c), merged.c.id, most, oldest_first)


def searching(wanted: LogFilter, most: int, *, beyond: int | None = None) -> Any:
    """A query for the ids of those in which `search` is found, among the `most` newest that fit otherwise.

    The texts are carried along: for a join PostgreSQL would look through the whole table first.
    """
    columns = fitting(wanted, most, beyond=beyond, with_texts=True).subquery().c
    return select(columns.id).where(wanted.matches(columns.message, columns.context)).order_by(columns.id.desc())


def _in_order(query: Any, entry_id: Any, most: int, oldest_first: bool) -> Any:
    return query.order_by(entry_id if oldest_first else entry_id.desc()).limit(most)

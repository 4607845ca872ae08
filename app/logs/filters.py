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
            (LogEntry.app_type, self.app_type), (LogEntry.instance_id, self.instance_id),
            (LogEntry.hunt_id, self.hunt_id), (LogEntry.request_id, self.request_id),
        )  # fmt: skip
        terms: list[ColumnElement[bool]] = [col(column) == value for column, value in pairs if value is not None]
        if self.since is not None:
            terms.append(col(LogEntry.id) >= id_at(self.since))
        if self.until is not None:
            terms.append(col(LogEntry.id) < id_at(self.until))
        return terms

    def matches(self) -> ColumnElement[bool]:
        """The term of `search`."""
        columns = (LogEntry.message, LogEntry.context)
        return or_(*(col(column).icontains(self.search or "", autoescape=True) for column in columns))


def fitting(wanted: LogFilter, most: int, *, beyond: int | None = None, oldest_first: bool = False) -> Any:
    """A query for the ids of the `most` newest (oldest) entries that fit, `search` aside, `beyond` an id.

    The indexes hold a level before the id, so that each level is read in order and the levels are merged: a rare
    error is found at once below a million other lines.
    """
    terms = wanted.terms()
    if beyond is not None:
        terms.append(col(LogEntry.id) > beyond if oldest_first else col(LogEntry.id) < beyond)
    if wanted.hunt_id is not None or wanted.request_id is not None:
        return _in_order([*terms, col(LogEntry.level).in_(wanted.levels)], most, oldest_first)
    has_all = len(wanted.levels) == len(NUMBERS)
    if has_all and wanted.app_type is None and wanted.instance_id is None:
        return _in_order(terms, most, oldest_first)
    parts = [_in_order([*terms, col(LogEntry.level) == level], most, oldest_first) for level in wanted.levels]
    merged = union_all(*(select(part.subquery().c.id) for part in parts)).subquery()
    return select(merged.c.id).order_by(merged.c.id if oldest_first else merged.c.id.desc()).limit(most)


def _in_order(terms: list[ColumnElement[bool]], most: int, oldest_first: bool) -> Any:
    order = col(LogEntry.id) if oldest_first else col(LogEntry.id).desc()
    return select(LogEntry.id).where(*terms).order_by(order).limit(most)

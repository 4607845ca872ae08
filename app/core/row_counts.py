"""How many rows a filter of a growing list finds, without counting a million of them on every page."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.hunting.store.models import Hunt, HuntStatus, Outcome, Search

SHORT = 20_000
LASTS_SECONDS = 10.0
SHARE = 200
"""A count serves so much longer than it took: however long the table, counting is half a percent of the time."""
MAX_KEPT = 500


class Filter(Hashable, Protocol):
    """What a caller asks a list for; equal filters find the same rows."""

    def terms(self, table: Any = ...) -> list[ColumnElement[bool]]: ...


@dataclass(frozen=True, slots=True)
class HuntFilter:
    """Which hunts."""

    instance_id: int | None = None
    app_type: AppType | None = None
    status: HuntStatus | None = None

    def terms(self, table: Any = Hunt) -> list[ColumnElement[bool]]:
        return _equal(
            (table.instance_id, self.instance_id), (table.app_type, self.app_type), (table.status, self.status)
        )


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which searches; `search` is a part of the title, `until` itself is left out."""

    app_type: AppType | None = None
    instance_id: int | None = None
    hunt_pass: HuntPass | None = None
    outcome: Outcome | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def terms(self, table: Any = Search) -> list[ColumnElement[bool]]:
        terms = _equal(
            (table.app_type, self.app_type),
            (table.instance_id, self.instance_id),
            (table.hunt_pass, self.hunt_pass),
            (table.outcome, self.outcome),
        )
        if self.search:
            terms.append(col(table.title).icontains(self.search, autoescape=True))
        if self.since is not None:
            terms.append(col(table.searched_at) >= self.since)
        if self.until is not None:
            terms.append(col(table.searched_at) < self.until)
        return terms


@dataclass(frozen=True, slots=True)
class Count:
    """`rows` up to the row `newest`; it serves until `until`."""

    rows: int
    newest: int
    until: float


class RowCounts:
    """Counts of one process. A short table is counted every time; of a long one a count serves for ten seconds, of a
    very long one for longer.

    Rows that came since are added exactly. What that leaves is an old row that changed or went: such a total may be
    that old.
    """

    def __init__(self, *, timer: Callable[[], float] = time.monotonic, short: int = SHORT) -> None:
        self._timer = timer
        self._short = short
        self._kept: dict[tuple[Any, Filter], Count] = {}

    async def of(self, session: AsyncSession, table: Any, wanted: Filter) -> int:
        """The number of rows of `table` that fit."""
        newest = (await session.exec(select(func.max(table.id)))).one() or 0
        kept = self._kept.get((table, wanted))
        began = self._timer()
        if kept is None or newest <= self._short or began >= kept.until:
            rows = (await session.exec(select(func.count()).select_from(table).where(*wanted.terms()))).one()
            now = self._timer()
            self._keep(table, wanted, Count(rows, newest, now + max(LASTS_SECONDS, SHARE * (now - began))))
            return rows
        # Cut off first, with a limit, or SQLite walks the index of a filter and not the few rows that are new.
        new = select(table).where(col(table.id) > kept.newest).order_by(col(table.id)).limit(newest).subquery()
        query = select(func.count()).select_from(new).where(*wanted.terms(aliased(table, new)))
        return kept.rows + (await session.exec(query)).one()

    async def page(
        self, session: AsyncSession, query: Any, table: Any, wanted: Filter, *, page: int, page_size: int
    ) -> tuple[Sequence[Any], int]:
        """The rows of one page of `query` and how many there are in all; a page that is not full tells that itself."""
        offset = (page - 1) * page_size
        rows = (await session.exec(query.where(*wanted.terms()).offset(offset).limit(page_size))).all()
        if len(rows) < page_size and (rows or offset == 0):
            return rows, offset + len(rows)
        return rows, await self.of(session, table, wanted)

    def forget(self) -> None:
        """Count anew: rows were deleted."""
        self._kept.clear()

    def _keep(self, table: Any, wanted: Filter, count: Count) -> None:
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[table, wanted] = count


def _equal(*pairs: tuple[Any, Any]) -> list[ColumnElement[bool]]:
    return [col(column) == value for column, value in pairs if value is not None]

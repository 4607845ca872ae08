"""How many rows of a growing table a filter finds, without counting a million of them for every page."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

SHORT_TABLE_ROWS = 20_000
MIN_AGE_SECONDS = 10.0
AGE_FACTOR = 200
"""A count is kept for so many times the time that it took: counting takes half a percent of the time at most."""
MAX_KEPT = 500


class RowFilter(Hashable, Protocol):
    """Which rows a caller asks for; equal filters find the same rows."""

    def terms(self, table: Any = ...) -> list[ColumnElement[bool]]: ...


@dataclass(frozen=True, slots=True)
class KeptCount:
    """`rows` up to the id `newest`; it is valid until `until` of the timer."""

    rows: int
    newest: int
    until: float


class RowCounts:
    """The counts of one process. A short table is counted every time, a long one once in ten seconds or more rarely.

    Rows that were added since are counted exactly. Rows that changed or were deleted since are not seen.
    """

    def __init__(self, *, timer: Callable[[], float] = time.monotonic, short: int = SHORT_TABLE_ROWS) -> None:
        self._timer = timer
        self._short = short
        self._kept: dict[tuple[Any, RowFilter], KeptCount] = {}

    async def of(self, session: AsyncSession, table: Any, wanted: RowFilter) -> int:
        """The number of rows of `table` that fit."""
        newest = (await session.exec(select(func.max(table.id)))).one() or 0
        kept = self._kept.get((table, wanted))
        began = self._timer()
        if kept is None or newest <= self._short or began >= kept.until:
            rows = (await session.exec(select(func.count()).select_from(table).where(*wanted.terms()))).one()
            now = self._timer()
            age = max(MIN_AGE_SECONDS, AGE_FACTOR * (now - began))
            self._keep(table, wanted, KeptCount(rows, newest, now + age))
            return rows
        # The limit makes SQLite read the few new rows first, and not all rows of the filter's index.
        new = select(table).where(col(table.id) > kept.newest).order_by(col(table.id)).limit(newest).subquery()
        query = select(func.count()).select_from(new).where(*wanted.terms(aliased(table, new)))
        return kept.rows + (await session.exec(query)).one()

    async def page(
        self, session: AsyncSession, query: Any, table: Any, wanted: RowFilter, *, page: int, page_size: int
    ) -> tuple[Sequence[Any], int]:
        """The rows of one page of `query`, and the total; a page that is not full needs no count."""
        offset = (page - 1) * page_size
        rows = (await session.exec(query.where(*wanted.terms()).offset(offset).limit(page_size))).all()
        if len(rows) < page_size and (rows or offset == 0):
            return rows, offset + len(rows)
        return rows, await self.of(session, table, wanted)

    def forget(self) -> None:
        """Count anew: rows were deleted."""
        self._kept.clear()

    def _keep(self, table: Any, wanted: RowFilter, count: KeptCount) -> None:
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[table, wanted] = count


def equal_terms(*pairs: tuple[Any, Any]) -> list[ColumnElement[bool]]:
    """Column equals value, for each value that is given."""
    return [col(column) == value for column, value in pairs if value is not None]

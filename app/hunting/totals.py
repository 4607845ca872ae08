"""How many rows a filter of a growing list finds, without counting a million of them on every page."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.hunting.models import Hunt, HuntStatus, Outcome, Search

SHORT = 20_000
LASTS_SECONDS = 10.0
MOST_KEPT = 500


class Filter(Hashable, Protocol):
    """What a caller asks a list for; equal filters find the same rows."""

    def terms(self) -> list[ColumnElement[bool]]: ...


@dataclass(frozen=True, slots=True)
class HuntFilter:
    """Which hunts."""

    instance_id: int | None = None
    app_type: AppType | None = None
    status: HuntStatus | None = None

    def terms(self) -> list[ColumnElement[bool]]:
        return _equal((Hunt.instance_id, self.instance_id), (Hunt.app_type, self.app_type), (Hunt.status, self.status))


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

    def terms(self) -> list[ColumnElement[bool]]:
        terms = _equal(
            (Search.app_type, self.app_type), (Search.instance_id, self.instance_id),
            (Search.hunt_pass, self.hunt_pass), (Search.outcome, self.outcome),
        )  # fmt: skip
        if self.search:
            terms.append(col(Search.title).icontains(self.search, autoescape=True))
        if self.since is not None:
            terms.append(col(Search.searched_at) >= self.since)
        if self.until is not None:
            terms.append(col(Search.searched_at) < self.until)
        return terms


@dataclass(frozen=True, slots=True)
class Count:
    """`rows` up to the row `newest`, counted at `at`."""

    rows: int
    newest: int
    at: float


class Totals:
    """Counts of one process. A short table is counted every time; of a long one a count serves for ten seconds.

    Rows that came since are added exactly. What that leaves is an old row that changed or went: such a total may be
    ten seconds old.
    """

    def __init__(self, *, timer: Callable[[], float] = time.monotonic, short: int = SHORT) -> None:
        self._timer = timer
        self._short = short
        self._kept: dict[tuple[Any, Filter], Count] = {}

    async def of(self, session: AsyncSession, table: Any, wanted: Filter) -> int:
        """The number of rows of `table` that fit."""
        newest = (await session.exec(select(func.max(table.id)))).one() or 0
        kept = self._kept.get((table, wanted))
        if kept is None or newest <= self._short or not 0 <= self._timer() - kept.at < LASTS_SECONDS:
            rows = (await session.exec(select(func.count()).select_from(table).where(*wanted.terms()))).one()
            self._keep(table, wanted, Count(rows, newest, self._timer()))
            return rows
        # As a subquery of its own, or SQLite walks the index of a filter instead of the few new rows.
        new = select(table.id).where(col(table.id) > kept.newest).order_by(col(table.id)).limit(newest)
        query = select(func.count()).select_from(table).where(col(table.id).in_(new), *wanted.terms())
        return kept.rows + (await session.exec(query)).one()

    def forget(self) -> None:
        """Count anew: rows were deleted."""
        self._kept.clear()

    def _keep(self, table: Any, wanted: Filter, count: Count) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[table, wanted] = count


def _equal(*pairs: tuple[Any, Any]) -> list[ColumnElement[bool]]:
    return [col(column) == value for column, value in pairs if value is not None]

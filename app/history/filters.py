"""Which searches of the history a caller asks for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col

from app.arr.models import AppType, HuntPass
from app.core.row_counts import equal_terms
from app.hunting.store.models import Outcome, Search


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """`search` is a part of the title; `since` is included, `until` is not."""

    app_type: AppType | None = None
    instance_id: int | None = None
    hunt_pass: HuntPass | None = None
    outcome: Outcome | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_heavy(self) -> bool:
        """Whether finding or counting the rows takes a look at many: any text and any time is a filter of its own."""
        return bool(self.search) or self.since is not None or self.until is not None

    def terms(self, table: Any = Search) -> list[ColumnElement[bool]]:
        terms = equal_terms(
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

"""Which hunts a caller asks for."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from app.arr.models import AppType
from app.core.row_counts import equal_terms
from app.hunting.store.models import Hunt, HuntStatus


@dataclass(frozen=True, slots=True)
class HuntFilter:
    """`None` is any."""

    instance_id: int | None = None
    app_type: AppType | None = None
    status: HuntStatus | None = None

    def terms(self, table: Any = Hunt) -> list[ColumnElement[bool]]:
        return equal_terms(
            (table.instance_id, self.instance_id), (table.app_type, self.app_type), (table.status, self.status)
        )

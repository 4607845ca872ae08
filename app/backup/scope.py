"""What a backup holds: every table of the metadata but the ones named here. A new table is in it by itself."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, Table
from sqlmodel import SQLModel

from app.idempotency.models import Replay


class LeftOut(StrEnum):
    """What a restore does with a table that no backup holds."""

    ENDED = "ended"
    """Emptied: its rows speak of users, keys and ids that the restore replaces."""
    KEPT = "kept"
    """Left as it is: what happened here happened, whatever is restored."""


LEFT_OUT: Final[Mapping[str, LeftOut]] = MappingProxyType(
    {
        "sessions": LeftOut.ENDED,
        "replays": LeftOut.ENDED,
        "notification_deliveries": LeftOut.ENDED,  # those of the backup were sent long ago
        "audit": LeftOut.KEPT,  # a restore must not be the way to make a trail disappear
        "backup_plan": LeftOut.KEPT,
        "logs": LeftOut.KEPT,
        "log_totals": LeftOut.KEPT,
        "events": LeftOut.KEPT,  # what happened here is still to be told
    }
)


def saved_tables() -> list[Table]:
    """The tables of a backup, each after those that it refers to."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in LEFT_OUT]


def replaced_tables() -> list[Table]:
    """What a restore empties, each before those that it refers to."""
    return [
        table for table in reversed(SQLModel.metadata.sorted_tables) if LEFT_OUT.get(table.name) is not LeftOut.KEPT
    ]


def spared(table: Table) -> ColumnElement[bool] | None:
    """Rows of an emptied table that stay all the same: requests under way, the restore's own among them."""
    return table.c.status.is_(None) if table.name == Replay.__tablename__ else None

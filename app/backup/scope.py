"""Which tables a backup holds: all of SQLModel's metadata but the excluded ones, so a new table is saved by itself."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import ColumnElement, Table
from sqlmodel import SQLModel

from app.idempotency.models import Replay


class Excluded(StrEnum):
    """What a restore does with a table that no backup holds."""

    EMPTIED = "ended"
    """It is emptied: its rows refer to users, keys and ids that the restore replaces."""
    KEPT = "kept"
    """It is left as it is: a record of what happened here."""


EXCLUDED: Final[Mapping[str, Excluded]] = MappingProxyType(
    {
        "sessions": Excluded.EMPTIED,
        "replays": Excluded.EMPTIED,
        "notification_deliveries": Excluded.EMPTIED,  # those of the backup were sent long ago
        "audit": Excluded.KEPT,  # a restore must not be a way to erase it
        "backup_plan": Excluded.KEPT,
        "logs": Excluded.KEPT,
        "log_totals": Excluded.KEPT,
        "movie_hunt_releases": Excluded.EMPTIED,  # what the last searches found; the next search finds it anew
        "events": Excluded.KEPT,  # those of this installation are still to be published
    }
)


def saved_tables() -> list[Table]:
    """The tables of a backup, each after the tables that it refers to."""
    return [table for table in SQLModel.metadata.sorted_tables if table.name not in EXCLUDED]


def replaced_tables() -> list[Table]:
    """The tables that a restore empties, each before the tables that it refers to."""
    return [
        table for table in reversed(SQLModel.metadata.sorted_tables) if EXCLUDED.get(table.name) is not Excluded.KEPT
    ]


def kept_rows(table: Table) -> ColumnElement[bool] | None:
    """A condition for the rows of an emptied table that stay: requests under way, such as the restore itself."""
    return table.c.status.is_(None) if table.name == Replay.__tablename__ else None

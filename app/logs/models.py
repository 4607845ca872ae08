"""The tables of the log: its entries and their totals."""

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Index, Integer, Text
from sqlmodel import Field, SQLModel

from app.arr.registry import all_apps
from app.core.config import LogLevel

SYSTEM = "system"
MOVIE_HUNT = "movie_hunt"
SOURCES: tuple[str, ...] = (*(app_type.value for app_type in all_apps()), SYSTEM, MOVIE_HUNT)
"""The source of an entry: an app type, Huntarr itself, or Movie Hunt."""
LEVEL_NUMBERS: dict[LogLevel, int] = {level: logging.getLevelNamesMapping()[level] for level in LogLevel}
NO_INSTANCE = 0
"""In totals: entries that belong to no instance."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def id_at(moment: datetime) -> int:
    """The id of an entry that was logged at `moment`."""
    return (moment - EPOCH) // MICROSECOND


def time_of(entry_id: int) -> datetime:
    return EPOCH + entry_id * MICROSECOND


class LogEntry(SQLModel, table=True):
    """One line. Its id is its time in microseconds since 1970, or the next free number.

    So ids are in the order of time, however late a process stores its lines, and one index serves queries by time and
    by id.
    """

    __tablename__ = "logs"
    __table_args__ = (
        Index("ix_logs_level", "level", "id"),
        Index("ix_logs_app", "app_type", "level", "id"),
        Index("ix_logs_instance", "instance_id", "level", "id"),
        Index("ix_logs_hunt", "hunt_id", "id"),
        Index("ix_logs_request", "request_id", "id"),
    )

    id: int = Field(
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
        sa_column_kwargs={"autoincrement": False},
    )
    level: int
    app_type: str = Field(max_length=20)
    instance_id: int | None = None
    hunt_id: int | None = None
    request_id: str | None = Field(default=None, max_length=64)
    logger: str = Field(max_length=100)
    message: str = Field(sa_type=Text)
    context: str = Field(sa_type=Text)
    """JSON as text, so that it can be searched."""
    size: int
    """Bytes of the texts."""


class LogTotal(SQLModel, table=True):
    """How many entries there are, updated in the same transaction, so that statistics need not count them."""

    __tablename__ = "log_totals"

    app_type: str = Field(primary_key=True, max_length=20)
    instance_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    level: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    lines: int = Field(default=0, sa_type=BigInteger)
    size: int = Field(default=0, sa_type=BigInteger)
    dropped: int = Field(default=0, sa_type=BigInteger)
    """Lines that could not be stored and were written to stdout only."""

"""The tables of Swaparr: what is remembered of a queue and of its downloads, and every decision."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class SwaparrAction(StrEnum):
    """What a row of the history tells."""

    STRIKE = "strike"
    REMOVED = "removed"
    WOULD_REMOVE = "would_remove"
    TOLD = "told"
    """The import of a download failed for a cause that is not the release's."""
    PARKED = "parked"
    """Downloads of an item were removed too often: it is not searched again before something changes."""
    LIMIT = "limit"
    """Too much was removed in an hour."""
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    FORGIVEN = "forgiven"


class SwaparrState(SQLModel, table=True):
    """What is remembered of the queue that a policy watches; there is no row before the first look."""

    __tablename__ = "swaparr_states"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    memory: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    transmissions: list[str] = Field(default_factory=list, sa_type=JSON)
    """Names of the app's download clients that are a Transmission."""
    clients_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the download clients were read."""
    strikes: int = 0
    removed: int = 0
    """Totals since the last reset of the statistics."""


class TrackedDownload(SQLModel, table=True):
    """A download of the queue, or one that has been gone for less than a day."""

    __tablename__ = "swaparr_downloads"
    __table_args__ = (UniqueConstraint("instance_id", "key", name="uq_swaparr_downloads_key"),)

    id: int | None = Field(default=None, primary_key=True)
    instance_id: int = Field(foreign_key="instances.id", ondelete="CASCADE")
    key: str = Field(max_length=300)
    download_id: str = Field(max_length=200)
    title: str
    client: str | None = None
    indexer: str | None = None
    size: int = Field(default=0, sa_type=BigInteger)
    left: int = Field(default=0, sa_type=BigInteger)
    standing: str = Field(max_length=40)
    cause: str | None = Field(default=None, max_length=40)
    detail: str | None = Field(default=None, max_length=200)
    strikes: int = 0
    record: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    items: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """What is searched again after a removal, as `RequestedItem` has it."""
    seen_at: datetime = Field(sa_type=UtcDateTime)
    gone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removing_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the app was about to be asked to remove it; whoever finds this after a crash finishes the removal."""
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a dry run said that it would remove it."""


class SwaparrEntry(SQLModel, table=True):
    """A decision that changed something, or would have."""

    __tablename__ = "swaparr_history"
    __table_args__ = (Index("ix_swaparr_history_instance", "instance_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    instance_id: int = Field(foreign_key="instances.id", ondelete="CASCADE")
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    action: str = Field(max_length=40)
    cause: str | None = Field(default=None, max_length=40)
    detail: str | None = Field(default=None, max_length=200)
    download_id: str | None = Field(default=None, max_length=200)
    title: str | None = None
    strikes: int = 0
    searches: int = 0
    """Searches that were asked for after a removal."""
    keys: list[str] = Field(default_factory=list, sa_type=JSON)
    """Media keys of what a removed download would have brought."""
    message: str = ""

"""The outbox table: events wait here until they are routed and streamed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime

UNROUTED = text("routed_at IS NULL")
UNPUBLISHED = text("published_at IS NULL")


class Event(SQLModel, table=True):
    """One event. Without foreign keys, so that it outlives a deleted instance or hunt."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_unrouted", "id", sqlite_where=UNROUTED, postgresql_where=UNROUTED),
        Index("ix_events_unpublished", "id", sqlite_where=UNPUBLISHED, postgresql_where=UNPUBLISHED),
        Index("ix_events_created_at", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=40)
    level: str = Field(max_length=10)
    app_type: str | None = Field(default=None, max_length=20)
    instance_id: int | None = None
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    routed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the routers processed it, set in the same transaction as their results."""
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was appended to the stream."""

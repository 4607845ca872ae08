"""The tables of the notifications: who is told of what, what is on its way there, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class DeliveryStatus(StrEnum):
    """Where a delivery is; the last three are the end."""

    COLLECTED = "collected"
    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    DIGESTED = "digested"


WAITING = (DeliveryStatus.COLLECTED.value, DeliveryStatus.QUEUED.value)
DIGEST = "digest"
"""What a delivery that tells of several events has in the place of an event's name."""


class NotificationConnection(SQLModel, table=True):
    """Where notifications go and which, as the user configured it."""

    __tablename__ = "notification_connections"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    enabled: bool = True
    provider: str = Field(max_length=40)
    settings: str
    """The provider's settings as JSON, sealed as a whole by the secret box."""
    events: list[str] = Field(default_factory=list, sa_type=JSON)
    """Names, or beginnings such as `hunt.*`: an event of tomorrow takes part."""
    app_type: str = Field(max_length=20)
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="CASCADE")
    """With its instance the connection goes: without one it would be told of all of them."""
    min_level: str = Field(max_length=10)
    digest_minutes: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ConnectionState(SQLModel, table=True):
    """What the workers know of a connection. Whoever writes a connection or its deliveries locks this row first."""

    __tablename__ = "notification_states"

    connection_id: int = Field(primary_key=True, foreign_key="notification_connections.id", ondelete="CASCADE")
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first delivery that waits is to be sent; `None` when none waits."""
    digest_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When what was collected becomes a delivery; `None` when nothing was."""
    claim: str | None = Field(default=None, max_length=32)
    """Which attempt is on its way: one a connection, so that order is kept."""
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """After this moment its worker counts as dead."""
    last_delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str | None = None
    """What went wrong the last time; `None` after a success."""


class Delivery(SQLModel, table=True):
    """One event, or digest, on its way to one connection."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        Index(
            "ix_notification_deliveries_waiting",
            "connection_id",
            "status",
            "id",
            sqlite_where=text("status IN ('collected', 'queued')"),
            postgresql_where=text("status IN ('collected', 'queued')"),
        ),
        Index("ix_notification_deliveries_connection", "connection_id", "id"),
        Index("ix_notification_deliveries_status", "status", "id"),
        Index("ix_notification_deliveries_created_at", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    connection_id: int = Field(foreign_key="notification_connections.id", ondelete="CASCADE")
    message_id: str = Field(max_length=64)
    """The same for every attempt: by it a receiver knows a message that comes twice."""
    event_id: int | None = None
    event: str = Field(max_length=40)
    level: str = Field(max_length=10)
    title: str
    body: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    happened_at: datetime = Field(sa_type=UtcDateTime)
    status: str = Field(max_length=20)
    digest_id: int | None = None
    """The delivery that told of it together with others."""
    attempts: int = 0
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    answer: str | None = None
    """What the provider said last, cut and without secrets."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

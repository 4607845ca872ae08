"""The tables of the notifications: connections, their state, and deliveries."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, text
from sqlmodel import Field, SQLModel

from app.core.bells import BellName, ring_when_sooner
from app.core.db import UtcDateTime


class DeliveryStatus(StrEnum):
    """The last three are final."""

    COLLECTED = "collected"
    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    DIGESTED = "digested"


WAITING = (DeliveryStatus.COLLECTED.value, DeliveryStatus.QUEUED.value)
DIGEST = "digest"
"""The `event` of a delivery that contains several events."""


class NotificationConnection(SQLModel, table=True):
    """Where notifications are sent and which, as the user configured it."""

    __tablename__ = "notification_connections"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    enabled: bool = True
    provider: str = Field(max_length=40)
    settings: str
    """The provider's settings as JSON, encrypted as a whole."""
    events: list[str] = Field(default_factory=list, sa_type=JSON)
    """Names, or prefixes such as `hunt.*`, which include events of later versions."""
    app_type: str = Field(max_length=20)
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="CASCADE")
    """Deleted with its instance: without one it would receive the events of all instances."""
    min_level: str = Field(max_length=10)
    digest_minutes: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ConnectionState(SQLModel, table=True):
    """The workers' state of a connection. Every writer of a connection or its deliveries locks this row first."""

    __tablename__ = "notification_states"

    connection_id: int = Field(primary_key=True, foreign_key="notification_connections.id", ondelete="CASCADE")
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first queued delivery is due; None when none is queued."""
    digest_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the collected deliveries become a digest; None when there are none."""
    claim: str | None = Field(default=None, max_length=32)
    """Token of the running attempt: one per connection, so that the order is kept."""
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """After this time its worker counts as dead."""
    last_delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str | None = None
    """The last failure; None after a success."""


class Delivery(SQLModel, table=True):
    """One event or digest for one connection."""

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
    """The same for every attempt, so that a receiver recognises a repeated message."""
    event_id: int | None = None
    event: str = Field(max_length=40)
    level: str = Field(max_length=10)
    title: str
    body: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    happened_at: datetime = Field(sa_type=UtcDateTime)
    status: str = Field(max_length=20)
    digest_id: int | None = None
    """The digest that contains it."""
    attempts: int = 0
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    answer: str | None = None
    """The provider's last response, shortened and without secrets."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


ring_when_sooner(ConnectionState, "next_at", BellName.DELIVERIES)
ring_when_sooner(ConnectionState, "digest_at", BellName.DELIVERIES)

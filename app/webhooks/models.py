"""Tables of incoming webhooks: the token of each app, and the user's hooks."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class AppWebhook(SQLModel, table=True):
    """The token that the app of an instance calls with; created when its address is first shown."""

    __tablename__ = "app_webhooks"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    token: str = Field(max_length=500)
    """Encrypted, because it is shown again."""
    digest: str = Field(max_length=64)
    """SHA-256 of the token, which calls are compared with, so that no call needs the decrypted token."""
    created_at: datetime = Field(sa_type=UtcDateTime)


class Hook(SQLModel, table=True):
    """An address of the user's that runs one action."""

    __tablename__ = "hooks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    action: str = Field(max_length=40)
    app_type: str = Field(max_length=20)
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="CASCADE")
    """A hook is deleted with its instance: without one it would apply to all instances."""
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    allow_get: bool = False
    digest: str = Field(max_length=64, unique=True)
    """SHA-256 of its token, which is shown once and not stored."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_called_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    calls: int = 0

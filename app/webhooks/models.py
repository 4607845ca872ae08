"""The tables of incoming webhooks: the token of each app, and the hooks that the user made."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class AppWebhook(SQLModel, table=True):
    """By what an app is known when it calls us; made when somebody asks for its address the first time."""

    __tablename__ = "app_webhooks"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    token: str = Field(max_length=500)
    """Sealed by the secret box: it is shown again."""
    digest: str = Field(max_length=64)
    """What a call is compared with, so that no call unseals anything."""
    created_at: datetime = Field(sa_type=UtcDateTime)


class Hook(SQLModel, table=True):
    """One action of the user's, behind one address."""

    __tablename__ = "hooks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    action: str = Field(max_length=40)
    app_type: str = Field(max_length=20)
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="CASCADE")
    """With its instance the hook goes: without one it would be about all of them."""
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    allow_get: bool = False
    digest: str = Field(max_length=64, unique=True)
    """Of its token, which is shown once and kept nowhere."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_called_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    calls: int = 0

"""The tables of the instances: what the user configured, and what was observed."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class Instance(SQLModel, table=True):
    """One app of the user, as configured."""

    __tablename__ = "instances"
    __table_args__ = (
        UniqueConstraint("app_type", "url", name="uq_instances_app_type_url"),
        {"sqlite_autoincrement": True},  # the id of a deleted instance must not come back with its statistics
    )

    id: int | None = Field(default=None, primary_key=True)
    app_type: str = Field(max_length=20, index=True)
    name: str = Field(max_length=100)
    enabled: bool = True
    url: str = Field(max_length=500)
    """A policy of Swaparr has no address, but `#` and the id of its target here: there is one for each."""
    target_instance_id: int | None = None
    """The instance whose queue a policy of Swaparr watches; `InstanceService` deletes both together."""
    api_key: str = Field(max_length=1000)
    """Encrypted by the secret box."""
    headers: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """Sent with every request, for what stands in front of the app; the values are encrypted by the secret box."""
    overrides: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)

    @property
    def address(self) -> str:
        """The URL of an app; empty for a policy."""
        return self.url if self.target_instance_id is None else ""


class InstanceState(SQLModel, table=True):
    """What was observed of an instance; one row for each, from its creation on."""

    __tablename__ = "instance_states"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    version: str | None = None
    variant: str | None = Field(default=None, max_length=20)
    """Of apps that share a name; `None` for an app type without variants."""
    database: str | None = Field(default=None, max_length=20)
    online: bool | None = None
    error_code: str | None = Field(default=None, max_length=40)
    error: str | None = None
    """Without a limit: a long text from a foreign server must not break the write that records it."""
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failures: int = 0
    """Failures in a row: the rest grows with them."""
    rest_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """No automatic request to the app before this moment."""

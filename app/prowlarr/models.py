"""The table of what was read of each Prowlarr."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class ProwlarrState(SQLModel, table=True):
    """What was last read of a Prowlarr; there is no row before the first time."""

    __tablename__ = "prowlarr_states"

    instance_id: int = Field(primary_key=True, foreign_key="instances.id", ondelete="CASCADE")
    url: str = Field(max_length=500)
    """Where it was read: figures of an earlier address say nothing of the present one."""
    measured_at: datetime = Field(sa_type=UtcDateTime)
    """When the figures were read, in our time. They are written only when they change, or are half an hour old."""
    indexers: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """As `StoredIndexer` has them."""
    agents: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """What each program asked of all indexers in the last day."""
    applications: list[str] | None = Field(default=None, sa_type=JSON)
    """The addresses of the apps behind it, as it calls them."""
    listed_at: datetime = Field(sa_type=UtcDateTime)
    """When the list of indexers was read."""
    applications_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

"""The table of the scheduled backups: one row, about the next one and the one that is due."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime

PLAN_ID = 1


class BackupPlan(SQLModel, table=True):
    """When the next backup is made; and, while `due_at` is set, one that must be made and who is at it."""

    __tablename__ = "backup_plan"

    id: int = Field(default=PLAN_ID, primary_key=True, sa_column_kwargs={"autoincrement": False})
    cron: str = Field(max_length=100)
    zone: str = Field(max_length=64)
    """With `cron`, what `next_at` was reckoned by: when the settings say otherwise, it is reckoned anew."""
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Renewed by the worker that is at it; after a minute without, that worker counts as dead."""
    attempts: int = 0

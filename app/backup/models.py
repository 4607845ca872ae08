"""The table of the scheduled backups: one row with the next one and the one that is due."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime

PLAN_ID = 1


class BackupPlan(SQLModel, table=True):
    """When the next backup is made; while `due_at` is set, one must be made, and `claimed_at` says if a worker does."""

    __tablename__ = "backup_plan"

    id: int = Field(default=PLAN_ID, primary_key=True, sa_column_kwargs={"autoincrement": False})
    cron: str = Field(max_length=100)
    zone: str = Field(max_length=64)
    """`next_at` was computed from `cron` and `zone`; when the settings differ from them, it is computed again."""
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Renewed by the worker that makes the backup; without a renewal for a minute that worker counts as dead."""
    attempts: int = 0

"""The tables of the schedules and their runs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.bells import BellName, ring_when_sooner
from app.core.db import UtcDateTime


class RunStatus(StrEnum):
    """The status of a run; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    MISSED = "missed"
    SKIPPED = "skipped"


OPEN_RUNS = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)


class RunTrigger(StrEnum):
    """What started a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"


class Schedule(SQLModel, table=True):
    """An action and when to run it; exactly one of `cron`, `time` and `interval_minutes` is set."""

    __tablename__ = "schedules"
    __table_args__ = (
        Index("ix_schedules_next_run_at", "next_run_at"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    enabled: bool = True
    action: str = Field(max_length=40)
    app_type: str = Field(max_length=20)
    instance_id: int | None = Field(default=None, foreign_key="instances.id", ondelete="CASCADE")
    """The schedule is deleted with its instance: with null it would be about all instances."""
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    cron: str | None = Field(default=None, max_length=100)
    time: str | None = Field(default=None, max_length=5)
    days: list[str] | None = Field(default=None, sa_type=JSON)
    interval_minutes: int | None = None
    timezone: str | None = Field(default=None, max_length=64)
    """`None`: the time zone of the general settings."""
    zone: str = Field(max_length=64)
    """The time zone that `next_run_at` was computed with; after a change it is computed again."""
    starts_at: datetime = Field(sa_type=UtcDateTime)
    """Start of the interval."""
    next_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_run_id: int | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ScheduleRun(SQLModel, table=True):
    """One run. A unique constraint allows one run for each due time; manual runs have no `due_at`."""

    __tablename__ = "schedule_runs"
    __table_args__ = (
        UniqueConstraint("schedule_id", "due_at", name="uq_schedule_runs_due_at"),
        Index("ix_schedule_runs_schedule", "schedule_id", "id"),
        Index("ix_schedule_runs_at", "at"),
        Index(
            "ix_schedule_runs_open",
            "id",
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    schedule_id: int = Field(foreign_key="schedules.id", ondelete="CASCADE")
    trigger: str = Field(max_length=20)
    status: str = Field(default=RunStatus.QUEUED.value, max_length=20)
    message: str | None = None
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the first worker began; a later one continues its work."""
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When a worker last claimed it; after a minute that worker counts as dead."""
    attempts: int = 0
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hunt_ids: list[int] = Field(default_factory=list, sa_type=JSON)


ring_when_sooner(Schedule, "next_run_at", BellName.PLANS)

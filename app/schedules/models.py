"""The tables of the schedules: what is to happen when, and what came of it each time."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime


class RunStatus(StrEnum):
    """Where a run is; the last four are the end."""

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
    """An action and its times, as the user gave them; exactly one of `cron`, `time` and `interval_minutes` is set."""

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
    """With its instance the schedule goes: without one it would be about all of them."""
    params: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    cron: str | None = Field(default=None, max_length=100)
    time: str | None = Field(default=None, max_length=5)
    days: list[str] | None = Field(default=None, sa_type=JSON)
    interval_minutes: int | None = None
    timezone: str | None = Field(default=None, max_length=64)
    """`None`: that of the general settings."""
    zone: str = Field(max_length=64)
    """The time zone in which `next_run_at` was reckoned: when it is no longer the one in force, it is reckoned anew."""
    starts_at: datetime = Field(sa_type=UtcDateTime)
    """Where the steps of an interval are counted from."""
    next_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_run_id: int | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ScheduleRun(SQLModel, table=True):
    """One firing. The database itself holds a moment of a schedule to one; runs by hand have no `due_at`."""

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
    """When the first worker began; a later one goes on with what that one did."""
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the last worker took it; after a minute it counts as dead."""
    attempts: int = 0
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hunt_ids: list[int] = Field(default_factory=list, sa_type=JSON)

"""What callers send and read of schedules and their runs."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from app.actions.schemas import ActionIn, Params, StoredAction
from app.actions.targets import AnyAppType
from app.core.cron import checked_cron
from app.core.fields import TimeZoneName
from app.core.schemas import Out, UtcTime, example
from app.schedules.models import RunStatus, RunTrigger
from app.settings.hunting import WEEK, Weekday


def _in_order(days: list[Weekday]) -> list[Weekday]:
    return [day for day in WEEK if day in days]


class ScheduleIn(ActionIn):
    """A schedule as a whole: an action, its target, and exactly one of `cron`, `time` and `interval_minutes`."""

    model_config = example(
        {
            "name": "Nightly hunt",
            "action": "hunt",
            "params": {"passes": ["missing"], "limit": 5},
            "time": "03:00",
            "days": ["mon", "thu"],
        }
    )

    enabled: bool = True
    cron: Annotated[str, Field(max_length=100), AfterValidator(checked_cron)] | None = Field(
        None, description="Minute, hour, day of month, month, day of week.", examples=["0 3 * * *"]
    )
    time: str | None = Field(None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM.", examples=["03:00"])
    days: Annotated[list[Weekday], Field(min_length=1, max_length=50), AfterValidator(_in_order)] | None = Field(
        None, description="With `time`: only on these days.", examples=[["mon", "tue"]]
    )
    interval_minutes: int | None = Field(None, ge=1, le=525600, examples=[30])
    timezone: TimeZoneName | None = Field(
        None, description="IANA time zone; null is that of the general settings.", examples=["Europe/Berlin"]
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if sum(rule is not None for rule in (self.cron, self.time, self.interval_minutes)) != 1:
            raise ValueError("give exactly one of cron, time and interval_minutes")
        if self.days is not None and self.time is None:
            raise ValueError("days go with time; a cron expression has days of its own")
        return self


class LastRunOut(Out):
    """How the latest run ended."""

    at: UtcTime
    status: RunStatus
    message: str | None


class ScheduleOut(Out):
    """A schedule, its next run and its latest one."""

    id: int
    name: str
    enabled: bool
    action: StoredAction = Field(examples=["hunt"])
    app_type: AnyAppType
    instance_id: int | None
    params: Params
    cron: str | None
    time: str | None
    days: list[Weekday] | None
    interval_minutes: int | None
    timezone: str | None
    next_run_at: UtcTime | None = Field(description="Null while it is disabled.")
    last_run: LastRunOut | None
    created_at: UtcTime
    updated_at: UtcTime


class ScheduleRunOut(Out):
    """One run of a schedule."""

    id: int
    schedule_id: int
    trigger: RunTrigger
    status: RunStatus
    message: str | None
    due_at: UtcTime | None = Field(description="When the schedule was due; null for a manual run.")
    at: UtcTime = Field(description="When it was queued or recorded as missed.")
    started_at: UtcTime | None
    ended_at: UtcTime | None
    hunt_ids: list[int] = Field(description="The hunts that it queued or found open.")

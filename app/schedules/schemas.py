"""What callers send and read of schedules and their runs."""

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator, model_validator

from app.actions.actions import ACTIONS
from app.arr.models import AppType
from app.core.cron import checked_cron
from app.core.schemas import In, Out, UtcTime
from app.instances.schemas import Name
from app.schedules.models import RunStatus, RunTrigger
from app.settings.general import known_zones
from app.settings.hunting import WEEK, Weekday

ALL: Final = "all"
APP_TYPES: Final[list[JsonValue]] = [ALL, *(one.value for one in AppType)]


def _known_action(word: str) -> str:
    if word not in ACTIONS:
        raise ValueError(f"must be one of: {', '.join(ACTIONS)}")
    return word


def _known_app(word: str) -> str:
    if word not in APP_TYPES:
        raise ValueError(f"must be one of: {', '.join(map(str, APP_TYPES))}")
    return word


def _known_zone(name: str) -> str:
    if name not in known_zones():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return name


def _in_order(days: list[Weekday]) -> list[Weekday]:
    return [one for one in WEEK if one in days]


ActionWord = Annotated[str, AfterValidator(_known_action), Field(json_schema_extra={"enum": list(ACTIONS)})]
AppWord = Annotated[str, AfterValidator(_known_app), Field(json_schema_extra={"enum": APP_TYPES})]
Params = Annotated[
    dict[str, Any],
    Field(
        description="Of the action: "
        + "; ".join(f"{word}: {', '.join(one.params.model_fields) or 'none'}" for word, one in ACTIONS.items()),
        examples=[{"passes": ["missing"], "limit": 5}],
    ),
]


class OrderIn(In):
    """An action and whom it is about: of a schedule, and of a hook."""

    name: Name = Field(examples=["Nightly hunt"])
    action: ActionWord = Field(examples=["hunt"])
    app_type: AppWord = ALL
    instance_id: int | None = Field(None, ge=1, le=2**31 - 1)
    params: Params = Field(default={}, validate_default=True)

    @field_validator("params")
    @classmethod
    def _fit_the_action(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        action = ACTIONS.get(info.data.get("action", ""))
        if action is None:  # which is told already
            return given
        checked: dict[str, Any] = action.params.model_validate(given).model_dump(mode="json", exclude_none=True)
        return checked

    @model_validator(mode="after")
    def _aimed(self) -> Self:
        is_targeted = self.instance_id is not None or self.app_type != ALL
        if is_targeted and not ACTIONS[self.action].takes_target:
            raise ValueError(f"{self.action} is about all hunting: leave app_type at all and instance_id out")
        return self


class ScheduleIn(OrderIn):
    """A schedule as a whole: an action, whom it is about, and exactly one of `cron`, `time` and `interval_minutes`."""

    enabled: bool = True
    cron: Annotated[str, Field(max_length=100), AfterValidator(checked_cron)] | None = Field(
        None, description="Minute, hour, day of month, month, day of week.", examples=["0 3 * * *"]
    )
    time: str | None = Field(None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM.", examples=["03:00"])
    days: Annotated[list[Weekday], Field(min_length=1, max_length=50), AfterValidator(_in_order)] | None = Field(
        None, description="With `time`: only on these days.", examples=[["mon", "tue"]]
    )
    interval_minutes: int | None = Field(None, ge=1, le=525600, examples=[30])
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] | None = Field(
        None, description="IANA time zone; null is that of the general settings.", examples=["Europe/Berlin"]
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sum(one is not None for one in (self.cron, self.time, self.interval_minutes)) != 1:
            raise ValueError("give exactly one of cron, time and interval_minutes")
        if self.days is not None and self.time is None:
            raise ValueError("days go with time; a cron expression has days of its own")
        return self


class LastRunOut(Out):
    """What came of the latest run."""

    at: UtcTime
    status: RunStatus
    message: str | None


class ScheduleOut(Out):
    """A schedule, when it runs next and what came of its latest run."""

    id: int
    name: str
    enabled: bool
    action: str = Field(examples=["hunt"])
    app_type: str = Field(json_schema_extra={"enum": APP_TYPES})
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
    due_at: UtcTime | None = Field(description="The moment of the schedule; null for a run by hand.")
    at: UtcTime = Field(description="When it was queued, or found to be missed.")
    started_at: UtcTime | None
    ended_at: UtcTime | None
    hunt_ids: list[int] = Field(description="The hunts that it queued, or found open.")

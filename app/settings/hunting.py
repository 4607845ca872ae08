"""The settings of a hunt: one field for each, with default, bounds and description."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from app.arr.models import AppType, HuntPass, Mode
from app.arr.registry import REGISTRY, hunt_spec, hunting_apps
from app.core.errors import Invalid
from app.core.fields import one_line
from app.core.lines import comparable
from app.core.schemas import Deferred, In, example, patch_of


class Order(StrEnum):
    """Which items are searched first."""

    LONGEST_UNSEARCHED = "longest_unsearched"
    NEWEST = "newest"
    OLDEST = "oldest"
    RANDOM = "random"


class ReleaseDate(StrEnum):
    """Which date of a movie counts as its release; `available`: the app decides."""

    EARLIEST = "earliest"
    DIGITAL = "digital"
    PHYSICAL = "physical"
    CINEMA = "cinema"
    AVAILABLE = "available"


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Weekday)


class HuntingWindow(Deferred):
    """A time of the week, in the time zone of the general settings; over midnight if `end` is not after `start`."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_mode_override="serialization")

    days: list[Weekday] = Field(min_length=1, examples=[["mon", "tue"]], description="Days on which it starts.")
    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["23:00"])
    end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["06:00"])

    def holds(self, local: datetime) -> bool:
        """Whether the local time is inside the window."""
        start, end, at = time.fromisoformat(self.start), time.fromisoformat(self.end), local.time()
        today, yesterday = WEEK[local.weekday()], WEEK[local.weekday() - 1]
        if start < end:
            return today in self.days and start <= at < end
        return (today in self.days and at >= start) or (yesterday in self.days and at < end)


def _checked_names(names: list[str]) -> list[str]:
    """Each name once, as it was written first: names that an app would not tell apart are one."""
    kept: dict[str, str] = {}
    for name in names:
        kept.setdefault(comparable(name), one_line(name.strip()))
    if "" in kept:
        raise ValueError("an entry is empty")
    return list(kept.values())


def modes_by_app() -> str:
    """A sentence for descriptions, such as `Sonarr: auto, episode, season; Radarr: auto, movie.`"""
    modes = {REGISTRY[app_type].label: hunt_spec(app_type).modes for app_type in hunting_apps()}
    return "; ".join(f"{label}: {', '.join(words)}" for label, words in modes.items()) + "."


Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100), AfterValidator(_checked_names)]
TagLabel = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[A-Za-z0-9-]{1,50}$")]
Hours = Annotated[int, Field(ge=0, le=8760)]
Batch = Annotated[int, Field(ge=0, le=50)]


class HuntingSettings(Deferred):
    """The settings of the hunts of an instance."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, json_schema_serialization_defaults_required=True
    )

    interval_minutes: int = Field(30, ge=5, le=10080, description="Minutes between automatic hunts, ±10 %.")
    missing_batch: Batch = Field(2, description="Searches of missing items in one hunt; 0 turns the pass off.")
    cutoff_batch: Batch = Field(1, description="Searches of items below their cutoff; 0 turns the pass off.")
    upgrade_batch: Batch = Field(
        0, description="Searches of items whose custom-format score is too low; 0 turns the pass off."
    )
    missing_mode: Mode = Field(Mode.AUTO, description=f"What one search covers. {modes_by_app()}")
    cutoff_mode: Mode = Field(Mode.AUTO, description="As `missing_mode`; auto searches single items here.")
    season_threshold: float = Field(
        0.5,
        ge=0.1,
        le=1,
        description="auto: share of an ended season's episodes that must lack a file, and at least 3.",
    )
    order: Order = Field(Order.LONGEST_UNSEARCHED, description="Which items are searched first.")
    missing_cooldown_hours: Hours = Field(168, description="Least time between two searches of a missing item.")
    cutoff_cooldown_hours: Hours = Field(336, description="Least time between two searches below the cutoff.")
    upgrade_cooldown_hours: Hours = Field(720, description="Least time between two searches for a better score.")
    backoff_factor: float = Field(2, ge=1, le=10, description="Each fruitless search multiplies the cooldown by it.")
    backoff_max_days: int = Field(90, ge=1, le=3650, description="The longest that a cooldown grows to.")
    park_after: int = Field(
        0,
        ge=0,
        le=1000,
        description="Fruitless searches after which an item waits until something changes; 0 is never.",
    )
    hourly_cap: int = Field(20, ge=1, le=400, description="Searches in any 60 minutes.")
    daily_cap: int = Field(0, ge=0, le=9600, description="Searches in any 24 hours; 0 is no cap.")
    min_gap_seconds: int = Field(3, ge=0, le=600, description="Least time between two searches of this instance.")
    max_queue: int = Field(
        -1, ge=-1, le=100000, description="No hunt when this many downloads are queued or running; -1 is no limit."
    )
    skip_queued: bool = Field(True, description="Skip items that are in the app's queue, whatever their state.")
    fresh_window_hours: Hours = Field(
        0, description="For this long after its release an item is retried sooner; 0 is off."
    )
    fresh_retry_hours: int = Field(2, ge=1, le=8760, description="The cooldown within `fresh_window_hours`.")
    release_date: ReleaseDate = Field(ReleaseDate.EARLIEST, description="Movies: the date that counts as release.")
    include_specials: bool = Field(False, description="Search season 0 too.")
    include_unreleased: bool = Field(False, description="Search what is not released or not available yet.")
    undated_after_days: int = Field(
        365,
        ge=0,
        le=36500,
        description="What has no release date, no year and no file counts as released so long after it was added.",
    )
    release_grace_hours: Hours = Field(6, description="Leave a fresh release to RSS for this long.")
    added_grace_hours: Hours = Field(24, description="Leave a fresh addition to RSS for this long.")
    include_tags: Names = Field(default=[], description="Only items with one of these tags; empty is all.")
    exclude_tags: Names = Field(default=[], description="No items with one of these tags.")
    exclude_quality_profiles: Names = Field(default=[], description="No items with one of these quality profiles.")
    windows: list[HuntingWindow] = Field(
        default=[], max_length=50, description="Automatic hunts run only inside these times; empty is always."
    )
    push_channel: bool = Field(
        True, description="Listen to the app's push channel while searches run, instead of asking when they are over."
    )
    track_outcomes: bool = Field(True, description="Follow every search to its import, by the app's history.")
    tag_searched: TagLabel | None = Field(
        None, description="Label that is added to what was searched: the series, movie, artist or author."
    )
    command_timeout_minutes: int = Field(15, ge=1, le=25, description="How long the end of a search is waited for.")
    request_concurrency: int = Field(2, ge=1, le=4, description="Parallel requests to this instance.")

    def is_open(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether automatic hunts may run at `now`."""
        return not self.windows or any(window.holds(now.astimezone(zone)) for window in self.windows)

    def of(self, hunt_pass: HuntPass) -> "PassSettings":
        """The settings of one pass."""
        if hunt_pass is HuntPass.MISSING:
            return PassSettings(self.missing_batch, self.missing_mode, self.missing_cooldown_hours)
        if hunt_pass is HuntPass.CUTOFF:
            return PassSettings(self.cutoff_batch, self.cutoff_mode, self.cutoff_cooldown_hours)
        return PassSettings(self.upgrade_batch, Mode.AUTO, self.upgrade_cooldown_hours)


@dataclass(frozen=True, slots=True)
class PassSettings:
    """The settings that differ between passes."""

    batch: int
    mode: Mode
    cooldown_hours: int


@patch_of(HuntingSettings)
class HuntingIn(In):
    """Any subset; `null` takes the stored value back, so that the default counts again."""

    model_config = example({"missing_batch": 5, "hourly_cap": 30})


def merged_values(
    stored: Mapping[str, Any], given: HuntingIn, app_type: AppType, *, prefix: str = "body.hunting"
) -> dict[str, Any]:
    """`stored` with what was `given`; `Invalid` for a mode that the app does not have, or an app that does not hunt.

    `prefix` is where `given` stands in the body, for the error.
    """
    spec = REGISTRY[app_type]
    if spec.hunts is None:
        raise Invalid(f"Huntarr does not hunt in {spec.label}: it takes no hunting settings.", field=prefix)
    changes = given.model_dump(mode="json", exclude_unset=True)
    for name in ("missing_mode", "cutoff_mode"):
        mode = changes.get(name)
        if mode is not None and Mode(mode) not in spec.hunts.modes:
            words = ", ".join(sorted(spec.hunts.modes))
            raise Invalid(f"{name} of {app_type} is one of: {words}.", field=f"{prefix}.{name}")
    merged = {**stored, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def effective(*layers: Mapping[str, Any]) -> HuntingSettings:
    """The settings in force: `layers` override the built-in defaults, later ones override earlier ones."""
    values: dict[str, Any] = {}
    for layer in layers:
        values |= layer
    return HuntingSettings.model_validate(values)


def one_setting(name: str, *layers: Mapping[str, Any]) -> Any:
    """`effective` for a single setting; building the whole model for a hundred instances would be slow."""
    found = [layer[name] for layer in layers if name in layer]
    return found[-1] if found else HuntingSettings.model_fields[name].default

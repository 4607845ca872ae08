"""The gates of a hunt: what ends it before it asks the app for anything, or before it searches. Pure."""

from dataclasses import dataclass
from datetime import datetime

from app.hunting.selection.app_reader import QueueFacts
from app.hunting.store.caps import Caps
from app.hunting.store.models import Trigger
from app.instances.models import InstanceState
from app.settings.general import GeneralSettings
from app.settings.hunting import HuntingSettings


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed gate: its name for programs and a sentence for people."""

    reason: str
    message: str


def before_network(
    general: GeneralSettings,
    hunting: HuntingSettings,
    state: InstanceState,
    caps: Caps,
    *,
    enabled: bool,
    trigger: Trigger,
    now: datetime,
) -> Closed | None:
    """The first gate that is closed, of those that need no request; `None` when all are open."""
    if general.hunting_paused:
        return Closed("paused", "All hunting is paused.")
    if not enabled:
        return Closed("disabled", "The instance is disabled.")
    if trigger is not Trigger.MANUAL and not hunting.is_open(now, general.zone):
        return Closed("outside_window", "It is outside the hunting windows of the instance.")
    if state.rest_until is not None and now < state.rest_until and not _may_try(state, trigger):
        return Closed("resting", f"The instance rests until {state.rest_until:%H:%M:%S} UTC: {state.error}")
    if caps.closed_by is not None:
        window = caps.day if caps.closed_by == "daily_cap" else caps.hour
        until = f" The next search is free at {window.resets_at:%H:%M:%S} UTC." if window.resets_at else ""
        return Closed(caps.closed_by, f"{window.used} of {window.cap} searches are used.{until}")
    return None


def by_queue(hunting: HuntingSettings, queue: QueueFacts) -> Closed | None:
    """The gate `max_queue`; a limit of 0 never lets a hunt through while anything could be queued."""
    if hunting.max_queue < 0 or queue.active < hunting.max_queue:
        return None
    return Closed("max_queue", f"{queue.active} downloads are queued or running; the limit is {hunting.max_queue}.")


def _may_try(state: InstanceState, trigger: Trigger) -> bool:
    """A person may knock at an app that was offline; one that asked for rest is left alone."""
    return trigger is Trigger.MANUAL and state.online is False

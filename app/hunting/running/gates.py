"""The gates of a hunt: what ends it before it asks the app for anything, or before it searches. Pure."""

from datetime import datetime

from app.arr.errors import ArrError
from app.hunting.selection.app_reader import QueueFacts
from app.hunting.store.caps import Caps
from app.hunting.store.models import Trigger
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.instances.models import InstanceState
from app.prowlarr.budget import BudgetGate
from app.settings.filters import ResolvedFilters
from app.settings.general import GeneralSettings
from app.settings.hunting import HuntingSettings


def before_network(
    general: GeneralSettings,
    hunting: HuntingSettings,
    state: InstanceState,
    caps: Caps,
    budget: BudgetGate,
    *,
    enabled: bool,
    trigger: Trigger,
    now: datetime,
) -> EarlyEnd | None:
    """The first gate that is closed, of those that need no request; `None` when all are open."""
    if general.hunting_paused:
        return EarlyEnd(HuntReason.PAUSED, "All hunting is paused.")
    if not enabled:
        return EarlyEnd(HuntReason.DISABLED, "The instance is disabled.")
    if trigger is not Trigger.MANUAL and not hunting.is_open(now, general.zone):
        return EarlyEnd(HuntReason.OUTSIDE_WINDOW, "It is outside the hunting windows of the instance.")
    if state.rest_until is not None and now < state.rest_until and not _may_try(state, trigger):
        return EarlyEnd(HuntReason.RESTING, f"The instance rests until {state.rest_until:%H:%M:%S} UTC: {state.error}")
    if caps.closed_by is not None:
        window = caps.day if caps.closed_by is HuntReason.DAILY_CAP else caps.hour
        until = f" The next search is free at {window.resets_at:%H:%M:%S} UTC." if window.resets_at else ""
        return EarlyEnd(caps.closed_by, f"{window.used} of {window.cap} searches are used.{until}")
    if not budget.is_open(now):
        return EarlyEnd(HuntReason.BUDGET, budget.sentence(now))
    return None


def by_queue(hunting: HuntingSettings, queue: QueueFacts) -> EarlyEnd | None:
    """The gate `max_queue`; a limit of 0 never lets a hunt through while anything could be queued."""
    if hunting.max_queue < 0 or queue.active < hunting.max_queue:
        return None
    message = f"{queue.active} downloads are queued or running; the limit is {hunting.max_queue}."
    return EarlyEnd(HuntReason.MAX_QUEUE, message)


def by_filters(filters: ResolvedFilters, app_name: str) -> EarlyEnd | None:
    """What must not be searched is not known as long as the app does not know a name of an excluding filter."""
    if not filters.unresolved:
        return None
    sentences = " ".join(name.sentence(app_name) for name in filters.unresolved)
    return EarlyEnd(HuntReason.UNRESOLVED_FILTER, f"{sentences} Nothing is searched until it is mended or taken out.")


def warnings_of(filters: ResolvedFilters, app_name: str) -> list[str]:
    """A sentence for every name in a filter that the app does not know."""
    return [name.sentence(app_name) for name in filters.unknown]


def without_indexers() -> EarlyEnd:
    """The app has no indexer to search with: a search would end at once, and find nothing."""
    return EarlyEnd(
        HuntReason.NO_INDEXERS,
        "All indexers of the app fail, are blocked or have automatic search off: its page System, Status says which.",
    )


def queue_unreadable(failure: ArrError) -> EarlyEnd:
    """The queue cannot be read, and `max_queue` depends on it."""
    return EarlyEnd(HuntReason.QUEUE_UNREADABLE, f"The queue could not be read: {failure.message}")


def _may_try(state: InstanceState, trigger: Trigger) -> bool:
    """A manual hunt may try an app that was offline, but not one that asked for rest."""
    return trigger is Trigger.MANUAL and state.online is False

"""How answers and failures of an app change the state of its instance: online, offline, resting. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.arr.errors import ArrError
from app.arr.models import AppStatus
from app.instances.models import InstanceState

OFFLINE_MINUTES = (1, 2, 5, 10, 15)
TROUBLE_MINUTES = (1, 5, 15, 60)
STATUS_FRESH_FOR = timedelta(minutes=10)


def seen_online(state: InstanceState, status: AppStatus, now: datetime) -> bool:
    """Take over the status of the app; true when the instance was offline before."""
    recovered = state.online is False
    state.online, state.error, state.error_code, state.checked_at = True, None, None, now
    state.version, state.database = status.version, status.database.value
    state.variant = status.variant.value if status.variant is not None else None
    if recovered:
        state.failures, state.rest_until = 0, None
    return recovered


def seen_offline(state: InstanceState, failure: ArrError, now: datetime) -> bool:
    """Rest 1, 2, 5, 10, 15 minutes, longer with every failure in a row; true at the first of them."""
    first = state.online is not False
    state.failures = 1 if first else state.failures + 1
    state.online, state.error, state.error_code, state.checked_at = False, failure.message, failure.code.value, now
    state.rest_until = now + _step(OFFLINE_MINUTES, state.failures)
    return first


def seen_trouble(state: InstanceState, failure: ArrError, now: datetime) -> None:
    """The app refused a search: rest as long as it asks, else 1, 5, 15, 60 minutes."""
    state.failures += 1
    state.error, state.error_code = failure.message, failure.code.value
    state.rest_until = now + (failure.retry_after or _step(TROUBLE_MINUTES, state.failures))


def seen_working(state: InstanceState) -> None:
    """The app accepted a search: the next rest is the shortest again."""
    state.failures, state.rest_until, state.error, state.error_code = 0, None, None, None


def is_fresh(state: InstanceState, now: datetime) -> bool:
    """Whether the last status is recent enough for a hunt to use it without asking."""
    return state.online is True and state.checked_at is not None and abs(now - state.checked_at) < STATUS_FRESH_FOR


def _step(minutes: Sequence[int], failures: int) -> timedelta:
    return timedelta(minutes=minutes[min(max(failures, 1), len(minutes)) - 1])

"""A clock that was set back: times that it wrote while it ran ahead neither block nor repeat anything."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import SQLModel, col, or_, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import CLOCK_TOLERANCE
from app.hunting.store.models import AppSnapshot, CapEntry, HuntState, ItemState
from app.instances.models import InstanceState

JUST_BEFORE = timedelta(microseconds=1)
MAX_REST = timedelta(hours=1)
PAST_COLUMNS: tuple[tuple[type[SQLModel], str], ...] = (
    (ItemState, "last_searched_at"),
    (ItemState, "reset_at"),
    (ItemState, "refused_at"),
    (CapEntry, "reserved_at"),
    (AppSnapshot, "woken_at"),
)
PAST_TIMES = ("last_hunt_at", "followed_up_at", "reset_at")
"""Of a `HuntState`; of an `InstanceState` it is `checked_at`."""


def is_ahead(state: InstanceState, hunt_state: HuntState, now: datetime) -> bool:
    """Whether a past time of the instance lies in the future."""
    moments: list[datetime | None] = [state.checked_at, *(getattr(hunt_state, name) for name in PAST_TIMES)]
    return any(at is not None and at > now + CLOCK_TOLERANCE for at in moments)


def ahead(now: datetime) -> ColumnElement[bool]:
    """`is_ahead` as a condition of a query."""
    moments = [col(InstanceState.checked_at), *(col(getattr(HuntState, name)) for name in PAST_TIMES)]
    return or_(*(at > now + CLOCK_TOLERANCE for at in moments))


async def clamp_future(
    session: AsyncSession, state: InstanceState, hunt_state: HuntState, now: datetime, interval: timedelta
) -> None:
    """Past times in the future become just now, so that they count as long as they should and lie before what comes
    next. Planned times come no later than they should."""
    just_now = now - JUST_BEFORE
    for name in PAST_TIMES:
        at: datetime | None = getattr(hunt_state, name)
        setattr(hunt_state, name, at and min(at, just_now))
    state.checked_at = state.checked_at and min(state.checked_at, just_now)
    hunt_state.next_hunt_at = min(hunt_state.next_hunt_at or now, now + interval)
    hunt_state.follow_up_at = hunt_state.follow_up_at and min(hunt_state.follow_up_at, now)
    state.rest_until = state.rest_until and min(state.rest_until, now + MAX_REST)
    for table, name in PAST_COLUMNS:
        at_column = col(getattr(table, name))
        mine = {"instance_id": state.instance_id}
        await session.exec(update(table).filter_by(**mine).where(at_column > just_now).values({name: just_now}))

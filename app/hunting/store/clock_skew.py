"""When the clock was set back: what a clock ahead of its time wrote down neither blocks nor repeats anything."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import SQLModel, col, or_, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import CLOCK_TOLERANCE
from app.hunting.store.models import AppSnapshot, CapEntry, ItemState
from app.instances.models import InstanceState

A_TICK = timedelta(microseconds=1)
MAX_REST = timedelta(hours=1)
BOOKED: tuple[tuple[type[SQLModel], str], ...] = (
    (ItemState, "last_searched_at"),
    (ItemState, "reset_at"),
    (CapEntry, "reserved_at"),
    (AppSnapshot, "woken_at"),
)
HAPPENED = ("last_hunt_at", "checked_at", "followed_up_at", "reset_at")


def is_ahead(state: InstanceState, now: datetime) -> bool:
    """Whether something has happened to the instance later than now."""
    moments: list[datetime | None] = [getattr(state, name) for name in HAPPENED]
    return any(at is not None and at > now + CLOCK_TOLERANCE for at in moments)


def ahead(now: datetime) -> ColumnElement[bool]:
    """The same as a condition."""
    return or_(*(col(getattr(InstanceState, name)) > now + CLOCK_TOLERANCE for name in HAPPENED))


async def put_right(session: AsyncSession, state: InstanceState, now: datetime, interval: timedelta) -> None:
    """All that happened later happened just now, so that it counts as long as it should, and before what comes next;
    what is planned comes in time."""
    just_now = now - A_TICK
    for name in HAPPENED:
        at: datetime | None = getattr(state, name)
        setattr(state, name, at and min(at, just_now))
    state.next_hunt_at = min(state.next_hunt_at or now, now + interval)
    state.follow_up_at = state.follow_up_at and min(state.follow_up_at, now)
    state.rest_until = state.rest_until and min(state.rest_until, now + MAX_REST)
    session.add(state)
    for table, name in BOOKED:
        at_column = col(getattr(table, name))
        mine = {"instance_id": state.instance_id}
        await session.exec(update(table).filter_by(**mine).where(at_column > just_now).values({name: just_now}))

"""The spent search units in the database, which the sliding caps add up."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import case, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.hunting.selection.policy import MAX_AHEAD
from app.hunting.store.caps import DAY, HOUR, Caps, Spent, UsedUnits, caps
from app.hunting.store.models import CapEntry
from app.settings.hunting import HuntingSettings

# Built once: a hunt needs it once a search.
_SPENT = select(CapEntry.reserved_at, CapEntry.units).where(
    col(CapEntry.instance_id) == bindparam("id"), col(CapEntry.reserved_at) > bindparam("since")
)


async def used_caps(session: AsyncSession, instance_id: int, hunting: HuntingSettings, now: datetime) -> Caps:
    """What is used of the caps of an instance."""
    found = await session.exec(_SPENT, params={"id": instance_id, "since": now - DAY})
    spent = [Spent(at, units) for at, units in found.all()]
    return caps(spent, hourly=hunting.hourly_cap, daily=hunting.daily_cap, now=now)


async def used_by_instance(session: AsyncSession, now: datetime) -> dict[int, UsedUnits]:
    """What all instances have used, as `caps` adds it up, but by the database; those that used nothing are left out."""
    in_hour = col(CapEntry.reserved_at) > now - HOUR
    units, at = col(CapEntry.units), col(CapEntry.reserved_at)
    query: Any = (
        select(CapEntry.instance_id, func.sum(case((in_hour, units), else_=0)), func.sum(units))
        .add_columns(func.min(case((in_hour, at))), func.min(at))
        .where(at > now - DAY, at <= now + MAX_AHEAD)
        .group_by(col(CapEntry.instance_id))
    )
    rows = (await session.exec(query)).all()
    return {row[0]: UsedUnits(int(row[1]), int(row[2]), row[3], row[4]) for row in rows}


async def last_reserved_at(session: AsyncSession, instance_id: int) -> datetime | None:
    """When a search of the instance was last sent, or was about to be."""
    query = select(func.max(col(CapEntry.reserved_at))).where(col(CapEntry.instance_id) == instance_id)
    return (await session.exec(query)).one()

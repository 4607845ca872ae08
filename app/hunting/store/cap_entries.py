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

# Built once: a hunt needs the first one once a search, the dashboard the second one at each look.
_SPENT = select(CapEntry.reserved_at, CapEntry.units).where(
    col(CapEntry.instance_id) == bindparam("id"), col(CapEntry.reserved_at) > bindparam("since")
)
_IN_HOUR = col(CapEntry.reserved_at) > bindparam("hour")
_USED: Any = (
    select(CapEntry.instance_id, func.sum(case((_IN_HOUR, col(CapEntry.units)), else_=0)), func.sum(CapEntry.units))
    .add_columns(func.min(case((_IN_HOUR, col(CapEntry.reserved_at)))), func.min(CapEntry.reserved_at))
    .where(col(CapEntry.reserved_at) > bindparam("day"), col(CapEntry.reserved_at) <= bindparam("latest"))
    .group_by(col(CapEntry.instance_id))
)


async def used_caps(session: AsyncSession, instance_id: int, hunting: HuntingSettings, now: datetime) -> Caps:
    """What is used of the caps of an instance."""
    found = await session.exec(_SPENT, params={"id": instance_id, "since": now - DAY})
    spent = [Spent(at, units) for at, units in found.all()]
    return caps(spent, hourly=hunting.hourly_cap, daily=hunting.daily_cap, now=now)


async def used_by_instance(session: AsyncSession, now: datetime) -> dict[int, UsedUnits]:
    """What all instances have used, as `caps` adds it up, but by the database; those that used nothing are left out."""
    moments = {"hour": now - HOUR, "day": now - DAY, "latest": now + MAX_AHEAD}
    rows = (await session.exec(_USED, params=moments)).all()
    return {row[0]: UsedUnits(int(row[1]), int(row[2]), row[3], row[4]) for row in rows}


async def last_reserved_at(session: AsyncSession, instance_id: int) -> datetime | None:
    """When a search of the instance was last sent, or was about to be."""
    query = select(func.max(col(CapEntry.reserved_at))).where(col(CapEntry.instance_id) == instance_id)
    return (await session.exec(query)).one()

"""The spent search units in the database, which the sliding caps add up."""

from datetime import datetime

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.hunting.store.caps import DAY, Caps, Spent, caps
from app.hunting.store.models import CapEntry
from app.settings.hunting import HuntingSettings


async def used_caps(session: AsyncSession, instance_id: int, hunting: HuntingSettings, now: datetime) -> Caps:
    """What is used of the caps of an instance."""
    query = select(CapEntry.reserved_at, CapEntry.units).where(
        col(CapEntry.instance_id) == instance_id, col(CapEntry.reserved_at) > now - DAY
    )
    spent = [Spent(at, units) for at, units in (await session.exec(query)).all()]
    return caps(spent, hourly=hunting.hourly_cap, daily=hunting.daily_cap, now=now)


async def last_reserved_at(session: AsyncSession, instance_id: int) -> datetime | None:
    """When a search of the instance was last sent, or was about to be."""
    query = select(func.max(col(CapEntry.reserved_at))).where(col(CapEntry.instance_id) == instance_id)
    return (await session.exec(query)).one()

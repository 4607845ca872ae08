"""The sums of all policies, for dashboards."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.swaparr.models import SwaparrState, TrackedDownload


@dataclass(frozen=True, slots=True)
class SwaparrTotals:
    """Downloads that are watched now; strikes and removals since the last reset."""

    tracked: int
    strikes: int
    removed: int


async def swaparr_totals(session: AsyncSession) -> SwaparrTotals:
    tracked = select(func.count()).select_from(TrackedDownload).where(col(TrackedDownload.gone_at).is_(None))
    sums: Any = select(
        func.coalesce(func.sum(col(SwaparrState.strikes)), 0),
        func.coalesce(func.sum(col(SwaparrState.removed)), 0),
        tracked.scalar_subquery(),
    )
    strikes, removed, number = (await session.exec(sums)).one()
    return SwaparrTotals(int(number), int(strikes), int(removed))


async def reset_swaparr_totals(session: AsyncSession) -> None:
    await session.exec(update(SwaparrState).values(strikes=0, removed=0))

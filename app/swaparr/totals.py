"""The totals of policies, for dashboards, metrics and Home Assistant."""

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


NOTHING = SwaparrTotals(0, 0, 0)


async def totals_by_policy(session: AsyncSession) -> dict[int, SwaparrTotals]:
    """Of every policy that has looked at a queue; two statements, one where there is none."""
    states: Any = select(SwaparrState.instance_id, SwaparrState.strikes, SwaparrState.removed)
    rows = (await session.exec(states)).all()
    if not rows:
        return {}
    tracked = select(TrackedDownload.instance_id, func.count()).where(col(TrackedDownload.gone_at).is_(None))
    counts = dict((await session.exec(tracked.group_by(col(TrackedDownload.instance_id)))).all())
    return {policy: SwaparrTotals(counts.get(policy, 0), strikes, removed) for policy, strikes, removed in rows}


async def swaparr_totals(session: AsyncSession) -> SwaparrTotals:
    """The sum of all policies."""
    found = (await totals_by_policy(session)).values()
    return SwaparrTotals(
        sum(each.tracked for each in found), sum(each.strikes for each in found), sum(each.removed for each in found)
    )


async def reset_swaparr_totals(session: AsyncSession) -> None:
    await session.exec(update(SwaparrState).values(strikes=0, removed=0))

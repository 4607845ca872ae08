"""How a fact is counted: in the totals and in its day, within the transaction that records the fact."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import day_of, upsert
from app.stats.models import Counters, StatDay, StatPass, StatPassTotal, StatTotal

COUNTERS = tuple(Counters.model_fields)
YIELDS = ("searches", "grabbed", "imported")
EVER = ("searches", "withdrawn", "grabbed", "imported")


async def count(session: AsyncSession, app_type: str, instance_id: int, now: datetime, **facts: int) -> None:
    """Add `facts` (named as in `COUNTERS`) to the roll-ups of the instance."""
    row = {"app_type": app_type, "instance_id": instance_id, **{name: facts.get(name, 0) for name in COUNTERS}}
    await upsert(session, StatTotal, [row], key=["app_type", "instance_id"], add=COUNTERS)
    await upsert(session, StatDay, [{**row, "day": day_of(now)}], key=["day", "app_type", "instance_id"], add=COUNTERS)


async def count_pass(
    session: AsyncSession, app_type: str, instance_id: int, hunt_pass: str, now: datetime, **facts: int
) -> None:
    """Add `facts` (named as in `YIELDS`) to the pass on this day, and to what it led to since ever."""
    row = {"app_type": app_type, "instance_id": instance_id, "hunt_pass": hunt_pass}
    values = {name: facts.get(name, 0) for name in YIELDS}
    today = {"day": day_of(now), **row}
    await upsert(session, StatPass, [{**today, **values}], key=list(today), add=YIELDS)
    # What is taken off again is counted apart: to Prometheus a counter that falls has begun anew.
    grown = {name: max(0, value) for name, value in values.items()}
    withdrawn = {"withdrawn": max(0, -values["searches"])}
    await upsert(session, StatPassTotal, [{**row, **grown, **withdrawn}], key=list(row), add=EVER)

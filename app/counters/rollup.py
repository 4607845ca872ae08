"""How a fact is counted: in the totals and in its day, within the transaction that records the fact."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import day_of, upsert
from app.counters.models import Counters, StatDay, StatHunt, StatPass, StatPassTotal, StatTotal

COUNTERS = tuple(Counters.model_fields)
YIELDS = ("searches", "grabbed", "imported")
EVER = ("searches", "withdrawn", "grabbed", "imported")
HUNT_BOUNDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds: up to each of them hunts are counted apart, in the columns of `HUNT_WITHIN`."""
HUNT_WITHIN = tuple(f"le_{bound:.0f}" for bound in HUNT_BOUNDS)


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


async def count_hunt(
    session: AsyncSession, app_type: str, instance_id: int, status: str, took_seconds: float | None
) -> None:
    """Add a hunt that ends with `status`; `took_seconds` is `None` for one that never began."""
    key = {"app_type": app_type, "instance_id": instance_id, "status": status}
    sums = {"hunts": 1, "timed": 0, "seconds": took_seconds or 0.0, **dict.fromkeys(HUNT_WITHIN, 0)}
    if took_seconds is not None:
        sums["timed"] = 1
        sums |= {name: int(took_seconds <= bound) for name, bound in zip(HUNT_WITHIN, HUNT_BOUNDS, strict=True)}
    await upsert(session, StatHunt, [{**key, **sums}], key=list(key), add=list(sums))

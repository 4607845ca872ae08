"""Adds facts to the roll-ups, within the transaction that records the fact."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import day_of, upsert
from app.counters.models import Counters, StatDay, StatHunt, StatPass, StatPassTotal, StatTotal

COUNTERS = tuple(Counters.model_fields)
YIELDS = ("searches", "grabbed", "imported")
PASS_TOTALS = ("searches", "withdrawn", "grabbed", "imported")
HUNT_BOUNDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
"""Upper bounds of hunt durations in seconds; `HUNT_WITHIN` are their columns."""
HUNT_WITHIN = tuple(f"le_{bound:.0f}" for bound in HUNT_BOUNDS)


async def count(session: AsyncSession, app_type: str, instance_id: int, now: datetime, **facts: int) -> None:
    """Add `facts` (names of `COUNTERS` to numbers) to the totals and the day of the instance."""
    row = {"app_type": app_type, "instance_id": instance_id, **{name: facts.get(name, 0) for name in COUNTERS}}
    await upsert(session, StatTotal, [row], key=["app_type", "instance_id"], add=COUNTERS)
    await upsert(session, StatDay, [{**row, "day": day_of(now)}], key=["day", "app_type", "instance_id"], add=COUNTERS)


async def count_pass(
    session: AsyncSession, app_type: str, instance_id: int, hunt_pass: str, now: datetime, **facts: int
) -> None:
    """Add `facts` (names of `YIELDS` to numbers) to the day and the totals of the pass."""
    row = {"app_type": app_type, "instance_id": instance_id, "hunt_pass": hunt_pass}
    values = {name: facts.get(name, 0) for name in YIELDS}
    today = {"day": day_of(now), **row}
    await upsert(session, StatPass, [{**today, **values}], key=list(today), add=YIELDS)
    # Subtractions are counted separately: Prometheus takes a counter that falls for a restart.
    grown = {name: max(0, value) for name, value in values.items()}
    withdrawn = {"withdrawn": max(0, -values["searches"])}
    await upsert(session, StatPassTotal, [{**row, **grown, **withdrawn}], key=list(row), add=PASS_TOTALS)


async def count_hunt(
    session: AsyncSession, app_type: str, instance_id: int, status: str, took_seconds: float | None
) -> None:
    """Add a hunt with the final `status`; `took_seconds` is `None` for a hunt that never started."""
    key = {"app_type": app_type, "instance_id": instance_id, "status": status}
    sums = {"hunts": 1, "timed": 0, "seconds": took_seconds or 0.0, **dict.fromkeys(HUNT_WITHIN, 0)}
    if took_seconds is not None:
        sums["timed"] = 1
        sums |= {name: int(took_seconds <= bound) for name, bound in zip(HUNT_WITHIN, HUNT_BOUNDS, strict=True)}
    await upsert(session, StatHunt, [{**key, **sums}], key=list(key), add=list(sums))

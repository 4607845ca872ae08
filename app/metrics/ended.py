"""Hunts that end, counted in the flush that writes their end: wherever in the engine that is, once and with it."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, event, inspect
from sqlalchemy.orm import Mapper

from app.core.db import upserting
from app.hunting.models import OPEN, Hunt
from app.stats.models import StatHunt

BOUNDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
LE: Final = tuple(f"le_{bound:.0f}" for bound in BOUNDS)

_KEY = ("app_type", "instance_id", "status")
_SUMS = ("hunts", "timed", "seconds", *LE)


@event.listens_for(Hunt, "after_update")
def _count_end(_mapper: Mapper[Any], connection: Connection, hunt: Hunt) -> None:
    """A hunt that no instance is left of is not counted: nobody would see it."""
    before = inspect(hunt).attrs.status.history.deleted
    if hunt.instance_id is None or hunt.status in OPEN or not before or before[0] not in OPEN:
        return
    took = _seconds(hunt.started_at, hunt.ended_at)
    counted = {"hunts": 1, "timed": int(took is not None), "seconds": took or 0.0}
    within = {name: int(took is not None and took <= bound) for name, bound in zip(LE, BOUNDS, strict=True)}
    key = {"app_type": hunt.app_type, "instance_id": hunt.instance_id, "status": hunt.status}
    row = {**key, **counted, **within}
    connection.execute(upserting(connection.dialect.name, StatHunt, [row], key=_KEY, add=_SUMS))


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())

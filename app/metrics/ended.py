"""Hunts that end, counted in the flush that writes their end: wherever in the engine that is, once and with it."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.orm import Mapper

from app.hunting.models import OPEN, Hunt

BOUNDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
LE: Final = tuple(f"le_{bound:.0f}" for bound in BOUNDS)

_KEY = ("app_type", "instance_id", "status")
_SUMS = ("hunts", "timed", "seconds", *LE)
_COLUMNS = (*_KEY, *_SUMS)
# SQLite and PostgreSQL read this alike; all that is put together are names of columns.
_COUNT = text(
    f"INSERT INTO stat_hunts ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{one}' for one in _COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{one} = stat_hunts.{one} + excluded.{one}" for one in _SUMS)
)


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
    connection.execute(_COUNT, {**key, **counted, **within})


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else max(0.0, (end - start).total_seconds())

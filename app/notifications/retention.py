"""How long deliveries are kept, and how long they may wait."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlmodel import col, select, update

from app.core.db import Database
from app.core.retention import delete_in_batches
from app.notifications.models import WAITING, Delivery, DeliveryStatus

log = structlog.get_logger(__name__)

RETENTION: Final = timedelta(days=30)
MAX_KEPT: Final = 10_000
MAX_WAIT: Final = timedelta(days=3)
BATCH: Final = 500
MAX_BATCHES: Final = 200
EXPIRED: Final = "It waited for three days: the connection was down or disabled."


async def purge(db: Database, now: datetime) -> None:
    """Delete finished deliveries: those that are too old, and all but the newest ten thousand."""
    await _expire(db, now)
    finished = col(Delivery.status).not_in(WAITING)
    newest = select(Delivery.id).where(finished).order_by(col(Delivery.id).desc())
    async with db.reading() as session:
        last = (await session.exec(newest.offset(MAX_KEPT).limit(1))).first()
    await delete_in_batches(db, Delivery, finished, col(Delivery.created_at) < now - RETENTION)
    if last is not None:
        await delete_in_batches(db, Delivery, finished, col(Delivery.id) <= last)


async def _expire(db: Database, now: datetime) -> None:
    """Fail deliveries that waited too long, so that a dead receiver's queue does not grow for ever."""
    failed = {"status": DeliveryStatus.FAILED.value, "error": EXPIRED, "ended_at": now, "next_try_at": None}
    for _ in range(MAX_BATCHES):
        old = select(col(Delivery.id)).where(
            col(Delivery.status).in_(WAITING), col(Delivery.created_at) < now - MAX_WAIT
        )
        async with db.session() as session:
            batch = old.order_by(col(Delivery.id)).limit(BATCH)
            expired = (
                await session.exec(update(Delivery).where(col(Delivery.id).in_(batch)).values(**failed))
            ).rowcount
        if expired:
            log.error("notifications expired unsent", count=expired)
        if expired < BATCH:
            return

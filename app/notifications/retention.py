"""How long deliveries are kept, and how long one may wait."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlmodel import col, select, update

from app.core.db import Database
from app.core.retention import delete_in_batches
from app.notifications.models import WAITING, Delivery, DeliveryStatus

log = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(days=30)
KEPT: Final = 10_000
MAX_WAIT: Final = timedelta(days=3)
BATCH: Final = 500
BATCHES: Final = 200
WAITED: Final = "It waited for three days: the connection was down or disabled."


async def purge(db: Database, now: datetime) -> None:
    """Old deliveries and those beyond the newest ten thousand, in short units of work; what waits is no part of it."""
    await _give_up(db, now)
    over = col(Delivery.status).not_in(WAITING)
    newest = select(Delivery.id).where(over).order_by(col(Delivery.id).desc())
    async with db.reading() as session:
        last = (await session.exec(newest.offset(KEPT).limit(1))).first()
    await delete_in_batches(db, Delivery, over, col(Delivery.created_at) < now - KEPT_FOR)
    if last is not None:
        await delete_in_batches(db, Delivery, over, col(Delivery.id) <= last)


async def _give_up(db: Database, now: datetime) -> None:
    """What waited too long ends, so that a receiver that never comes back gathers no queue without end."""
    failed = {"status": DeliveryStatus.FAILED.value, "error": WAITED, "ended_at": now, "next_try_at": None}
    for _ in range(BATCHES):
        old = select(col(Delivery.id)).where(
            col(Delivery.status).in_(WAITING), col(Delivery.created_at) < now - MAX_WAIT
        )
        async with db.session() as session:
            batch = old.order_by(col(Delivery.id)).limit(BATCH)
            gone = (await session.exec(update(Delivery).where(col(Delivery.id).in_(batch)).values(**failed))).rowcount
        if gone:
            log.error("notifications given up unsent", count=gone)
        if gone < BATCH:
            return

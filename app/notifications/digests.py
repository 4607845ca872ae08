"""A digest: several events in one message."""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.schemas import UtcTime
from app.events.rendering import Rendered
from app.notifications.models import DIGEST, ConnectionState, Delivery, DeliveryStatus
from app.notifications.routing import LEVELS

_TIME: Final = TypeAdapter(UtcTime)

MAX_COLLECTED: Final = 500
MAX_LINES: Final = 20
MAX_LINE_LENGTH: Final = 160
MAX_EVENTS: Final = 100


async def build_digest(session: AsyncSession, state: ConnectionState, now: datetime) -> None:
    """Turn collected deliveries into one digest; more than MAX_COLLECTED follow in the next digest."""
    collected = (
        col(Delivery.connection_id) == state.connection_id,
        col(Delivery.status) == DeliveryStatus.COLLECTED.value,
    )
    query = select(Delivery).where(*collected).order_by(col(Delivery.id)).limit(MAX_COLLECTED)
    rows = (await session.exec(query)).all()
    state.digest_at = now if len(rows) == MAX_COLLECTED else None
    if not rows:
        return
    text = digest_text(rows)
    digest = Delivery(
        connection_id=state.connection_id,
        message_id=f"dig_{secrets.token_urlsafe(12)}",
        event=DIGEST,
        level=max((row.level for row in rows), key=[level.value for level in LEVELS].index),
        title=text.title,
        body=text.body,
        data=digest_data(rows),
        happened_at=now,
        status=DeliveryStatus.QUEUED.value,
        next_try_at=now,
        created_at=now,
    )
    session.add(digest)
    await session.flush()
    done = {"status": DeliveryStatus.DIGESTED.value, "digest_id": digest.id, "ended_at": now}
    last = col(Delivery.id) <= rows[-1].id
    await session.exec(update(Delivery).where(*collected, last).values(**done))
    state.next_at = state.next_at or now


def digest_text(rows: Sequence[Delivery]) -> Rendered:
    """For people: counts, then a line for each event. Pure."""
    counts = ", ".join(f"{number} {name}" for name, number in Counter(row.event for row in rows).items())
    lines = [_line(row) for row in rows[:MAX_LINES]]
    more = [f"… and {len(rows) - MAX_LINES} more."] if len(rows) > MAX_LINES else []
    noun = "event" if len(rows) == 1 else "events"
    return Rendered(f"Huntarr: {len(rows)} {noun}", "\n".join([counts, *lines, *more]))


def digest_data(rows: Sequence[Delivery]) -> dict[str, Any]:
    """For programs. Pure."""
    return {
        "from": _json_time(rows[0].happened_at),
        "to": _json_time(rows[-1].happened_at),
        "total": len(rows),
        "counts": dict(Counter(row.event for row in rows)),
        "lines": [_line(row) for row in rows[:MAX_EVENTS]],
        "events": [
            {"event_id": row.event_id, "type": row.event, "timestamp": _json_time(row.happened_at), "data": row.data}
            for row in rows[:MAX_EVENTS]
        ],
        "left_out": max(0, len(rows) - MAX_EVENTS),
    }


def _line(row: Delivery) -> str:
    line = Rendered(row.title, row.body).line
    return line if len(line) <= MAX_LINE_LENGTH else line[: MAX_LINE_LENGTH - 1] + "…"


def _json_time(at: datetime) -> str:
    text: str = _TIME.dump_python(at, mode="json")
    return text

"""The way into the event system: `record` in the unit of work of the fact, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from pydantic import ValidationError
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import Database
from app.events.catalogue import EVENTS, Durable, EventName, Level, kind_of
from app.events.models import Event

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=7)
PURGE_BATCH = 500
PURGE_BATCHES = 100


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored event as routers get it. `id` grows, and is the same however often the event is told."""

    id: int
    name: EventName
    level: Level
    app_type: str | None
    instance_id: int | None
    payload: Durable
    created_at: datetime


class Router(Protocol):
    """Decides who is told of stored events, in the unit of work that marks them as routed.

    What it writes is committed with that mark, so it happens once for each event. It must not wait for a network. An
    exception that is not the database's is logged, and costs only the event that causes it, only at this router.
    """

    async def route(self, session: AsyncSession, events: Sequence[Recorded]) -> None: ...


async def record(session: AsyncSession, event: Durable, now: datetime) -> None:
    """Store `event` in the caller's unit of work: it exists exactly when the fact does."""
    kind, data = kind_of(event), event.data
    session.add(
        Event(
            name=kind.name.value,
            level=kind.level_of(event).value,
            app_type=data.get("app_type"),
            instance_id=data.get("instance_id"),
            payload=data,
            created_at=now,
        )
    )


async def was_told(session: AsyncSession, name: EventName, instance_id: int, since: datetime) -> bool:
    """Whether such an event of the instance was stored after `since`."""
    query = select(Event.id).where(
        col(Event.name) == name.value, col(Event.instance_id) == instance_id, col(Event.created_at) > since
    )
    return (await session.exec(query.limit(1))).first() is not None


def recorded(row: Event) -> Recorded | None:
    """The event of a row; None for one that another version wrote and this one does not know."""
    try:
        name = EventName(row.name)
        payload = EVENTS[name].payload.model_validate(row.payload)
        level = Level(row.level)
    except (ValidationError, ValueError):
        log.warning("event of another version passed over", event_id=row.id, name=row.name[:40])
        return None
    if not isinstance(payload, Durable):
        return None
    return Recorded(row.id or 0, name, level, row.app_type, row.instance_id, payload, row.created_at)


async def purge(db: Database, now: datetime) -> int:
    """Delete events that were routed and are a week old, in short units of work; how many went."""
    total = 0
    for _ in range(PURGE_BATCHES):
        old = select(Event.id).where(col(Event.created_at) < now - KEPT_FOR, col(Event.routed_at).is_not(None))
        async with db.session() as session:
            gone = (await session.exec(delete(Event).where(col(Event.id).in_(old.limit(PURGE_BATCH))))).rowcount
        total += gone
        if gone < PURGE_BATCH:
            break
    return total

"""The outbox: an event is written in the transaction of its fact, so that neither exists without the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.bells import BellName, ring_after_commit
from app.core.db import Database
from app.core.retention import delete_in_batches
from app.events.catalogue import EVENTS, EventName, event_type_of
from app.events.models import Event
from app.events.payloads import Durable, Level

log = structlog.get_logger(__name__)

RETENTION: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A stored event as routers get it. `id` grows; a receiver recognises a repeated event by it."""

    id: int
    name: EventName
    level: Level
    app_type: str | None
    instance_id: int | None
    payload: Durable
    created_at: datetime


class Router(Protocol):
    """Reacts to stored events, in the transaction that marks them as routed.

    What it writes is committed with that mark, so it happens once for each event. It must not wait for a network.
    An exception other than a database failure is logged and loses only the event that caused it, only in this router.
    """

    async def route(self, session: AsyncSession, events: Sequence[RecordedEvent]) -> None: ...


async def record_event(session: AsyncSession, event: Durable, now: datetime) -> None:
    """Store `event` in the caller's transaction."""
    event_type, data = event_type_of(event), event.data
    ring_after_commit(session, BellName.EVENTS)
    session.add(
        Event(
            name=event_type.name.value,
            level=event_type.level_of(event).value,
            app_type=data.get("app_type"),
            instance_id=data.get("instance_id"),
            payload=data,
            created_at=now,
        )
    )


async def was_recorded(session: AsyncSession, name: EventName, instance_id: int, since: datetime) -> bool:
    """Whether such an event of the instance was stored after `since`."""
    query = select(Event.id).where(
        col(Event.name) == name.value, col(Event.instance_id) == instance_id, col(Event.created_at) > since
    )
    return (await session.exec(query.limit(1))).first() is not None


def recorded_event(row: Event) -> RecordedEvent | None:
    """The event of a row; None when another version wrote it and this one does not know it."""
    try:
        name = EventName(row.name)
        payload = EVENTS[name].payload.model_validate(row.payload)
        level = Level(row.level)
    except (ValidationError, ValueError):
        log.warning("event of another version skipped", event_id=row.id, name=row.name[:40])
        return None
    if not isinstance(payload, Durable):
        return None
    return RecordedEvent(row.id or 0, name, level, row.app_type, row.instance_id, payload, row.created_at)


async def purge(db: Database, now: datetime) -> int:
    """Delete routed events after their retention; the number of deleted events."""
    is_routed = col(Event.routed_at).is_not(None)
    return await delete_in_batches(db, Event, is_routed, col(Event.created_at) < now - RETENTION)

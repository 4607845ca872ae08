"""Creates the deliveries of an event in the relay's transaction, so that each event has them exactly once."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.actions.targets import ALL
from app.core.clock import Clock
from app.events.catalogue import DURABLE_EVENTS
from app.events.filters import matching
from app.events.outbox import RecordedEvent
from app.events.payloads import Level
from app.events.rendering import Rendered
from app.notifications.models import ConnectionState, Delivery, DeliveryStatus, NotificationConnection

LEVELS: Final = tuple(Level)


def is_wanted(connection: NotificationConnection, event: RecordedEvent) -> bool:
    """Whether the connection wants the event, by name, level, app and instance. Pure."""
    return (
        connection.enabled
        and LEVELS.index(event.level) >= LEVELS.index(Level(connection.min_level))
        and connection.app_type in (ALL, event.app_type)
        and connection.instance_id in (None, event.instance_id)
        and any(event.name in matching(pattern, DURABLE_EVENTS) for pattern in connection.events)
    )


class NotificationRouter:
    """Turns events into waiting deliveries; the Deliverer sends them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def route(self, session: AsyncSession, events: Sequence[RecordedEvent]) -> None:
        query = (
            select(NotificationConnection)
            .where(col(NotificationConnection.enabled).is_(True))
            .order_by(col(NotificationConnection.id))
        )
        pairs = [
            (connection, event)
            for connection in (await session.exec(query)).all()
            for event in events
            if is_wanted(connection, event)
        ]
        if not pairs:
            return
        states = await _locked(session, {connection.id or 0 for connection, _ in pairs})
        now, rendered = self._clock(), {event.id: event.payload.render() for _, event in pairs}
        for connection, event in pairs:
            state = states.get(connection.id or 0)
            if state is not None:  # else it was deleted meanwhile
                session.add(_delivery(connection, event, rendered[event.id], now))
                _schedule(state, connection, now)
        await session.flush()


async def _locked(session: AsyncSession, ids: set[int]) -> dict[int, ConnectionState]:
    """Lock the state rows, as every writer does first, in order of id to prevent deadlocks."""
    query = select(ConnectionState).where(col(ConnectionState.connection_id).in_(ids))
    rows = await session.exec(query.order_by(col(ConnectionState.connection_id)).with_for_update())
    return {state.connection_id: state for state in rows.all()}


def _delivery(connection: NotificationConnection, event: RecordedEvent, rendered: Rendered, now: datetime) -> Delivery:
    is_collected = connection.digest_minutes > 0
    return Delivery(
        connection_id=connection.id or 0,
        message_id=f"msg_{event.id}_{secrets.token_urlsafe(12)}",
        event_id=event.id,
        event=event.name.value,
        level=event.level.value,
        title=rendered.title,
        body=rendered.body,
        data=event.payload.data,
        happened_at=event.created_at,
        status=(DeliveryStatus.COLLECTED if is_collected else DeliveryStatus.QUEUED).value,
        next_try_at=None if is_collected else now,
        created_at=now,
    )


def _schedule(state: ConnectionState, connection: NotificationConnection, now: datetime) -> None:
    if connection.digest_minutes:
        state.digest_at = state.digest_at or now + timedelta(minutes=connection.digest_minutes)
    else:
        state.next_at = state.next_at or now

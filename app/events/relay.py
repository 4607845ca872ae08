"""The relay takes stored events in order, has each routed once, and appends it to the stream.

Every worker has one; a leader lock in Redis lets one work at a time. The data is protected by the database: rows are
locked while they are routed, so two relays at once (Redis was away, or emptied) do nothing twice.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.bells import BellName
from app.core.breaker import Breaker
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import HuntarrError
from app.core.leader_lock import LeaderLock
from app.core.loops import forever
from app.events.bus import EventBus
from app.events.models import Event
from app.events.outbox import RecordedEvent, Router, recorded_event

log = structlog.get_logger(__name__)

BATCH: Final = 100
POLL_SECONDS: Final = 30.0
"""Between two looks for events that no bell told of."""
AGAIN_SECONDS: Final = 2.0
"""Between two looks while events wait: another worker is the leader, or Redis is away."""
FAILED_SECONDS: Final = 2.0
APPEND_TIMEOUT_SECONDS: Final = 2.0
LEASE: Final = "huntarr:events:pump"
LEASE_SECONDS: Final = 8.0

UNROUTED: Final = col(Event.routed_at).is_(None)
UNFINISHED: Final = or_(UNROUTED, col(Event.published_at).is_(None))

# Failures that no event causes: the whole batch is tried again.
TEMPORARY = (HuntarrError, OperationalError, InterfaceError, OSError)


class EventRelay:
    """Passes stored events to `routers`, in this order, and then to the stream."""

    def __init__(
        self, db: Database, redis: Redis, bus: EventBus, clock: Clock, *, routers: Sequence[Router] = ()
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._routers = routers
        self._leader = LeaderLock(redis, LEASE, seconds=LEASE_SECONDS, is_better_twice=True)
        self._redis_breaker = Breaker()

    async def run(self) -> None:
        """Relay until cancelled."""
        try:
            await forever(
                "event relay",
                self._step,
                pause_seconds=POLL_SECONDS,
                failed_seconds=FAILED_SECONDS,
                bell=self._db.bells.bell(BellName.EVENTS),
            )
        finally:
            await self._leader.release()

    async def _step(self) -> float | None:
        if not await self._waits(UNFINISHED):
            return None
        if await self._leader.held():
            await self.relay_waiting()
        return AGAIN_SECONDS if await self._waits(UNFINISHED) else None

    async def relay_waiting(self) -> int:
        """Route and stream all waiting events; how many were routed."""
        total = 0
        while await self._waits(UNROUTED):
            total += await self._route_batch()
        await self._publish()
        return total

    async def _waits(self, condition: object) -> bool:
        """A read before the write, because it does not block writers."""
        async with self._db.glance() as session:
            query = select(Event.id).where(condition).limit(1)  # type: ignore[arg-type] # a column's expression
            return (await session.exec(query)).first() is not None

    async def _route_batch(self) -> int:
        query = select(Event).where(col(Event.routed_at).is_(None)).order_by(col(Event.id)).limit(BATCH)
        async with self._db.session() as session:
            rows = (await session.exec(query.with_for_update())).all()
            events = [event for event in map(recorded_event, rows) if event is not None]
            for router in self._routers:
                if events:
                    await _route(session, router, events)
            ids = [row.id for row in rows]
            await session.exec(update(Event).where(col(Event.id).in_(ids)).values(routed_at=self._clock()))
        return len(rows)

    async def _publish(self) -> None:
        """Append routed events to the stream; without Redis they wait, also over a restart."""
        while not self._redis_breaker.is_open:
            query = select(Event).where(col(Event.published_at).is_(None), col(Event.routed_at).is_not(None))
            async with self._db.reading() as session:
                rows = (await session.exec(query.order_by(col(Event.id)).limit(BATCH))).all()
            if not rows:
                return
            try:
                async with asyncio.timeout(APPEND_TIMEOUT_SECONDS):
                    await self._bus.append([event for event in map(recorded_event, rows) if event is not None])
            except (RedisError, OSError, TimeoutError) as failure:
                self._redis_breaker.open()
                log.warning("events not streamed: Redis unavailable", error=type(failure).__name__)
                return
            ids = [row.id for row in rows]
            async with self._db.session() as session:
                await session.exec(update(Event).where(col(Event.id).in_(ids)).values(published_at=self._clock()))


async def _route(session: AsyncSession, router: Router, events: Sequence[RecordedEvent]) -> None:
    """Route all at once, and after a failure one by one, so that only the event that causes it is lost."""
    try:
        async with session.begin_nested():
            await router.route(session, events)
    except TEMPORARY:
        raise
    except Exception:  # a router's mistake must not block later events for ever
        if len(events) == 1:
            log.exception("event not routed", event_id=events[0].id, name=events[0].name, router=type(router).__name__)
            return
        for event in events:
            await _route(session, router, [event])

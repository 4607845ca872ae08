"""The pump: takes stored events in their order, has them routed once, and puts them on the stream.

Every worker has one; a lease in Redis lets one work at a time. What protects the data is the database: rows are
locked while they are routed, so that two pumps (Redis was away, or emptied) do nothing twice.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import HuntarrError
from app.core.leader_lock import LeaderLock
from app.events.bus import EventBus
from app.events.models import Event
from app.events.outbox import Recorded, Router, recorded

log = structlog.get_logger(__name__)

BATCH: Final = 100
POLL_SECONDS: Final = 0.4
FAILED_SECONDS: Final = 2.0
APPEND_SECONDS: Final = 2.0
REST_SECONDS: Final = 5.0
LEASE: Final = "huntarr:events:pump"
LEASE_SECONDS: Final = 6.0

# What says nothing of the event: the batch is tried again as it is.
PASSING = (HuntarrError, OperationalError, InterfaceError, OSError)


class EventRelay:
    """Moves stored events on; `routers` are asked in their order."""

    def __init__(
        self, db: Database, redis: Redis, bus: EventBus, clock: Clock, *, routers: Sequence[Router] = ()
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._routers = routers
        self._turn = LeaderLock(redis, LEASE, seconds=LEASE_SECONDS, is_better_twice=True)
        self._away_until = 0.0

    async def run(self) -> None:
        """Pump until cancelled."""
        try:
            while True:
                pause = POLL_SECONDS
                try:
                    if await self._turn.is_mine():
                        await self.pump()
                except HuntarrError as failure:
                    log.warning("events wait", error=failure.message)
                    pause = FAILED_SECONDS
                except Exception:  # the top of a job that must go on as long as the worker does
                    log.exception("the pump failed; it goes on")
                    pause = FAILED_SECONDS
                await asyncio.sleep(pause)
        finally:
            await self._turn.end()

    async def pump(self) -> int:
        """Route and stream all that waits; how many events were routed."""
        total = 0
        while await self._waits(col(Event.routed_at).is_(None)):
            total += await self._route_batch()
        await self._publish()
        return total

    async def _waits(self, condition: object) -> bool:
        """Asked first, because it disturbs no writer."""
        async with self._db.reading() as session:
            query = select(Event.id).where(condition).limit(1)  # type: ignore[arg-type] # a column's expression
            return (await session.exec(query)).first() is not None

    async def _route_batch(self) -> int:
        query = select(Event).where(col(Event.routed_at).is_(None)).order_by(col(Event.id)).limit(BATCH)
        async with self._db.session() as session:
            rows = (await session.exec(query.with_for_update())).all()
            events = [event for event in map(recorded, rows) if event is not None]
            for router in self._routers:
                if events:
                    await _route(session, router, events)
            ids = [row.id for row in rows]
            await session.exec(update(Event).where(col(Event.id).in_(ids)).values(routed_at=self._clock()))
        return len(rows)

    async def _publish(self) -> None:
        """Put what is routed on the stream; whatever cannot be put there now waits, also over a restart."""
        while time.monotonic() >= self._away_until:
            query = select(Event).where(col(Event.published_at).is_(None), col(Event.routed_at).is_not(None))
            async with self._db.reading() as session:
                rows = (await session.exec(query.order_by(col(Event.id)).limit(BATCH))).all()
            if not rows:
                return
            try:
                async with asyncio.timeout(APPEND_SECONDS):
                    await self._bus.append([event for event in map(recorded, rows) if event is not None])
            except (RedisError, OSError, TimeoutError) as failure:
                self._away_until = time.monotonic() + REST_SECONDS
                log.warning("events are not streamed: no redis", error=type(failure).__name__)
                return
            ids = [row.id for row in rows]
            async with self._db.session() as session:
                await session.exec(update(Event).where(col(Event.id).in_(ids)).values(published_at=self._clock()))


async def _route(session: AsyncSession, router: Router, events: Sequence[Recorded]) -> None:
    """All at once; when that fails one by one, so that a bad event costs only itself."""
    try:
        async with session.begin_nested():
            await router.route(session, events)
    except PASSING:
        raise
    except Exception:  # a router's mistake must not hold up all events after it, for ever
        if len(events) == 1:
            log.exception("event not routed", event_id=events[0].id, name=events[0].name, router=type(router).__name__)
            return
        for event in events:
            await _route(session, router, [event])

"""The services of events."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from app.core.clock import Clock
from app.core.db import Database
from app.events.bus import EventBus
from app.events.hub import EventHub
from app.events.outbox import Router
from app.events.relay import EventRelay


@dataclass(frozen=True, slots=True)
class EventServices:
    """`bus` publishes, `hub` serves the listeners of this process, `relay` routes and streams the outbox."""

    bus: EventBus
    hub: EventHub
    relay: EventRelay

    @classmethod
    def build(
        cls, db: Database, redis: Redis, bus: EventBus, clock: Clock, routers: Sequence[Router]
    ) -> "EventServices":
        return cls(bus, EventHub(bus, clock), EventRelay(db, redis, bus, clock, routers=routers))

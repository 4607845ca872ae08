"""The services of events."""

from dataclasses import dataclass

from app.events.bus import EventBus
from app.events.hub import EventHub
from app.events.relay import EventRelay


@dataclass(frozen=True, slots=True)
class EventServices:
    """`bus` publishes, `hub` serves the listeners of this process, `relay` routes and streams the outbox."""

    bus: EventBus
    hub: EventHub
    relay: EventRelay

"""Lines of the log as ephemeral events on the stream."""

from collections.abc import Sequence

from app.events.bus import EventBus
from app.events.payloads import Level, LogLine
from app.logs.schemas import LogEntryOut

LEVELS = {"INFO": Level.INFO, "WARNING": Level.WARNING, "ERROR": Level.ERROR, "CRITICAL": Level.ERROR}
"""The levels that are streamed; debug lines are only stored."""


class LogStream:
    """Publishes lines that have been stored."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    async def publish(self, entries: Sequence[LogEntryOut]) -> None:
        lines = [
            LogLine(
                id=entry.id,
                timestamp=entry.timestamp,
                level=LEVELS[entry.level],
                app_type=entry.app_type,
                instance_id=entry.instance_id,
                hunt_id=entry.hunt_id,
                logger=entry.logger,
                message=entry.message,
            )
            for entry in entries
            if entry.level in LEVELS
        ]
        if lines:
            await self._bus.publish(*lines)

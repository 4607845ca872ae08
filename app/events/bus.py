"""The event stream in Redis that every gateway reads: the latest events, in the same order for all processes."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.breaker import Breaker
from app.core.clock import Clock
from app.events.catalogue import StreamMessage, event_type_of
from app.events.outbox import RecordedEvent
from app.events.payloads import Ephemeral, Payload

log = structlog.get_logger(__name__)

STREAM: Final = "huntarr:events"
SEEN: Final = "huntarr:events:seen"
MAX_ENTRIES: Final = 1000
PUBLISH_TIMEOUT_SECONDS: Final = 0.5
MAX_ID_PART: Final = 2**64 - 1
_STREAM_ID: Final = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", re.ASCII)

# Append stored events, each once: appending an event again, after a crash or by another worker, changes nothing.
APPEND: Final = """
for i = 2, #ARGV, 4 do
  if redis.call('zadd', KEYS[2], 'nx', ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('xadd', KEYS[1], 'maxlen', '~', ARGV[1], '*', 'name', ARGV[i + 2], 'data', ARGV[i + 3])
  end
end
redis.call('zremrangebyrank', KEYS[2], 0, -2 * ARGV[1])
"""


@dataclass(frozen=True, slots=True, order=True)
class StreamId:
    """A position on the stream; clients read it as `id:` and send it back as `Last-Event-ID`."""

    milliseconds: int = 0
    number: int = 0

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"

    @property
    def next(self) -> "StreamId":
        """The lowest id after this one."""
        if self.number < MAX_ID_PART:
            return StreamId(self.milliseconds, self.number + 1)
        return StreamId(self.milliseconds + 1, 0)


def parse_stream_id(text: str) -> StreamId | None:
    found = _STREAM_ID.fullmatch(text)
    if found is None:
        return None
    parsed = StreamId(int(found[1]), int(found[2] or 0))
    return parsed if max(parsed.milliseconds, parsed.number) <= MAX_ID_PART else None


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One event on the stream; `data` is its message as JSON."""

    id: StreamId
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamRange:
    """The first and last id of the stream; both are zero while it is empty."""

    first: StreamId
    last: StreamId
    length: int

    def reaches_back_to(self, last_seen: StreamId) -> bool:
        """Whether every entry after `last_seen` is still kept."""
        if last_seen == StreamId():
            return self.length < MAX_ENTRIES
        return self.first != StreamId() and self.first <= last_seen <= self.last


class EventBus:
    """Writes to the stream and reads from it; one per process."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._append = redis.register_script(APPEND)
        self._redis_breaker = Breaker()

    async def publish(self, *events: Ephemeral) -> None:
        """Stream events that are not stored. Never fails: without Redis they are dropped."""
        if self._redis_breaker.is_open:
            return
        now = self._clock()
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                for event in events:
                    fields: dict[Any, Any] = {"name": event_type_of(event).name.value, "data": encode(event, now)}
                    pipe.xadd(STREAM, fields, maxlen=MAX_ENTRIES, approximate=True)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError):
            self._redis_breaker.open()
            log.debug("events not streamed: Redis unavailable")

    async def append(self, events: Sequence[RecordedEvent]) -> None:
        """Append stored events; those that were appended before are left out."""
        arguments: list[bytes | str | int] = [MAX_ENTRIES]
        for event in events:
            # After a restored backup the same id may come again, but not with the same time.
            member = f"{event.id}:{event.created_at.timestamp()}"
            arguments += [event.id, member, event.name.value]
            arguments.append(encode(event.payload, event.created_at, event.id))
        await self._append(keys=[STREAM, SEEN], args=arguments)

    async def range(self) -> StreamRange:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xrange(STREAM, count=1)
            pipe.xrevrange(STREAM, count=1)
            pipe.xlen(STREAM)
            first, last, length = await pipe.execute()
        return StreamRange(_id_of(first), _id_of(last), int(length))

    async def between(self, after: StreamId, until: StreamId, count: int) -> list[StreamEntry]:
        """The first `count` entries after `after`, up to and including `until`."""
        return _entries(await self._redis.xrange(STREAM, str(after.next), str(until), count=count))

    async def follow(self, after: StreamId, count: int, wait_seconds: float) -> list[StreamEntry]:
        """The next entries after `after`, as soon as there are any; none when nothing came within `wait_seconds`."""
        found = await self._redis.xread({STREAM: str(after)}, count=count, block=int(wait_seconds * 1000))
        return _entries(found[0][1]) if found else []


def encode(payload: Payload, at: datetime, event_id: int | None = None) -> bytes:
    """The stream message as one line of JSON."""
    event_type = event_type_of(payload)
    message = StreamMessage.model_construct(
        type=event_type.name, level=event_type.level_of(payload), timestamp=at, event_id=event_id, data=payload
    )
    return message.model_dump_json(by_alias=True).encode()


def _id_of(found: list[Any]) -> StreamId:
    entries = _entries(found)
    return entries[0].id if entries else StreamId()


def _entries(found: list[Any]) -> list[StreamEntry]:
    entries = []
    for raw_id, fields in found:
        entry_id = parse_stream_id(raw_id.decode())
        if entry_id is not None and b"name" in fields and b"data" in fields:
            entries.append(StreamEntry(entry_id, fields[b"name"].decode(), fields[b"data"]))
    return entries

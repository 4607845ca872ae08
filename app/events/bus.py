"""The stream on Redis that every gateway reads: the last events, in one order for all processes."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.clock import Clock
from app.events.catalogue import Ephemeral, Payload, StreamMessage, kind_of
from app.events.outbox import Recorded

log = structlog.get_logger(__name__)

STREAM: Final = "huntarr:events"
SEEN: Final = "huntarr:events:seen"
KEPT: Final = 1000
PUBLISH_SECONDS: Final = 0.5
REST_SECONDS: Final = 5.0
MAX_PART: Final = 2**64 - 1
_ID: Final = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", re.ASCII)

# Put stored events on the stream, each once: a second worker, or the same one after a crash, changes nothing.
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
    """A place on the stream; what a client reads as `id:` and sends back as `Last-Event-ID`."""

    milliseconds: int = 0
    number: int = 0

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"

    @property
    def next(self) -> "StreamId":
        """The least id behind this one."""
        if self.number < MAX_PART:
            return StreamId(self.milliseconds, self.number + 1)
        return StreamId(self.milliseconds + 1, 0)


def stream_id(text: str) -> StreamId | None:
    """The id that `text` says, or None."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    made = StreamId(int(found[1]), int(found[2] or 0))
    return made if max(made.milliseconds, made.number) <= MAX_PART else None


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One event on the stream; `data` is the JSON of its message."""

    id: StreamId
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamRange:
    """From where to where the stream goes now; both are zero while it is empty."""

    first: StreamId
    last: StreamId
    length: int

    def reaches_back_to(self, last_seen: StreamId) -> bool:
        """Whether everything behind `last_seen` is still there."""
        if last_seen == StreamId():
            return self.length < KEPT
        return self.first != StreamId() and self.first <= last_seen <= self.last


class EventBus:
    """Writes to the stream and reads from it; one a process."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._append = redis.register_script(APPEND)
        self._away_until = 0.0

    async def publish(self, *events: Ephemeral) -> None:
        """Tell whoever listens now, if that is possible at once; nothing is said to the caller when it is not."""
        if time.monotonic() < self._away_until:
            return
        now = self._clock()
        try:
            async with asyncio.timeout(PUBLISH_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                for event in events:
                    fields: dict[Any, Any] = {"name": kind_of(event).name.value, "data": message(event, now)}
                    pipe.xadd(STREAM, fields, maxlen=KEPT, approximate=True)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError):
            self._away_until = time.monotonic() + REST_SECONDS
            log.debug("events of the moment are not streamed: no redis")

    async def append(self, events: Sequence[Recorded]) -> None:
        """Put stored events on the stream; those that are there already stay alone."""
        arguments: list[bytes | str | int] = [KEPT]
        for one in events:
            # A restored backup may give the same id again, but not at the same time.
            member = f"{one.id}:{one.created_at.timestamp()}"
            arguments += [one.id, member, one.name.value]
            arguments.append(message(one.payload, one.created_at, one.id))
        await self._append(keys=[STREAM, SEEN], args=arguments)

    async def extent(self) -> StreamRange:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xrange(STREAM, count=1)
            pipe.xrevrange(STREAM, count=1)
            pipe.xlen(STREAM)
            first, last, length = await pipe.execute()
        return StreamRange(_id_of(first), _id_of(last), int(length))

    async def between(self, after: StreamId, until: StreamId, count: int) -> list[StreamEntry]:
        """The first `count` entries behind `after`, up to and with `until`."""
        return _entries(await self._redis.xrange(STREAM, str(after.next), str(until), count=count))

    async def follow(self, after: StreamId, count: int, wait_seconds: float) -> list[StreamEntry]:
        """The next entries behind `after`, as soon as there are any; none when nothing came in that time."""
        found = await self._redis.xread({STREAM: str(after)}, count=count, block=int(wait_seconds * 1000))
        return _entries(found[0][1]) if found else []


def message(payload: Payload, at: datetime, event_id: int | None = None) -> bytes:
    """What is streamed, as one line of JSON."""
    kind, level = kind_of(payload), kind_of(payload).level_of(payload)
    made = StreamMessage.model_construct(type=kind.name, level=level, timestamp=at, event_id=event_id, data=payload)
    return made.model_dump_json(by_alias=True).encode()


def _id_of(found: list[Any]) -> StreamId:
    entries = _entries(found)
    return entries[0].id if entries else StreamId()


def _entries(found: list[Any]) -> list[StreamEntry]:
    entries = []
    for raw_id, fields in found:
        place = stream_id(raw_id.decode())
        if place is not None and b"name" in fields and b"data" in fields:
            entries.append(StreamEntry(place, fields[b"name"].decode(), fields[b"data"]))
    return entries

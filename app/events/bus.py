"""The event streams in Redis that every gateway reads: the latest events, in the same order for all processes."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.breaker import Breaker
from app.core.clock import Clock
from app.events.catalogue import EventName, StreamMessage, event_type_of
from app.events.outbox import RecordedEvent
from app.events.payloads import Ephemeral, Payload

log = structlog.get_logger(__name__)

STREAM: Final = "huntarr:events"
LOG_STREAM: Final = "huntarr:events:log"
STREAMS: Final = (STREAM, LOG_STREAM)
SEEN: Final = "huntarr:events:seen"
IDS: Final = "huntarr:events:ids"
MAX_ENTRIES: Final = 1000
PUBLISH_TIMEOUT_SECONDS: Final = 0.5
MAX_ID_PART: Final = 2**64 - 1
_STREAM_ID: Final = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", re.ASCII)

# Append events to the stream KEYS[1], under ids that rise over both streams (KEYS[2] is the other one). A stored event
# comes with a member for the set KEYS[3] and is appended once: after a crash, or by another worker, it changes nothing.
# The hash KEYS[4] holds the first id ever given and the last one; where it is missing, ids go on behind the streams'.
# One run writes to one stream: a blocked XREAD of both is woken with one only, and the other's lower id would be lost.
APPEND: Final = """
local function last_of(stream)
  local found = redis.call('xrevrange', stream, '+', '-', 'count', 1)
  if not found[1] then return 0, 0 end
  local ms, number = string.match(found[1][1], '(%d+)-(%d+)')
  return tonumber(ms), tonumber(number)
end
local ids = redis.call('hmget', KEYS[4], 'ms', 'number', 'first')
local ms, number, first = tonumber(ids[1]), tonumber(ids[2]), ids[3]
if not ms then
  ms, number = last_of(KEYS[1])
  local other_ms, other_number = last_of(KEYS[2])
  if other_ms > ms or (other_ms == ms and other_number > number) then ms, number = other_ms, other_number end
end
local time = redis.call('time')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 2, #ARGV, 4 do
  local is_new = ARGV[i] == '' or redis.call('zadd', KEYS[3], 'nx', ARGV[i], ARGV[i + 1]) == 1
  if is_new then
    if now > ms then ms, number = now, 0 else number = number + 1 end
    local id = string.format('%.0f-%.0f', ms, number)
    redis.call('xadd', KEYS[1], 'maxlen', '~', ARGV[1], id, 'name', ARGV[i + 2], 'data', ARGV[i + 3])
    first = first or id
  end
end
if first then
  redis.call('hset', KEYS[4], 'ms', string.format('%.0f', ms), 'number', string.format('%.0f', number), 'first', first)
end
redis.call('zremrangebyrank', KEYS[3], 0, -2 * ARGV[1])
"""


Argument = bytes | str | int


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
class StreamPart:
    """What a stream still has: its first entry, and how many there are."""

    first: StreamId
    length: int

    def reaches_back_to(self, last_seen: StreamId) -> bool:
        return self.length < MAX_ENTRIES or self.first <= last_seen


@dataclass(frozen=True, slots=True)
class StreamRange:
    """The first and the last id ever given, zero before any, and what the streams still have of it."""

    first: StreamId
    last: StreamId
    kept: Mapping[str, StreamPart]

    def reaches_back_to(self, last_seen: StreamId, streams: Iterable[str]) -> bool:
        """Whether every entry of these streams after `last_seen` is still there."""
        is_known = last_seen == StreamId() or self.first <= last_seen <= self.last  # else Redis was emptied since
        return is_known and all(self.kept[stream].reaches_back_to(last_seen) for stream in streams)


class EventBus:
    """Writes to the streams and reads from them; one per process. Lines of the log have a stream of their own, so that
    many of them push no event out; readers get both as one."""

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
        log_lines: list[Argument] = []
        others: list[Argument] = []
        for event in events:
            name = event_type_of(event).name
            (log_lines if name == EventName.LOG else others).extend(("", "", name.value, encode(event, now)))
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
                await self._run(STREAM, others)
                await self._run(LOG_STREAM, log_lines)
        except (RedisError, OSError, TimeoutError):
            self._redis_breaker.open()
            log.debug("events not streamed: Redis unavailable")

    async def append(self, events: Sequence[RecordedEvent]) -> None:
        """Append stored events; those that were appended before are left out."""
        arguments: list[Argument] = []
        for event in events:
            # After a restored backup the same id may come again, but not with the same time.
            member = f"{event.id}:{event.created_at.timestamp()}"
            arguments += [event.id, member, event.name.value]
            arguments.append(encode(event.payload, event.created_at, event.id))
        await self._run(STREAM, arguments)

    async def _run(self, stream: str, arguments: list[Argument]) -> None:
        if arguments:
            [other] = {*STREAMS} - {stream}
            await self._append(keys=[stream, other, SEEN, IDS], args=[MAX_ENTRIES, *arguments])

    async def range(self) -> StreamRange:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(IDS, ["first", "ms", "number"])
            for stream in STREAMS:
                pipe.xrange(stream, count=1)
                pipe.xrevrange(stream, count=1)
                pipe.xlen(stream)
            (first, ms, number), *found = await pipe.execute()
        kept = {
            stream: StreamPart(_id_of(found[3 * index]), int(found[3 * index + 2]))
            for index, stream in enumerate(STREAMS)
        }
        last = max(_id_of(found[1]), _id_of(found[4]), StreamId(int(ms or 0), int(number or 0)))
        begun = parse_stream_id(first.decode()) if first else None
        return StreamRange(begun or min(part.first for part in kept.values()), last, kept)

    async def between(self, after: StreamId, until: StreamId, count: int) -> list[StreamEntry]:
        """The first `count` entries after `after`, up to and including `until`."""
        async with self._redis.pipeline(transaction=True) as pipe:
            for stream in STREAMS:
                pipe.xrange(stream, str(after.next), str(until), count=count)
            found = await pipe.execute()
        return _in_order(found)[:count]

    async def follow(
        self, after: StreamId, count: int, wait_seconds: float, streams: Iterable[str] = STREAMS
    ) -> list[StreamEntry]:
        """The next entries after `after`, as soon as there are any; none when nothing came within `wait_seconds`."""
        places: dict[Any, Any] = {stream: str(after) for stream in streams}
        found = await self._redis.xread(places, count=count, block=int(wait_seconds * 1000))
        return _in_order([part for _, part in found or ()])[:count]


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


def _in_order(parts: list[Any]) -> list[StreamEntry]:
    """The entries of several streams as one."""
    return sorted((entry for part in parts for entry in _entries(part)), key=lambda entry: entry.id)


def _entries(found: list[Any]) -> list[StreamEntry]:
    entries = []
    for raw_id, fields in found:
        entry_id = parse_stream_id(raw_id.decode())
        if entry_id is not None and b"name" in fields and b"data" in fields:
            entries.append(StreamEntry(entry_id, fields[b"name"].decode(), fields[b"data"]))
    return entries

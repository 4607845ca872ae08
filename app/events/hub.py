"""Distributes the stream to listeners: one reader per process, a bounded queue for each listener.

A listener that reads too slowly loses its queue and its connection, and can resume later; no other waits for it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from redis.exceptions import RedisError

from app.core.clock import Clock
from app.core.errors import TooManyRequests, Unavailable
from app.events.bus import LOG_STREAM, STREAM, STREAMS, EventBus, StreamEntry, StreamId, encode
from app.events.catalogue import EventName, event_type_of
from app.events.payloads import Control, StreamOverflow, StreamReady

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS: Final = 15.0
MAX_LISTENERS: Final = 500
MAX_OF_CALLER: Final = 250
MAX_QUEUED: Final = 256
BATCH: Final = 100
READ_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 1.0
CHUNK_BYTES: Final = 32 * 1024
RETRY_LINE: Final = b"retry: 3000\n"
NAMES_OF: Final = {LOG_STREAM: {EventName.LOG}, STREAM: {*EventName} - {EventName.LOG}}


class EventHub:
    """Reads the stream once the first listener is there, and passes entries on to every listener."""

    def __init__(
        self,
        bus: EventBus,
        clock: Clock,
        *,
        max_listeners: int = MAX_LISTENERS,
        max_of_caller: int = MAX_OF_CALLER,
        max_queued: int = MAX_QUEUED,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self._bus = bus
        self._clock = clock
        self._max_listeners = max_listeners
        self._max_of_caller = max_of_caller
        self._callers: Counter[str] = Counter()
        self._max_queued = max_queued
        self._listeners: set[Listener] = set()
        self._receiving: set[Listener] = set()
        self._position: StreamId | None = None
        self._is_positioned = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_over = False

    def __len__(self) -> int:
        return len(self._listeners)

    @contextmanager
    def listening(
        self, wanted: frozenset[EventName] | None, last_seen: StreamId | None, *, caller: str = ""
    ) -> Iterator["Listener"]:
        """A listener for the duration of the block; `Unavailable` when there are too many, or during shutdown.

        `TooManyRequests` when too many of them are the caller's.
        """
        if self._is_over or len(self._listeners) >= self._max_listeners:
            raise Unavailable("Too many clients listen to events here; try again in a moment.")
        if self._callers[caller] >= self._max_of_caller:
            raise TooManyRequests(f"You listen to events {self._max_of_caller} times already: end a stream first.")
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        listener = Listener(self, self._bus, wanted, last_seen, self._max_queued)
        self._listeners.add(listener)
        self._callers[caller] += 1
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._receiving.discard(listener)
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

    def end(self) -> None:
        """End all listeners at once: the process shuts down."""
        self._is_over = True
        for listener in self._listeners:
            listener.end()

    async def close(self) -> None:
        self.end()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    async def wait_for_position(self) -> None:
        """Wait until the reader knows its position on the stream; without Redis that may take long."""
        await self._is_positioned.wait()

    def join(self, listener: "Listener") -> StreamId:
        """From now on offer `listener` every entry after the returned position."""
        if self._position is None:
            raise RuntimeError("joined before the position was known")
        self._receiving.add(listener)
        return self._position

    def leave(self, listener: "Listener") -> None:
        self._receiving.discard(listener)

    def control_frame(self, control: Control) -> bytes:
        return _frame(None, event_type_of(control).name, encode(control, self._clock()))

    async def _read(self) -> None:
        is_connected = False
        while True:
            try:
                if not is_connected:
                    await self._find_position()
                    is_connected = True
                entries = await self._bus.follow(self._position or StreamId(), BATCH, READ_SECONDS)
            except (RedisError, OSError) as failure:
                if is_connected:
                    log.warning("event stream not read: Redis unavailable", error=type(failure).__name__)
                is_connected = False
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for entry in entries:
                self._position = entry.id
                frame = entry_frame(entry)
                for listener in tuple(self._receiving):
                    listener.offer(entry, frame)

    async def _find_position(self) -> None:
        """Start at the end of the stream; continue there after a failure, unless Redis was emptied meanwhile."""
        last = (await self._bus.range()).last
        if self._position is None or last < self._position:
            self._position = last
            for listener in self._receiving:
                listener.skip_until = last
        self._is_positioned.set()


class Listener:
    """One client. `next` returns missed entries first, then new ones; none is left out or repeated."""

    def __init__(
        self,
        hub: EventHub,
        bus: EventBus,
        wanted: frozenset[EventName] | None,
        last_seen: StreamId | None,
        max_queued: int,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._wanted = wanted
        self._streams = [stream for stream in STREAMS if wanted is None or (wanted & NAMES_OF[stream])]
        self._last_seen = last_seen
        self._max_queued = max_queued
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._missed: tuple[StreamId, StreamId] | None = None
        """The missed entries still to be read: after the first id, up to the second."""
        self._has_joined = False
        self._overflowed_at = 0
        self.skip_until = StreamId()
        self.is_over = False

    async def next(self, wait_seconds: float) -> bytes:
        """The next bytes to send; empty when nothing came within `wait_seconds`, or when `is_over`."""
        try:
            async with asyncio.timeout(max(0.0, wait_seconds)):
                while not self.is_over:
                    if chunk := await self._next():
                        return chunk
        except TimeoutError:
            pass
        return b""

    def offer(self, entry: StreamEntry, frame: bytes) -> None:
        """Queue a wanted entry; a listener with a full queue is ended."""
        if not self._wants(entry) or entry.id <= self.skip_until:
            return
        if len(self._queue) >= self._max_queued:
            self._overflowed_at = len(self._queue)
            self._queue.clear()
            self._hub.leave(self)
        else:
            self._queue.append(frame)
        self._wake.set()

    def end(self) -> None:
        self.is_over = True
        self._wake.set()

    async def _next(self) -> bytes:
        if self._overflowed_at:
            self.is_over = True
            return self._hub.control_frame(StreamOverflow(unread=self._overflowed_at))
        try:
            if not self._has_joined:
                return await self._join()
            if self._missed is not None:
                return await self._read_missed(*self._missed)
        except (RedisError, OSError):
            await asyncio.sleep(RETRY_SECONDS)
            return b""
        await self._wake.wait()
        self._wake.clear()
        return self._take_queued()

    async def _join(self) -> bytes:
        await self._hub.wait_for_position()
        kept = await self._bus.range()
        joined_at = self._hub.join(self)  # from here on the queue fills; no await until all is set
        self._has_joined = True
        seen, is_complete = self._last_seen, True
        if seen is None:
            seen = joined_at
        else:
            is_complete = kept.reaches_back_to(seen, self._streams)
            if seen > max(kept.last, joined_at):  # of an earlier stream: Redis was emptied since
                seen = joined_at
        if seen < joined_at:
            self._missed = (seen, joined_at)
        self.skip_until = max(seen, joined_at)
        ready = StreamReady(resumed=self._last_seen is not None, complete=is_complete)
        return RETRY_LINE + b"id: %s\n" % str(seen).encode() + self._hub.control_frame(ready)

    async def _read_missed(self, after: StreamId, until: StreamId) -> bytes:
        entries = await self._bus.between(after, until, BATCH)
        is_all = len(entries) < BATCH or entries[-1].id >= until
        self._missed = None if is_all else (entries[-1].id, until)
        return b"".join(entry_frame(entry) for entry in entries if self._wants(entry))

    def _take_queued(self) -> bytes:
        """Up to about CHUNK_BYTES of frames; the rest stays queued, where it counts towards the limit."""
        chunks, size = [], 0
        while self._queue and size < CHUNK_BYTES:
            chunks.append(self._queue.popleft())
            size += len(chunks[-1])
        if self._queue:
            self._wake.set()
        return b"".join(chunks)

    def _wants(self, entry: StreamEntry) -> bool:
        return self._wanted is None or entry.name in self._wanted


def entry_frame(entry: StreamEntry) -> bytes:
    """An entry in the format of Server-Sent Events."""
    return _frame(entry.id, entry.name, entry.data)


def _frame(entry_id: StreamId | None, name: str, data: bytes) -> bytes:
    head = b"id: %s\n" % str(entry_id).encode() if entry_id is not None else b""
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), data)

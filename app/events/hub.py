"""From the stream to those who listen: one reader a process, a short queue for each listener.

A listener that does not keep up loses its queue and is let go, and can resume where it was; nobody waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from redis.exceptions import RedisError

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.events.bus import EventBus, StreamEntry, StreamId, message
from app.events.catalogue import Control, EventName, StreamOverflow, StreamReady, kind_of

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS: Final = 15.0
MAX_LISTENERS: Final = 500
MAX_QUEUED: Final = 256
BATCH: Final = 100
READ_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 1.0
CHUNK_BYTES: Final = 32 * 1024


class EventHub:
    """Reads the stream as soon as somebody listens, and tells every listener."""

    def __init__(
        self,
        bus: EventBus,
        clock: Clock,
        *,
        most_listeners: int = MAX_LISTENERS,
        most_queued: int = MAX_QUEUED,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self._bus = bus
        self._clock = clock
        self._most_listeners = most_listeners
        self._most_queued = most_queued
        self._listeners: set[Listener] = set()
        self._joined: set[Listener] = set()
        self._position: StreamId | None = None
        self._is_known = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_over = False

    def __len__(self) -> int:
        return len(self._listeners)

    @contextmanager
    def listening(self, wanted: frozenset[EventName] | None, last_seen: StreamId | None) -> Iterator["Listener"]:
        """A listener for the time of the block; `Unavailable` when there are too many, or when we are ending."""
        if self._is_over or len(self._listeners) >= self._most_listeners:
            raise Unavailable("Too many clients listen to events here; try again in a moment.")
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        listener = Listener(self, self._bus, wanted, last_seen, self._most_queued)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._joined.discard(listener)

    def end(self) -> None:
        """Let everybody go at once: the process ends."""
        self._is_over = True
        for listener in self._listeners:
            listener.end()

    async def close(self) -> None:
        self.end()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    async def known(self) -> None:
        """Wait until we know where on the stream we are; without Redis that may take long."""
        await self._is_known.wait()

    def join(self, listener: "Listener") -> StreamId:
        """Tell `listener` of all that comes behind the place that is returned."""
        if self._position is None:
            raise RuntimeError("joined before the place was known")
        self._joined.add(listener)
        return self._position

    def leave(self, listener: "Listener") -> None:
        self._joined.discard(listener)

    def said(self, control: Control) -> bytes:
        """A frame of what a stream says of itself."""
        return _frame(None, kind_of(control).name, message(control, self._clock()))

    async def _read(self) -> None:
        is_sure = False
        while True:
            try:
                if not is_sure:
                    await self._find_place()
                    is_sure = True
                entries = await self._bus.follow(self._position or StreamId(), BATCH, READ_SECONDS)
            except (RedisError, OSError) as failure:
                if is_sure:
                    log.warning("nothing is streamed: no redis", error=type(failure).__name__)
                is_sure = False
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for entry in entries:
                self._position = entry.id
                frame = framed(entry)
                for listener in tuple(self._joined):
                    listener.offer(entry, frame)

    async def _find_place(self) -> None:
        """The end of the stream at first; later where we were, unless Redis was emptied and the stream begins anew."""
        last = (await self._bus.extent()).last
        if self._position is None or last < self._position:
            self._position = last
            for listener in self._joined:
                listener.skip_until = last
        self._is_known.set()


class Listener:
    """One who listens. `next` gives what was missed first, then what happens; nothing is left out or told twice."""

    def __init__(
        self,
        hub: EventHub,
        bus: EventBus,
        wanted: frozenset[EventName] | None,
        last_seen: StreamId | None,
        most_queued: int,
    ) -> None:
        self._hub = hub
        self._bus = bus
        self._wanted = wanted
        self._last_seen = last_seen
        self._most_queued = most_queued
        self._queue: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._missed: tuple[StreamId, StreamId] | None = None
        """Behind which and up to which entry the listener must still read what it missed."""
        self._is_joined = False
        self._overflowed_at = 0
        self.skip_until = StreamId()
        self.is_over = False

    async def next(self, wait_seconds: float) -> bytes:
        """What to send next; nothing when nothing came in that time, or when `is_over`."""
        try:
            async with asyncio.timeout(max(0.0, wait_seconds)):
                while not self.is_over:
                    if chunk := await self._next():
                        return chunk
        except TimeoutError:
            pass
        return b""

    def offer(self, entry: StreamEntry, frame: bytes) -> None:
        """Queue it, if it is wanted; whoever has too many waiting is given up."""
        if not self._wants(entry) or entry.id <= self.skip_until:
            return
        if len(self._queue) >= self._most_queued:
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
            return self._hub.said(StreamOverflow(unread=self._overflowed_at))
        try:
            if not self._is_joined:
                return await self._join()
            if self._missed is not None:
                return await self._read_missed(*self._missed)
        except (RedisError, OSError):
            await asyncio.sleep(RETRY_SECONDS)
            return b""
        await self._wake.wait()
        self._wake.clear()
        return self._queued()

    async def _join(self) -> bytes:
        await self._hub.known()
        extent = await self._bus.extent()
        place = self._hub.join(self)  # from here on the queue fills; no await until all is set
        self._is_joined = True
        seen, is_complete = self._last_seen, True
        if seen is None:
            seen = place
        else:
            is_complete = extent.reaches_back_to(seen)
            if seen > max(extent.last, place):  # not of this stream: Redis was emptied since
                seen = place
        if seen < place:
            self._missed = (seen, place)
        self.skip_until = max(seen, place)
        ready = StreamReady(resumed=self._last_seen is not None, complete=is_complete)
        return b"id: %s\n" % str(seen).encode() + self._hub.said(ready)

    async def _read_missed(self, after: StreamId, until: StreamId) -> bytes:
        entries = await self._bus.between(after, until, BATCH)
        is_all = len(entries) < BATCH or entries[-1].id >= until
        self._missed = None if is_all else (entries[-1].id, until)
        return b"".join(framed(entry) for entry in entries if self._wants(entry))

    def _queued(self) -> bytes:
        """As much as makes a good piece; the rest stays queued, where it is counted."""
        chunks, size = [], 0
        while self._queue and size < CHUNK_BYTES:
            chunks.append(self._queue.popleft())
            size += len(chunks[-1])
        if self._queue:
            self._wake.set()
        return b"".join(chunks)

    def _wants(self, entry: StreamEntry) -> bool:
        return self._wanted is None or entry.name in self._wanted


def framed(entry: StreamEntry) -> bytes:
    """An entry as it goes over the wire."""
    return _frame(entry.id, entry.name, entry.data)


def _frame(place: StreamId | None, name: str, data: bytes) -> bytes:
    head = b"id: %s\n" % str(place).encode() if place is not None else b""
    return head + b"event: %s\ndata: %s\n\n" % (name.encode(), data)

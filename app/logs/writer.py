"""The background writer: it stores lines in short transactions, and code that logs does not wait for it."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

import structlog

from app.core.errors import HuntarrError
from app.core.logging import Line, listening
from app.logs.buffer import Buffer
from app.logs.lines import Entry, EntryKind, entry_of
from app.logs.schemas import LogEntryOut
from app.logs.store import LogStore, level_name

log = structlog.get_logger(__name__)

BATCH = 200
GATHER_SECONDS = 1.0
PAUSE_SECONDS = 0.01
"""Between two batches, so that others can write."""
FIRST_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 15.0
FLUSH_SECONDS = 3.0
PUBLISH_SECONDS = 2.0
TRIES = 3
"""Of a batch that fails although the database is available."""

Publisher = Callable[[Sequence[LogEntryOut]], Awaitable[None]]
"""Called with entries after they are stored, in order. It has two seconds, and its errors are only logged."""

_is_writing: ContextVar[bool] = ContextVar("is_writing", default=False)
"""True in the writer's own task: lines that are logged there would cause new lines for ever."""


class LogWriter:
    """One for each process. It works only inside `running()`, so one-shot commands store no lines."""

    def __init__(
        self,
        store: LogStore,
        *,
        publish: Publisher | None = None,
        buffer: Buffer | None = None,
        gather_seconds: float = GATHER_SECONDS,
        first_wait_seconds: float = FIRST_WAIT_SECONDS,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._store = store
        self._publish = publish
        self._buffer = Buffer() if buffer is None else buffer
        self._gather_seconds = gather_seconds
        self._first_wait = first_wait_seconds
        self._flush_seconds = flush_seconds
        self._arrived, self._full, self._ending = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._batch: list[Entry] = []
        self._failures = 0
        self._away_since: float | None = None
        self._dropped: Counter[str] = Counter()
        self._is_published = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Store every line for the time of the block. At its end, waiting entries are stored if that is quick."""
        self._loop = asyncio.get_running_loop()
        self._ending.clear()
        task = asyncio.create_task(self._run())
        try:
            with listening(self.add_line):
                yield
        finally:
            await self._end(task)

    def add_line(self, line: Line) -> None:
        """Called in the thread that logs: it only writes to memory."""
        if _is_writing.get():
            return
        waiting = self._buffer.put(entry_of(line))
        if waiting in (1, BATCH) and self._loop is not None:
            self._loop.call_soon_threadsafe((self._arrived if waiting == 1 else self._full).set)

    async def _run(self) -> None:
        _is_writing.set(True)
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_seconds):
                    await self._full.wait()
            self._full.clear()
            await self._store_all()
            if self._ending.is_set():
                return
            self._report()

    async def _store_all(self) -> None:
        """Store batches until nothing waits; while the database is unavailable, with longer and longer pauses."""
        wait = self._first_wait
        while batch := self._batch or self._buffer.take(BATCH):
            self._batch = batch
            if await self._store_batch(batch):
                self._batch, wait = [], self._first_wait
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if self._ending.is_set():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._ending.wait()
            wait = min(2 * wait, MAX_WAIT_SECONDS)

    async def _store_batch(self, batch: Sequence[Entry]) -> bool:
        dropped = self._buffer.take_dropped()
        try:
            stored = await self._store.add(batch, dropped)
        except Exception as failure:  # the top of a background task: later lines must be stored
            self._buffer.count_dropped(dropped)
            self._failed(failure, batch)
            return False
        self._failures = 0
        self._dropped.update(_by_level(dropped))
        await self._publish_stored(stored)
        return True

    def _failed(self, failure: Exception, batch: Sequence[Entry]) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            cause = None if isinstance(failure, HuntarrError) else failure
            log.warning("log lines cannot be stored now", error=str(failure), exc_info=cause)
        self._failures += 0 if isinstance(failure, HuntarrError) else 1
        if self._failures == TRIES:
            self._buffer.count_dropped(Counter(entry.kind for entry in batch))
            self._batch, self._failures = [], 0

    def _report(self) -> None:
        """Log one line when lines are stored again or some were dropped."""
        if self._away_since is None and not self._dropped:
            return
        event = "log lines came faster than they could be stored"
        fields: dict[str, object] = {"dropped": dict(self._dropped)}
        if self._away_since is not None:
            event = "log lines are stored again"
            fields["away_seconds"] = round(time.monotonic() - self._away_since, 1)
        self._away_since, self._dropped = None, Counter()
        _is_writing.set(False)
        log.warning(event, **fields)
        _is_writing.set(True)

    async def _publish_stored(self, stored: Sequence[LogEntryOut]) -> None:
        if self._publish is None:
            return
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._publish(stored)
            self._is_published = True
        except Exception as failure:  # the entries are stored all the same
            if self._is_published:
                log.warning("log lines not published", error=type(failure).__name__)
            self._is_published = False

    async def _end(self, task: asyncio.Task[None]) -> None:
        for event in (self._ending, self._arrived, self._full):
            event.set()
        await asyncio.wait({task}, timeout=self._flush_seconds)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if left := len(self._batch) + len(self._buffer):
            log.warning("the last log lines were not stored", lines=left)


def _by_level(dropped: Mapping[EntryKind, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for kind, count in dropped.items():
        found[level_name(kind.level).value] += count
    return found

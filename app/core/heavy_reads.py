"""Reads that look through many rows take turns, so that quick ones always find a connection."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final
from weakref import WeakValueDictionary

from app.core.errors import TooManyRequests

AT_ONCE: Final = 2
"""In all. SQLite has four connections that read, so two are always left for quick reads."""
MAX_OF_CALLER: Final = 10
"""One is at work, the others wait for it."""

CALLER: Final[ContextVar[str]] = ContextVar("caller", default="")
"""For whom the current task works; the empty text stands for Huntarr itself."""


class HeavyReads:
    """Hands out turns: one for each caller, and few in all."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._callers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._count: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the block; `TooManyRequests` for a caller who waits too often already."""
        caller = CALLER.get()
        if self._count[caller] >= MAX_OF_CALLER:
            raise TooManyRequests(f"{MAX_OF_CALLER} of your searches are running or waiting already.")
        lock = self._callers.setdefault(caller, asyncio.Lock())
        self._count[caller] += 1
        try:
            async with lock, self._free:
                yield
        finally:
            self._count[caller] -= 1
            if not self._count[caller]:
                del self._count[caller]

"""Pauses hunting for a restore, and resumes it when the restore fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.exceptions import RedisError
from sqlmodel import select

from app.core.db import Database
from app.core.errors import Unavailable
from app.instances.models import Instance
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

FindBusy = Callable[[Sequence[int]], Awaitable[set[int]]]
"""From instance ids to those that a worker is hunting for now."""

PAUSE_MINUTES: Final = 15
"""The longest pause that a process leaves behind when it is killed during a restore."""
WAIT_SECONDS: Final = 60.0
"""Longer than the lease of a killed worker lasts."""
POLL_SECONDS: Final = 0.2


class HuntingQuiesce:
    """Pauses hunting and waits a limited time for running hunts; the fence stops those that still run then."""

    def __init__(
        self, db: Database, settings: SettingsService, find_busy: FindBusy, *, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._db = db
        self._settings = settings
        self._find_busy = find_busy
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Hunting is paused during the block. It is resumed only when the block fails: after a restore, the restored
        settings say what is paused.
        """
        is_ours = not (await self._settings.general()).hunting_paused
        is_done = False
        try:
            if is_ours:
                await self._settings.pause(PAUSE_MINUTES)
            await self._wait()
            yield
            is_done = True
        finally:
            if is_ours and not is_done:
                await asyncio.shield(self._settings.resume())

    async def _wait(self) -> None:
        async with self._db.reading() as session:
            ids = [row_id for row_id in (await session.exec(select(Instance.id))).all() if row_id is not None]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_seconds
        try:
            while busy := await self._find_busy(ids):
                if loop.time() >= deadline:
                    log.warning("restore no longer waits for running hunts", instances=sorted(busy))
                    return
                await asyncio.sleep(POLL_SECONDS)
        except (RedisError, OSError) as failure:
            raise Unavailable(
                "Redis is not available: nobody can tell whether a hunt runs. Nothing was changed."
            ) from failure

"""Hunting comes to rest for a restore, and goes on by itself if that comes to nothing."""

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

Held = Callable[[Sequence[int]], Awaitable[set[int]]]
"""Those of the instances that some worker works on now."""

PAUSE_MINUTES: Final = 15
"""A process that is killed in the middle leaves no pause behind that lasts longer."""
WAIT_SECONDS: Final = 60.0
"""Longer than the lease of a worker that was killed."""
POLL_SECONDS: Final = 0.2


class HuntingQuiesce:
    """Pauses hunting and waits for what runs. It waits for a time only: the fence stops what is still there then."""

    def __init__(
        self, db: Database, settings: SettingsService, held: Held, *, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._db = db
        self._settings = settings
        self._held = held
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def of_all(self) -> AsyncIterator[None]:
        """At rest for the block. After a success the settings are other ones, and say themselves what is paused."""
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
            ids = [one for one in (await session.exec(select(Instance.id))).all() if one is not None]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_seconds
        try:
            while busy := await self._held(ids):
                if loop.time() >= deadline:
                    log.warning("a restore does not wait any longer for hunts", instances=sorted(busy))
                    return
                await asyncio.sleep(POLL_SECONDS)
        except (RedisError, OSError) as failure:
            raise Unavailable(
                "Redis is not available: nobody can tell whether a hunt runs. Nothing was changed."
            ) from failure

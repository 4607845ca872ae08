"""Tells when the database or Redis goes and when it is back: one line each, whoever else waits for it meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from redis.exceptions import RedisError
from sqlalchemy import text

from app.core.errors import HuntarrError
from app.infra import Infra

log = structlog.get_logger(__name__)

CHECK_SECONDS = 15.0
AWAY_CHECK_SECONDS = 5.0
ANSWER_SECONDS = 5.0
REMIND_SECONDS = 300.0

Check = Callable[[], Awaitable[object]]


class OutageWatch:
    """Asks each service every quarter of a minute whether it is there; every five seconds while one is not."""

    def __init__(self, checks: Mapping[str, Check], *, timer: Callable[[], float] = time.monotonic) -> None:
        self._checks = checks
        self._timer = timer
        self._away_since: dict[str, float] = {}
        self._told_at: dict[str, float] = {}

    @classmethod
    def of(cls, infra: Infra) -> "OutageWatch":
        async def database() -> None:
            async with infra.db.glance() as session:
                await session.exec(text("SELECT 1"))  # type: ignore[call-overload] # plain SQL is taken too

        return cls({"database": database, "Redis": infra.redis.ping})

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(AWAY_CHECK_SECONDS if self._away_since else CHECK_SECONDS)

    async def look(self) -> None:
        """Ask each of them once, and log what changed."""
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await check()
            except (HuntarrError, RedisError, OSError) as failure:  # TimeoutError is an OSError
                self._away(name, str(failure) or type(failure).__name__)
            else:
                self._back(name)

    def _away(self, name: str, error: str) -> None:
        now = self._timer()
        since = self._away_since.setdefault(name, now)
        if name not in self._told_at:
            log.warning("service is away; what needs it waits", service=name, error=error)
        elif now - self._told_at[name] >= REMIND_SECONDS:
            log.warning("service is still away", service=name, away_seconds=round(now - since), error=error)
        else:
            return
        self._told_at[name] = now

    def _back(self, name: str) -> None:
        since = self._away_since.pop(name, None)
        self._told_at.pop(name, None)
        if since is not None:
            log.warning("service is back", service=name, away_seconds=round(self._timer() - since))

"""The bell: tells a worker of new jobs at once, so that it need not look for them all the time."""

import asyncio
from contextlib import suppress
from typing import NoReturn

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.queue import BELL

log = structlog.get_logger(__name__)

LISTEN_SECONDS = 8.0
"""Less than the time-out of a connection (`app/core/redis.py`)."""
RETRY_SECONDS = 2.0


class JobBell:
    """Listens to the channel on which the queue tells of new jobs. What it misses is found without it, later."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There may be something to do."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Until it rings or has rung since the last wait, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()

    async def listen(self) -> NoReturn:
        """Listen until cancelled; while Redis is away, try again and again."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as failure:
                log.debug("not told of jobs: Redis unavailable", error=str(failure))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> NoReturn:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(BELL)
            self.ring()  # for what was enqueued before
            while True:
                if await channel.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS) is not None:
                    self.ring()

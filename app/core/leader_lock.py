"""Leader lock in Redis: at most one worker does a job."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.redis_lease import RedisLease

CHECK_SECONDS: Final = 1.0


class LeaderLock:
    """The lock `key`, which another worker can take `seconds` after its holder died.

    While Redis is unavailable the holder keeps it. With `is_better_twice` all workers then do the job.
    """

    def __init__(
        self,
        redis: Redis,
        key: str,
        *,
        seconds: float,
        is_better_twice: bool,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = RedisLease(redis, key, seconds=seconds)
        self._check_every_seconds = seconds / 3
        self._is_better_twice = is_better_twice
        self._timer = timer
        self._is_held = False
        self._next_check = timer()

    async def held(self) -> bool:
        """Whether this worker is the leader. Redis is asked three times in `seconds`, else the last answer holds."""
        if self._timer() >= self._next_check:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    self._is_held = await self._lease.take()
            except (RedisError, OSError):  # TimeoutError is an OSError
                self._is_held = self._is_held or self._is_better_twice
            self._next_check = self._timer() + self._check_every_seconds
        return self._is_held

    async def release(self) -> None:
        """Let another worker take over at once."""
        with suppress(RedisError, OSError):
            async with asyncio.timeout(CHECK_SECONDS):
                await self._lease.release()

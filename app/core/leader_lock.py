"""Whose turn it is: of all workers one does a thing that must not be done by several, by a lease in Redis."""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

CHECK_SECONDS: Final = 1.0

# 1 when the lease is ours, now or still.
TAKE: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2], 'nx') and 1 or 0
"""
GIVE_BACK: Final = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class LeaderLock:
    """The lease `key`, that lives `seconds` without us.

    Without Redis nobody can be asked. `is_better_twice`: then each does the work, because two are better than none;
    else whoever had the turn keeps it.
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
        self._take = redis.register_script(TAKE)
        self._give_back = redis.register_script(GIVE_BACK)
        self._key = key
        self._token = secrets.token_hex(8)
        self._seconds = seconds
        self._is_better_twice = is_better_twice
        self._timer = timer
        self._is_mine = False
        self._ask_at = timer()

    async def is_mine(self) -> bool:
        """Asked of Redis three times in the life of a lease, else remembered."""
        if self._timer() >= self._ask_at:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    taken = await self._take(keys=[self._key], args=[self._token, int(self._seconds * 1000)])
                self._is_mine = bool(taken)
            except (RedisError, OSError, TimeoutError):
                self._is_mine = self._is_mine or self._is_better_twice
            self._ask_at = self._timer() + self._seconds / 3
        return self._is_mine

    async def end(self) -> None:
        """Let another one take over at once."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS):
                await self._give_back(keys=[self._key], args=[self._token])

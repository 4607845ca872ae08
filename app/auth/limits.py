"""Limits on failed attempts: a sliding window in Redis for all processes, in memory while Redis is unavailable."""

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.breaker import Breaker
from app.core.clock import Clock
from app.core.errors import TooManyRequests

log = structlog.get_logger(__name__)

WINDOW: Final = timedelta(minutes=5)
MAX_SUBJECTS: Final = 10_000
REDIS_TIMEOUT_SECONDS: Final = 1.0
PREFIX: Final = "huntarr:failures:"

# Each key holds the failures of its window. When one key has reached the limit, the result is the milliseconds until
# it may try again. Otherwise it is 0, and with ARGV[4] set the failure is added to all keys at once.
SCRIPT: Final = """
local now, window, limit, wait = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), 0
for _, key in ipairs(KEYS) do
  redis.call('zremrangebyscore', key, '-inf', now - window)
  local count = redis.call('zcard', key)
  if count >= limit then
    local oldest = redis.call('zrange', key, count - limit, count - limit, 'withscores')
    wait = math.max(wait, tonumber(oldest[2]) + window - now)
  end
end
if wait == 0 and ARGV[4] ~= '' then
  for _, key in ipairs(KEYS) do
    redis.call('zadd', key, now, ARGV[4])
    redis.call('pexpire', key, window)
  end
end
return wait
"""


class LocalWindow:
    """Failures within `window`, counted in this process. Of too many subjects, the one that failed longest ago is
    forgotten."""

    def __init__(self, limit: int, window: timedelta = WINDOW) -> None:
        self._limit = limit
        self._window = window
        self._failures: dict[str, deque[datetime]] = {}

    def wait(self, subject: str, now: datetime) -> timedelta:
        """How long `subject` must wait; zero when it may try now."""
        found = self._failures.get(subject)
        if found is None:
            return timedelta(0)
        while found and found[0] <= now - self._window:
            found.popleft()
        if not found:
            del self._failures[subject]
        return found[0] + self._window - now if len(found) >= self._limit else timedelta(0)

    def add(self, subject: str, now: datetime) -> None:
        found = self._failures.pop(subject, None) or deque(maxlen=self._limit)
        found.append(now)
        self._failures[subject] = found
        if len(self._failures) > MAX_SUBJECTS:
            del self._failures[next(iter(self._failures))]

    def undo(self, subject: str, at: datetime) -> None:
        """Remove the failure that was added at this time."""
        with suppress(ValueError):
            self._failures.get(subject, deque()).remove(at)


class FailureLimit:
    """At most `limit` failures of a subject in five minutes, counted over all processes."""

    def __init__(self, redis: Redis, clock: Clock, *, limit: int = 5) -> None:
        self._redis = redis
        self._clock = clock
        self._limit = limit
        self._local = LocalWindow(limit)
        self._script = redis.register_script(SCRIPT)
        self._redis_breaker = Breaker()

    async def check(self, *subjects: str) -> None:
        """`TooManyRequests` when one of `subjects` has reached the limit."""
        await self._check(subjects, member="")

    async def fail(self, *subjects: str) -> None:
        """Count a failure of all `subjects`; `TooManyRequests` when one of them had reached the limit already."""
        await self._check(subjects, member=secrets.token_hex(8))

    @asynccontextmanager
    async def attempt(self, *subjects: str, wrong: type[Exception]) -> AsyncIterator[None]:
        """Count the block as a failure in advance, so that parallel guesses cannot all slip through.

        The failure is removed again unless the block raises `wrong`.
        """
        member = secrets.token_hex(8)
        at = await self._check(subjects, member=member)
        is_wrong = False
        try:
            yield
        except wrong:
            is_wrong = True
            raise
        finally:
            if not is_wrong:
                await self._undo(subjects, at, member)

    async def _check(self, subjects: Sequence[str], *, member: str) -> datetime:
        now = self._clock()
        wait = max(self._local.wait(subject, now) for subject in subjects)
        wait = wait or await self._check_redis(subjects, now, member)
        if wait:
            raise TooManyRequests("Too many wrong attempts: try again later.", retry_after=wait)
        if member:
            for subject in subjects:
                self._local.add(subject, now)
        return now

    async def _undo(self, subjects: Sequence[str], at: datetime, member: str) -> None:
        for subject in subjects:
            self._local.undo(subject, at)
        if self._redis_breaker.is_open:
            return
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                for subject in subjects:
                    pipe.zrem(PREFIX + subject, member)
                await pipe.execute()

    async def _check_redis(self, subjects: Sequence[str], now: datetime, member: str) -> timedelta:
        if self._redis_breaker.is_open:
            return timedelta(0)
        arguments: list[int | str] = [
            int(now.timestamp() * 1000),
            int(WINDOW.total_seconds() * 1000),
            self._limit,
            member,
        ]
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                wait = await self._script(keys=[PREFIX + subject for subject in subjects], args=arguments)
        except (RedisError, OSError, TimeoutError) as failure:
            self._redis_breaker.open()
            log.warning("failed attempts counted in memory only: Redis unavailable", error=type(failure).__name__)
            return timedelta(0)
        return timedelta(milliseconds=int(wait))


def by_name(kind: str, name: str) -> str:
    """The subject of a user name. Hashed: people type passwords into the wrong field."""
    return f"{kind}:name:{hashlib.sha256(name.casefold().encode()).hexdigest()[:32]}"


def by_address(kind: str, address: str) -> str:
    """The subject of an address. IPv6 callers own a /64 network, so each of these counts as one address."""
    try:
        found = ip_address(address)
    except ValueError:
        return f"{kind}:peer:{address}"
    if isinstance(found, IPv6Address):
        found = IPv6Address(int(found) >> 64 << 64)
    return f"{kind}:peer:{found}"

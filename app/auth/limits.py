"""Limits on failed attempts: a sliding window in Redis for all processes, in memory while Redis is unavailable."""

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.auth.names import normalised_name
from app.core.breaker import Breaker
from app.core.clock import Clock
from app.core.errors import TooManyRequests

log = structlog.get_logger(__name__)

WINDOW: Final = timedelta(minutes=5)
MAX_FAILURES: Final = 5
MAX_SUBJECTS: Final = 10_000
REDIS_TIMEOUT_SECONDS: Final = 1.0
PREFIX: Final = "huntarr:failures:"

# Each key holds the failures of its window. When one key has reached its limit, the result is the milliseconds until
# it may try again. Otherwise it is 0, and with ARGV[3] set the failure is added to all keys at once. From ARGV[4] on
# each key has its limit and its pace.
SCRIPT: Final = """
local now, window, wait = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i, key in ipairs(KEYS) do
  local limit, pace = tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i])
  redis.call('zremrangebyscore', key, '-inf', now - window)
  local count = redis.call('zcard', key)
  if count >= limit then
    local place, length = count - limit, window
    if pace > 0 then
      place, length = -1, pace
    end
    local failure = redis.call('zrange', key, place, place, 'withscores')
    wait = math.max(wait, tonumber(failure[2]) + length - now)
  end
end
if wait == 0 and ARGV[3] ~= '' then
  for _, key in ipairs(KEYS) do
    redis.call('zadd', key, now, ARGV[3])
    redis.call('pexpire', key, window)
  end
end
return wait
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What failures are counted under. At `limit` it must wait until one of them is older than the window, or, with a
    `pace`, only that long since the last one."""

    key: str
    limit: int = MAX_FAILURES
    pace: timedelta = timedelta(0)


class LocalWindow:
    """Failures within five minutes, counted in this process. Of too many subjects, the one that failed longest ago is
    forgotten."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[datetime]] = {}

    def wait(self, subject: Subject, now: datetime) -> timedelta:
        """How long `subject` must wait; zero when it may try now."""
        found = self._failures.get(subject.key)
        if found is None:
            return timedelta(0)
        while found and found[0] <= now - WINDOW:
            found.popleft()
        if not found:
            del self._failures[subject.key]
        if len(found) < subject.limit:
            return timedelta(0)
        ends_at = found[-1] + subject.pace if subject.pace else found[0] + WINDOW
        return max(ends_at - now, timedelta(0))

    def add(self, subject: Subject, now: datetime) -> None:
        found = self._failures.pop(subject.key, None) or deque(maxlen=subject.limit)
        found.append(now)
        self._failures[subject.key] = found
        if len(self._failures) > MAX_SUBJECTS:
            del self._failures[next(iter(self._failures))]

    def undo(self, subject: Subject, at: datetime) -> None:
        """Remove the failure that was added at this time."""
        with suppress(ValueError):
            self._failures.get(subject.key, deque()).remove(at)


class FailureLimit:
    """Limits the failures of subjects in five minutes, counted over all processes."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._local = LocalWindow()
        self._script = redis.register_script(SCRIPT)
        self._redis_breaker = Breaker()

    async def check(self, *subjects: Subject) -> None:
        """`TooManyRequests` when one of `subjects` has reached the limit."""
        await self._check(subjects, member="")

    async def fail(self, *subjects: Subject) -> None:
        """Count a failure of all `subjects`; `TooManyRequests` when one of them had reached the limit already."""
        await self._check(subjects, member=secrets.token_hex(8))

    @asynccontextmanager
    async def attempt(self, *subjects: Subject, wrong: type[Exception]) -> AsyncIterator[None]:
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

    async def _check(self, subjects: Sequence[Subject], *, member: str) -> datetime:
        now = self._clock()
        wait = max(self._local.wait(subject, now) for subject in subjects)
        wait = wait or await self._check_redis(subjects, now, member)
        if wait:
            raise TooManyRequests("Too many wrong attempts: try again later.", retry_after=wait)
        if member:
            for subject in subjects:
                self._local.add(subject, now)
        return now

    async def _undo(self, subjects: Sequence[Subject], at: datetime, member: str) -> None:
        for subject in subjects:
            self._local.undo(subject, at)
        if self._redis_breaker.is_open:
            return
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                for subject in subjects:
                    pipe.zrem(PREFIX + subject.key, member)
                await pipe.execute()

    async def _check_redis(self, subjects: Sequence[Subject], now: datetime, member: str) -> timedelta:
        if self._redis_breaker.is_open:
            return timedelta(0)
        arguments: list[int | str] = [
            int(now.timestamp() * 1000),
            int(WINDOW.total_seconds() * 1000),
            member,
        ]
        for subject in subjects:
            arguments += [subject.limit, int(subject.pace.total_seconds() * 1000)]
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                wait = await self._script(keys=[PREFIX + subject.key for subject in subjects], args=arguments)
        except (RedisError, OSError, TimeoutError) as failure:
            self._redis_breaker.open()
            log.warning("failed attempts counted in memory only: Redis unavailable", error=type(failure).__name__)
            return timedelta(0)
        return timedelta(milliseconds=int(wait))


def by_name(kind: str, name: str, *, limit: int = MAX_FAILURES, pace: timedelta = timedelta(0)) -> Subject:
    """The subject of a user name. Hashed: people type passwords into the wrong field."""
    return Subject(f"{kind}:name:{_hashed(name)}", limit, pace)


def by_address(kind: str, address: str, *, limit: int = MAX_FAILURES) -> Subject:
    """The subject of an address."""
    return Subject(f"{kind}:peer:{network_of(address)}", limit)


def by_name_and_address(kind: str, name: str, address: str) -> Subject:
    """The subject of a user name from one address."""
    return Subject(f"{kind}:both:{_hashed(name)}:{network_of(address)}")


def network_of(address: str) -> str:
    """What counts as one address: IPv6 callers own a /64 network, so each of these."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64)
    return str(found)


def _hashed(name: str) -> str:
    return hashlib.sha256(normalised_name(name).encode(errors="surrogatepass")).hexdigest()[:32]

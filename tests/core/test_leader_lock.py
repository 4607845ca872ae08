"""The leader lock: one holder at a time, taken over when it ends or dies, also while Redis is unavailable."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from arq.connections import ArqRedis, RedisSettings

from app.core.leader_lock import LeaderLock
from app.core.redis import make_redis
from tests.support.rig import ManualClock

pytestmark = pytest.mark.asyncio

KEY = "huntarr:test:lock"


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[ArqRedis]:
    made = make_redis(RedisSettings.from_dsn(redis_url))
    yield made
    await made.aclose()


def lock(redis: ArqRedis, clock: ManualClock, *, is_better_twice: bool = True) -> LeaderLock:
    return LeaderLock(redis, KEY, seconds=6, is_better_twice=is_better_twice, timer=clock.monotonic)


async def test_one_holder_at_a_time_and_another_takes_over(redis: ArqRedis) -> None:
    clock = ManualClock()
    first, second = (lock(redis, clock) for _ in range(2))
    assert await first.held()
    assert not await second.held()
    await first.release()
    clock.forward(seconds=3)
    assert await second.held()
    assert not await first.held()
    assert 0 < await redis.pttl(KEY) <= 6000
    await redis.delete(KEY)
    clock.forward(seconds=3)
    assert await second.held(), "an emptied Redis does not stop the job"


async def test_locks_of_other_keys_are_independent(redis: ArqRedis) -> None:
    clock = ManualClock()
    other = LeaderLock(redis, "huntarr:test:other", seconds=6, is_better_twice=True, timer=clock.monotonic)
    assert await lock(redis, clock).held()
    assert await other.held()


@pytest.mark.parametrize("is_better_twice", [True, False])
async def test_without_redis(tmp_path: Path, is_better_twice: bool) -> None:
    nobody = make_redis(RedisSettings(unix_socket_path=str(tmp_path / "nobody.sock")))
    assert await lock(nobody, ManualClock(), is_better_twice=is_better_twice).held() is is_better_twice
    await nobody.aclose()


async def test_the_holder_keeps_the_lock_while_redis_is_unavailable(redis: ArqRedis) -> None:
    clock = ManualClock()
    holder, other = (lock(redis, clock, is_better_twice=False) for _ in range(2))
    assert await holder.held()
    assert not await other.held()
    await redis.delete(KEY)
    await redis.zadd(KEY, {"no": 1, "string": 2})  # the script fails, as without Redis
    clock.forward(seconds=3)
    assert await holder.held()
    assert not await other.held()

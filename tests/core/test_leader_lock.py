"""A turn: one at a time, taken over when its holder ends or dies, and what holds while Redis is away."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from arq.connections import ArqRedis, RedisSettings

from app.core.leader_lock import LeaderLock
from app.core.redis import make_redis
from tests.support.rig import TestClock

pytestmark = pytest.mark.asyncio

KEY = "huntarr:test:turn"


@pytest_asyncio.fixture
async def redis(redis_url: str) -> AsyncIterator[ArqRedis]:
    made = make_redis(RedisSettings.from_dsn(redis_url))
    yield made
    await made.aclose()


def turn(redis: ArqRedis, clock: TestClock, *, is_better_twice: bool = True) -> LeaderLock:
    return LeaderLock(redis, KEY, seconds=6, is_better_twice=is_better_twice, timer=clock.monotonic)


async def test_one_works_at_a_time_and_another_takes_over(redis: ArqRedis) -> None:
    clock = TestClock()
    first, second = (turn(redis, clock) for _ in range(2))
    assert await first.held()
    assert not await second.held()
    await first.release()
    clock.forward(seconds=3)
    assert await second.held()
    assert not await first.held()
    assert 0 < await redis.pttl(KEY) <= 6000
    await redis.delete(KEY)
    clock.forward(seconds=3)
    assert await second.held(), "a Redis that was emptied is no reason to stop"


async def test_turns_of_other_things_are_other_turns(redis: ArqRedis) -> None:
    clock = TestClock()
    other = LeaderLock(redis, "huntarr:test:other", seconds=6, is_better_twice=True, timer=clock.monotonic)
    assert await turn(redis, clock).held()
    assert await other.held()


@pytest.mark.parametrize("is_better_twice", [True, False])
async def test_without_redis(tmp_path: Path, is_better_twice: bool) -> None:
    nobody = make_redis(RedisSettings(unix_socket_path=str(tmp_path / "nobody.sock")))
    assert await turn(nobody, TestClock(), is_better_twice=is_better_twice).held() is is_better_twice
    await nobody.aclose()


async def test_whoever_had_the_turn_keeps_it_while_redis_is_away(redis: ArqRedis) -> None:
    clock = TestClock()
    holder, other = (turn(redis, clock, is_better_twice=False) for _ in range(2))
    assert await holder.held()
    assert not await other.held()
    await redis.delete(KEY)
    await redis.zadd(KEY, {"no": 1, "string": 2})  # the script fails: as good as no answer
    clock.forward(seconds=3)
    assert await holder.held()
    assert not await other.held()

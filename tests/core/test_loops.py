"""A background loop goes on after a failure; tasks end with their block."""

import asyncio

import pytest

from app.core.errors import Unavailable
from app.core.loops import forever, running

pytestmark = pytest.mark.asyncio


async def test_a_failure_does_not_end_it() -> None:
    failures = [Unavailable("no Redis"), ValueError("a mistake")]
    done = asyncio.Event()

    async def step() -> None:
        if failures:
            raise failures.pop()
        done.set()

    task = asyncio.create_task(forever("test", step, pause_seconds=0.001))
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_tasks_run_for_the_time_of_the_block() -> None:
    ended: list[str] = []

    async def loop(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    async with running(loop("first"), loop("second")):
        await asyncio.sleep(0)
        assert not ended
    assert sorted(ended) == ["first", "second"]

"""A background loop goes on after a failure and ends when it is cancelled."""

import asyncio

import pytest

from app.core.errors import Unavailable
from app.core.loops import forever

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

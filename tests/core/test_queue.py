"""`try_enqueue`: one job a minute of age, and no error without Redis."""

from datetime import timedelta

import pytest

from app.core.errors import Unavailable
from app.core.queue import NOW, RUN_HUNT, try_enqueue

pytestmark = pytest.mark.asyncio


class MemoryQueue:
    def __init__(self, *, is_available: bool = True) -> None:
        self.is_available = is_available
        self.job_ids: list[str] = []

    async def require(self) -> None: ...

    async def enqueue(self, job: str, *ids: int, job_id: str, delay: timedelta = NOW) -> bool:
        if not self.is_available:
            raise Unavailable("no Redis")
        self.job_ids.append(job_id)
        return True


async def test_the_job_id_is_another_one_after_each_minute() -> None:
    queue = MemoryQueue()
    for seconds in (0, 59, 60, -59):
        assert await try_enqueue(queue, RUN_HUNT, 7, key="hunt:7:0", age=timedelta(seconds=seconds))
    assert queue.job_ids == ["hunt:7:0:0", "hunt:7:0:0", "hunt:7:0:1", "hunt:7:0:0"]


async def test_without_redis_it_is_false() -> None:
    assert not await try_enqueue(MemoryQueue(is_available=False), RUN_HUNT, 7, key="hunt:7:0", age=NOW)

"""What a service does in sixty seconds in which nothing is due: the numbers are exact, and no clock is waited for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from app.core import heartbeat
from app.core.bells import Bell
from app.core.heartbeat import GATEWAYS, WORKERS, beat
from app.events import relay
from app.home_assistant.session import PublishTiming
from app.notifications import delivery
from tests.simulator import LibrarySpec
from tests.support.rig import Rig
from worker import outages
from worker.main import MAX_POLL_SECONDS, FrugalWorker, make_worker
from worker.outages import OutageWatch
from worker.ticks import PeriodicTasks

pytestmark = pytest.mark.asyncio

NOON = datetime(2026, 11, 24, 12, 11, 1, tzinfo=UTC)
SECONDS = 60.0
BETWEEN_TICKS = 0.02
"""What the periodic tasks begin ends in this time."""


class Passing(Bell):
    """Time passes at once. After a minute the loop that waits for it ends."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig = rig
        self._end = rig.clock.now + timedelta(seconds=SECONDS)

    async def wait(self, seconds: float) -> bool:
        await asyncio.sleep(BETWEEN_TICKS)
        self._rig.clock.forward(seconds=seconds)
        if self._rig.clock.now >= self._end:
            raise asyncio.CancelledError
        return False


class AtOnce(Bell):
    async def wait(self, seconds: float) -> bool:
        return False


@contextmanager
def counted(rig: Rig) -> Iterator[Counter[str]]:
    """How many statements read, and how many write."""
    found: Counter[str] = Counter()

    def seen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        words = statement.split()
        found["read" if words[0] == "SELECT" else "written"] += 1

    engines = [engine.sync_engine for engine in rig.container.infra.db.engines]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", seen)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", seen)


async def redis_calls(rig: Rig) -> Counter[str]:
    stats = await rig.container.infra.redis.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): int(found["calls"]) for name, found in stats.items()})


@asynccontextmanager
async def idle_worker(rig: Rig) -> AsyncIterator[FrugalWorker]:
    """arq's worker, and ten instances that nothing waits for. What is done once has been done."""
    rig.clock.now = NOON
    for number in range(10):
        app = rig.radarr(LibrarySpec.with_missing(3), url_base=f"/{number}")
        await rig.add(app, name=f"Radarr {number}", enabled=False)
    await rig.work()  # the first connection tests
    await rig.container.events.relay.relay_waiting()
    worker = make_worker(rig.container)
    worker.bell = AtOnce()
    try:
        await minute(rig, worker)
        yield worker
    finally:
        await worker.close()


async def minute(rig: Rig, worker: FrugalWorker) -> None:
    """What each loop of `worker.main.embedded` and of the gateway does in a minute, one loop after the other."""
    container, start = rig.container, rig.clock.now
    with pytest.raises(asyncio.CancelledError):
        await PeriodicTasks(container, clock=rig.clock, sleep=Passing(rig).wait).run()
    rig.clock.now = start
    watch = OutageWatch.of(container.infra)
    for _ in range(int(SECONDS / outages.CHECK_SECONDS)):
        await watch.look()
    for _ in range(int(SECONDS / MAX_POLL_SECONDS)):
        await worker._poll_iteration()
    for kind in (WORKERS, GATEWAYS):
        for _ in range(int(SECONDS / heartbeat.RENEW_SECONDS)):
            await beat(container.infra.redis, "me", rig.clock(), heartbeat.COUNTS_FOR, kind)
    for _ in range(int(SECONDS / relay.POLL_SECONDS)):
        assert await container.events.relay._step() is None
    for _ in range(int(SECONDS / delivery.POLL_SECONDS)):
        assert await container.notifications.deliverer._step() is None
    for _ in range(int(SECONDS / PublishTiming().look)):
        assert await container.home_assistant.publisher._step() is None


async def test_an_idle_minute(rig: Rig) -> None:
    async with idle_worker(rig) as worker:
        before = await redis_calls(rig)
        with counted(rig) as statements:
            await minute(rig, worker)
        asked = await redis_calls(rig)
    asked.subtract(before)
    assert statements == {"read": 29}
    assert +asked - Counter({"info": 1}) == {
        **{"zadd": 8, "zremrangebyscore": 16},  # two signs of life
        **{"evalsha": 2, "set": 1, "get": 2, "del": 1},  # the leader lock is taken and given back
        **{"zrangebyscore": 4, "ping": 4},  # arq, and whether Redis is there
    }


async def test_ten_idle_minutes_write_nothing(rig: Rig) -> None:
    async with idle_worker(rig) as worker:
        with counted(rig) as statements:
            for number in range(10):
                rig.clock.now = NOON + timedelta(minutes=number)
                await minute(rig, worker)
    assert statements["written"] == 0

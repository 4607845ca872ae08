"""Bells: what is committed or enqueued in one process wakes the loops of all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.core.bells import BellName, Bells, ring_after_commit
from app.core.db import Database
from app.core.loops import running
from app.core.queue import PROBE_INSTANCE
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

LONG = 3600.0
"""Seconds; a bell that does not ring meets the time limit of the test."""


@asynccontextmanager
async def other_process(rig: Rig, *names: BellName) -> AsyncIterator[Bells]:
    """The bells of another process, once it listens."""
    bells = Bells(rig.container.infra.redis)
    for name in names:
        bells.bell(name)
    async with running(bells.listen()):
        for name in names:
            await bells.bell(name).wait(LONG)
        yield bells


def has_rung(bells: Bells, name: BellName) -> bool:
    return bells.bell(name)._rung.is_set()


async def _fails(db: Database) -> None:
    async with db.session() as session:
        ring_after_commit(session, BellName.EVENTS)
        raise ValueError("no")


async def test_a_new_job_rings_in_every_process(rig: Rig) -> None:
    queue = rig.container.infra.queue
    async with other_process(rig, BellName.JOBS) as other:
        assert await queue.enqueue(PROBE_INSTANCE, 1, job_id="probe:1")
        await other.bell(BellName.JOBS).wait(LONG)
        await rig.container.infra.db.bells.bell(BellName.JOBS).wait(LONG)


@pytest.mark.storage
async def test_a_commit_rings_and_a_rollback_does_not(rig: Rig) -> None:
    db = rig.container.infra.db
    async with other_process(rig, BellName.EVENTS, BellName.JOBS) as other:
        with pytest.raises(ValueError, match="no"):
            await _fails(db)
        assert not has_rung(db.bells, BellName.EVENTS)
        async with db.session() as session:
            ring_after_commit(session, BellName.JOBS)
            assert not has_rung(db.bells, BellName.JOBS)
        await other.bell(BellName.JOBS).wait(LONG)
        await db.bells.bell(BellName.JOBS).wait(LONG)
        assert not has_rung(other, BellName.EVENTS)


async def test_a_ring_before_the_wait_is_not_lost_and_none_ends_with_the_time() -> None:
    bells = Bells()
    bells.ring({BellName.JOBS})
    await bells.bell(BellName.JOBS).wait(LONG)
    await bells.bell(BellName.JOBS).wait(0)
    assert not has_rung(bells, BellName.JOBS)


async def test_without_redis_they_ring_in_their_own_process(rig: Rig) -> None:
    redis = rig.container.infra.redis
    bells = rig.container.infra.db.bells
    waiting = asyncio.create_task(bells.bell(BellName.EVENTS).wait(LONG))
    await asyncio.sleep(0)
    await redis.connection_pool.disconnect()
    bells.ring({BellName.EVENTS})
    await waiting
    await bells.close()

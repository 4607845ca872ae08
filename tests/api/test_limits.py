"""The limits hold over all processes, and without Redis."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.rig import open_rig
from tests.support.served_app import ServedApp, open_served_app
from tests.support.stores import redis_server

pytestmark = pytest.mark.asyncio

WRONG = "wrong horse battery"


@pytest_asyncio.fixture
async def neighbour(served: ServedApp, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[ServedApp]:
    """A second gateway process of the same installation."""
    async with open_rig(database_url, redis_url, tmp_path) as other:
        other.clock.now = served.rig.clock.now
        async with open_served_app(other, beside=served) as opened:
            yield opened


@pytest.mark.storage
async def test_two_processes_count_together(served: ServedApp, neighbour: ServedApp) -> None:
    await served.make_owner()
    here, there = await served.visitor(), await neighbour.visitor()
    statuses = [(await visitor.login(WRONG)).status_code for visitor in (here, there) * 3]
    assert statuses == [401] * 5 + [429]
    assert (await here.login()).status_code == 429
    for process in (served, neighbour):
        process.rig.clock.forward(minutes=5)
    assert (await there.login()).status_code == 200
    assert (await here.login()).status_code == 200


async def test_two_processes_at_once(served: ServedApp, neighbour: ServedApp) -> None:
    await served.make_owner()
    visitors = [await process.visitor() for process in (served, neighbour) * 8]
    replies = await asyncio.gather(*(visitor.login(WRONG) for visitor in visitors))
    assert sorted(reply.status_code for reply in replies) == [401] * 5 + [429] * 11


async def test_without_redis_login_works_and_is_limited(database_url: str, tmp_path: Path) -> None:
    async with (
        open_rig(database_url, f"unix://{tmp_path}/nobody.sock", tmp_path) as rig,
        open_served_app(rig) as served,
    ):
        await served.make_owner()
        visitor = await served.visitor()
        assert (await visitor.login()).status_code == 200
        assert [(await visitor.login(WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]
        rig.clock.forward(minutes=5)
        assert (await visitor.login()).status_code == 200
        other = await served.visitor("192.0.2.1")
        assert [(await other.login(WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]


async def test_failures_still_count_when_redis_goes(database_url: str, tmp_path: Path) -> None:
    with redis_server() as redis_url:
        async with open_rig(database_url, redis_url, tmp_path) as rig, open_served_app(rig) as served:
            await served.make_owner()
            visitor = await served.visitor()
            assert [(await visitor.login(WRONG)).status_code for _ in range(4)] == [401] * 4
            await rig.container.infra.redis.shutdown(nosave=True)
            assert [(await visitor.login(WRONG)).status_code for _ in range(2)] == [401, 429]


async def test_counters_expire(served: ServedApp) -> None:
    await served.make_owner()
    await (await served.visitor()).login(WRONG)
    redis = served.rig.container.infra.redis
    keys = [key async for key in redis.scan_iter("huntarr:failures:*")]
    assert len(keys) == 3  # of the address, of the name, and of both
    assert all([0 < await redis.pttl(key) <= 300_000 for key in keys])

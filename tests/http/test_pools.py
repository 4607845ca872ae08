"""The pools of servers, and when they are closed."""

import asyncio

import pytest

from app.http.client import HttpClient
from app.http.clients import tls_context
from app.http.errors import HttpError
from app.http.messages import Endpoint
from app.http.pools import KEEPALIVE_SECONDS, MAX_IDLE_POOLS, PoolPerOrigin
from tests.http.calls import ask, at
from tests.http.servers import answer, replying, serve

pytestmark = pytest.mark.asyncio


async def test_idle_pools_are_closed() -> None:
    now = 0.0
    pools = PoolPerOrigin(tls_context(verify=True), monotonic=lambda: now)
    async with (
        HttpClient({}, transport=pools) as client,
        serve(replying(answer(b"[]"))) as first,
        serve(replying(answer(b"[]"))) as second,
    ):
        await ask(client, at(first))
        await ask(client, at(second))
        assert pools.open_pools == 2
        now = KEEPALIVE_SECONDS + 1
        await ask(client, at(second))
        assert pools.open_pools == 1


async def test_a_busy_pool_is_not_closed() -> None:
    now = 0.0
    pools = PoolPerOrigin(tls_context(verify=True), monotonic=lambda: now)
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(_request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go.wait()
        writer.write(answer(b"[1]"))

    async with (
        HttpClient({}, transport=pools) as client,
        serve(slow) as first,
        serve(replying(answer(b"[]"))) as second,
    ):
        waiting = asyncio.create_task(ask(client, at(first), tries=1))
        await asked.wait()
        now = 10 * KEEPALIVE_SECONDS
        await ask(client, at(second))
        go.set()
        assert await waiting == [1]


async def test_few_idle_pools_are_kept() -> None:
    pools = PoolPerOrigin(tls_context(verify=True), monotonic=lambda: 0.0)
    async with HttpClient({}, transport=pools) as client, serve(replying(answer(b"[]"))) as port:
        for n in range(MAX_IDLE_POOLS + 20):
            host = f"127.1.{n // 250}.{n % 250 + 1}"  # every 127.x.y.z is this machine, and an origin of its own
            with pytest.raises(HttpError):
                await ask(client, Endpoint(f"http://{host}:{port}"), tries=1)
        assert pools.open_pools <= MAX_IDLE_POOLS + 1

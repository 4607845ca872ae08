"""Connections of one process to all servers: a small pool for each, few kept open when idle."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import httpx

from app.http.addresses import GuardedPool, Resolve

CONNECTIONS_PER_ORIGIN = 8
KEEPALIVE_SECONDS = 60.0  # Sonarr & co. close an idle connection after 130 s: close it well before
MAX_IDLE_POOLS = 200

Origin: TypeAlias = tuple[str, str, int | None]
Clock: TypeAlias = Callable[[], float]


class PoolPerOrigin(httpx.AsyncBaseTransport):
    """A transport with a pool for each scheme, host and port, all with one TLS context.

    httpx has one pool for all, and looks at every open connection twice per request: with 400 apps that takes 18 ms
    of the event loop each time. Pools that idle too long, or are too many, are closed.
    """

    def __init__(
        self, context: ssl.SSLContext, *, monotonic: Clock | None = None, resolve: Resolve | None = None
    ) -> None:
        self._context = context
        self._resolve = resolve
        self._pools: OrderedDict[Origin, _Pool] = OrderedDict()
        self._monotonic = monotonic

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now = self._monotonic() if self._monotonic else asyncio.get_running_loop().time()
        await self._sweep(now)
        origin = (request.url.scheme, request.url.host, request.url.port)
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = _Pool(self._context, self._resolve)
        self._pools.move_to_end(origin)
        return await pool.handle(request, now)

    @property
    def open_pools(self) -> int:
        return len(self._pools)

    async def aclose(self) -> None:
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            await pool.transport.aclose()

    async def _sweep(self, now: float) -> None:
        """Close idle pools, the longest unused first."""
        too_many = len(self._pools) - MAX_IDLE_POOLS
        for origin, pool in list(self._pools.items()):
            if now - pool.used_at <= KEEPALIVE_SECONDS and too_many <= 0:
                break
            too_many -= 1
            if pool.busy or self._pools.get(origin) is not pool:  # another request swept while we closed
                continue
            del self._pools[origin]
            await pool.transport.aclose()


class _Pool:
    def __init__(self, context: ssl.SSLContext, resolve: Resolve | None) -> None:
        self.transport = GuardedPool(
            context, connections=CONNECTIONS_PER_ORIGIN, keepalive_seconds=KEEPALIVE_SECONDS, resolve=resolve
        )
        self.used_at = 0.0
        self.busy = 0

    async def handle(self, request: httpx.Request, now: float) -> httpx.Response:
        self.used_at = now
        self.busy += 1
        response = None
        try:
            response = await self.transport.handle_async_request(request)
        finally:
            if response is None:
                self.busy -= 1
        response.stream = _Counted(response.stream, self)
        return response


class _Counted(httpx.AsyncByteStream):
    """A body; once it is closed, its pool is no longer busy with it."""

    def __init__(self, body: httpx.SyncByteStream | httpx.AsyncByteStream, pool: _Pool) -> None:
        if not isinstance(body, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport answers with an asynchronous body")
        self._body = body
        self._pool: _Pool | None = pool

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        try:
            await self._body.aclose()
        finally:
            if pool is not None:
                pool.busy -= 1

"""The one door to the apps: time, bytes and tries are bounded here, and every failure becomes an `ArrError`."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias
from weakref import WeakValueDictionary

import httpx

from app.arr.models import Connection
from app.core.clock import Clock, utc_now
from app.http.addresses import BlockedAddress
from app.http.bodies import ACCEPT_ENCODING, MAX_BODY_BYTES, Json, parse_json, read_body
from app.http.errors import ArrError, BadAnswer, ErrorCode
from app.http.failures import (
    Progress,
    Said,
    from_exception,
    from_redirect,
    from_status,
    not_the_api,
    out_of_time,
    read_said,
)
from app.http.outgoing import Clients, tls_context
from app.http.pools import PoolPerApp

__all__ = ["ArrHttp", "Json", "Method", "Observer", "Param"]

Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]
Scalar: TypeAlias = str | int | bool
Param: TypeAlias = Scalar | Sequence[Scalar]
Observer: TypeAlias = Callable[[Connection, str, str, int | None, float, int], None]
"""Told of every request on the wire: connection, method, path, status or `None`, seconds, bytes of the body."""

TRIES: Final = 3
FIRST_WAIT_SECONDS: Final = 0.5
CONNECT_SECONDS: Final = 10.0
ERROR_BODY_SECONDS: Final = 5.0
ERROR_BODY_BYTES: Final = 64 * 1024
MAX_CONCURRENCY: Final = 4


class ArrHttp:
    """One per process. `transport` replaces the network, in tests; `sleep`, `clock` and `jitter` replace chance."""

    def __init__(
        self,
        version: str,
        *,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock = utc_now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        headers = {
            "User-Agent": f"Huntarr/{version}",
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
        }
        self._observer = observer
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._clients = Clients(headers, lambda verify_tls: transport or PoolPerApp(tls_context(verify_tls)))
        # A gate lives as long as a request holds it: nothing is kept of instances that are gone.
        self._gates: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; afterwards the next `send` would open new ones."""
        await self._clients.aclose()

    async def send(
        self,
        connection: Connection,
        method: Method,
        path: str,
        *,
        params: Mapping[str, Param] | None = None,
        json: Json = None,
        tries: int = TRIES,
        limit: int = MAX_BODY_BYTES,
    ) -> Json:
        """The answer's JSON, `None` when a write was answered with an empty body; raises only `ArrError`.

        `path` follows the base of `connection.url`, as `/api/v3/queue`. The deadline of the connection holds for each
        try, from the first packet to the last byte. GET is tried again after passing trouble; a write only when not
        a byte of it left us. An answer of more than `limit` bytes is not read.
        """
        for attempt in range(1, tries):
            try:
                return await self._gated(connection, method, path, params, json, limit)
            except ArrError as failure:
                if not _may_repeat(method, failure):
                    raise
            await self._sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * (0.5 + self._jitter()))
        return await self._gated(connection, method, path, params, json, limit)

    async def _gated(
        self,
        connection: Connection,
        method: Method,
        path: str,
        params: Mapping[str, Param] | None,
        json: Json,
        limit: int,
    ) -> Json:
        width = min(max(connection.request_concurrency, 1), MAX_CONCURRENCY)
        gate = self._gates.get((connection.url, width))
        if gate is None:
            gate = self._gates[connection.url, width] = asyncio.Semaphore(width)
        async with gate:
            return await _Exchange(self, connection, method, path, limit).run(params, json)

    async def client(self, *, verify_tls: bool) -> httpx.AsyncClient:
        """The client of this mode."""
        return await self._clients.get(verify_tls=verify_tls)

    def observed(
        self, connection: Connection, method: str, path: str, status: int | None, spent: float, n: int
    ) -> None:
        if self._observer is not None:
            self._observer(connection, method, path, status, spent, n)

    def failed(self, response: httpx.Response, said: Said, connection: Connection) -> ArrError:
        return from_status(response, said, connection, self._clock())


class _Exchange:
    """One request and its answer."""

    def __init__(self, http: ArrHttp, connection: Connection, method: Method, path: str, limit: int) -> None:
        self._http = http
        self._connection = connection
        self._method: Method = method
        self._path = path
        self._limit = limit
        self._progress = Progress()
        self._response: httpx.Response | None = None
        self._received = 0

    async def run(self, params: Mapping[str, Param] | None, json: Json) -> Json:
        if not (self._connection.api_key.isascii() and self._connection.api_key.isprintable()):
            sentence = "The API key holds characters that no key has: copy it again from the app's Settings, General."
            raise ArrError(ErrorCode.UNAUTHORIZED, sentence, may_have_reached=False)
        client = await self._http.client(verify_tls=self._connection.verify_tls)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):
                return await self._ask(client, params, json)
        except TimeoutError as late:
            raise out_of_time(self._connection, self._progress) from late
        except (httpx.TransportError, httpx.InvalidURL, BlockedAddress, OSError) as failure:
            raise from_exception(failure, self._connection, self._progress) from failure
        finally:
            status = self._response.status_code if self._response else None
            spent = loop.time() - started
            self._http.observed(self._connection, self._method, self._path, status, spent, self._received)

    async def _ask(self, client: httpx.AsyncClient, params: Mapping[str, Param] | None, json: Json) -> Json:
        request = client.build_request(
            self._method,
            self._connection.url + self._path,
            params=params,
            json=json,
            headers={"X-Api-Key": self._connection.api_key},
            timeout=httpx.Timeout(None, connect=min(CONNECT_SECONDS, self._connection.timeout_seconds)),
            extensions={"trace": self._progress.trace},
        )
        response = self._response = await client.send(request, stream=True)
        self._progress.answered = True
        try:
            return await self._read(response)
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response) -> Json:
        if response.status_code >= 400:
            raise self._http.failed(response, await self._said(response), self._connection)
        if not response.is_success:
            raise from_redirect(response, self._connection)
        try:
            body = await self._body(response)
            # A write may have nothing to tell (arr contracts §1.7).
            return parse_json(body) if body or self._method == "GET" else None
        except BadAnswer as failure:
            raise BadAnswer(failure.message, http_status=response.status_code) from failure

    async def _body(self, response: httpx.Response) -> bytes:
        """The body when it is JSON, or empty; a page of HTML is not read any further."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json" or kind.endswith("+json") or (not kind and self._method != "GET"):
            return await self._decoded(response, self._limit)
        if response.status_code == 204:
            return b""
        raise not_the_api(self._connection, response.status_code, may_have_reached=self._method != "GET")

    async def _said(self, response: httpx.Response) -> Said:
        """What the error's body says, if it comes soon and is short: the status is what counts."""
        body = b""
        with suppress(TimeoutError, httpx.TransportError, BadAnswer):
            async with asyncio.timeout(min(ERROR_BODY_SECONDS, self._connection.timeout_seconds / 2)):
                body = await self._decoded(response, ERROR_BODY_BYTES)
        return read_said(body, self._connection)

    async def _decoded(self, response: httpx.Response, limit: int) -> bytes:
        async with aclosing(self._raw(response)) as parts:
            return await read_body(parts, response.headers.get("content-encoding", ""), limit=limit)

    async def _raw(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous client answers with an asynchronous body")
        async for part in stream:
            self._received += len(part)
            yield part


def _may_repeat(method: Method, failure: ArrError) -> bool:
    if method == "GET":
        return failure.transient
    return failure.transient and failure.http_status is None and not failure.may_have_reached

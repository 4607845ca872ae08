"""HTTP client of every server that Huntarr asks: time, bytes, tries and parallel requests are bounded.

It follows no redirect and connects to no blocked address. What a reply means is for its caller to say.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import httpx
from websockets.asyncio.client import ClientConnection

from app.core.memory import give_back_later
from app.http.addresses import BlockedAddress
from app.http.bodies import ACCEPT_ENCODING, MAX_PARSED_AT_ONCE_BYTES, looks_like_json, read_body
from app.http.clients import ClientPair, tls_context
from app.http.errors import BadBody, HttpError
from app.http.failures import Progress, from_exception, out_of_time, refuse_plain_to_tls
from app.http.messages import Endpoint, Exchange, HttpReply, HttpRequest, media_type
from app.http.pools import PoolPerOrigin
from app.http.web_sockets import open_web_socket

T = TypeVar("T")
Observer: TypeAlias = Callable[[Exchange], None]

TRIES: Final = 3
FIRST_WAIT_SECONDS: Final = 0.5
CONNECT_SECONDS: Final = 10.0
ERROR_BODY_SECONDS: Final = 5.0
MAX_ERROR_BODY_BYTES: Final = 64 * 1024
MAX_CONCURRENCY: Final = 4


class HttpClient:
    """`headers` go with every request. `transport` replaces the network, `sleep` and `jitter` the waits, in tests."""

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        observer: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._headers = headers
        self._observer = observer
        self._sleep = sleep
        self._jitter = jitter
        self._clients = ClientPair(
            {**headers, "Accept-Encoding": ACCEPT_ENCODING},
            lambda verify_tls: transport or PoolPerOrigin(tls_context(verify_tls)),
        )
        # A semaphore lives as long as a request holds it: nothing is kept of servers that are gone.
        self._semaphores: WeakValueDictionary[tuple[str, int], asyncio.Semaphore] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; the next request would open new ones."""
        await self._clients.aclose()

    async def request(
        self, endpoint: Endpoint, request: HttpRequest, read: Callable[[HttpReply], T], *, tries: int = TRIES
    ) -> T:
        """What `read` makes of the reply; raises only `HttpError`, as `read` may. It reads large ones in a thread.

        The endpoint's deadline holds for each try, from the first packet to the last byte. GET is tried again after
        a transient failure; a write only when not a byte of it was sent.
        """
        for attempt in range(1, tries):
            try:
                return await self._try(endpoint, request, read)
            except HttpError as failure:
                if not _may_repeat(request, failure):
                    raise
            await self._sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * (0.5 + self._jitter()))
        return await self._try(endpoint, request, read)

    async def web_socket(self, endpoint: Endpoint, path: str, *, max_message_bytes: int) -> ClientConnection:
        """A WebSocket of the server, for its caller to close; `HttpError` when it gives none. Asked for once."""
        started, status = asyncio.get_running_loop().time(), None
        try:
            opened = await open_web_socket(endpoint, path, self._headers, max_message_bytes=max_message_bytes)
            status = 101
            return opened
        except HttpError as failure:
            status = failure.http_status
            raise
        finally:
            self._observe(endpoint, "GET", path, status, started, 0)

    async def _try(self, endpoint: Endpoint, request: HttpRequest, read: Callable[[HttpReply], T]) -> T:
        width = min(max(endpoint.request_concurrency, 1), MAX_CONCURRENCY)
        semaphore = self._semaphores.get((endpoint.url, width))
        if semaphore is None:
            semaphore = self._semaphores[endpoint.url, width] = asyncio.Semaphore(width)
        async with semaphore:
            reply = await self._send(endpoint, request)
        refuse_plain_to_tls(endpoint, reply)
        try:
            if len(reply.body or b"") > MAX_PARSED_AT_ONCE_BYTES:
                give_back_later()
                return await asyncio.to_thread(read, reply)
            return read(reply)
        except BadBody as failure:
            raise BadBody(failure.message, http_status=reply.status) from failure

    async def _send(self, endpoint: Endpoint, request: HttpRequest) -> HttpReply:
        client = await self._clients.get(verify_tls=endpoint.verify_tls)
        attempt = _Attempt(endpoint, request)
        started = asyncio.get_running_loop().time()
        try:
            return await attempt.run(client)
        finally:
            self._observe(endpoint, request.method, request.path, attempt.status, started, attempt.received_bytes)

    def _observe(
        self, endpoint: Endpoint, method: str, path: str, status: int | None, started: float, received: int
    ) -> None:
        if self._observer is not None:
            seconds = asyncio.get_running_loop().time() - started
            self._observer(Exchange(endpoint.url, method, path, status, seconds, received))


class _Attempt:
    """One request and its reply."""

    def __init__(self, endpoint: Endpoint, request: HttpRequest) -> None:
        self._endpoint = endpoint
        self._request = request
        self._progress = Progress()
        self.status: int | None = None
        self.received_bytes = 0

    async def run(self, client: httpx.AsyncClient) -> HttpReply:
        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                return await self._exchange(client)
        except TimeoutError as late:
            raise out_of_time(self._endpoint, self._progress) from late
        except (httpx.TransportError, httpx.InvalidURL, BlockedAddress, OSError) as failure:
            raise from_exception(failure, self._endpoint, self._progress) from failure

    async def _exchange(self, client: httpx.AsyncClient) -> HttpReply:
        content = self._request.content
        typed = {"Content-Type": content.content_type} if content else {}
        request = client.build_request(
            self._request.method,
            self._endpoint.url + self._request.path,
            params=self._request.params,
            json=self._request.json,
            content=content.body if content else None,
            headers={**self._endpoint.headers, **self._request.headers, **typed},
            timeout=httpx.Timeout(None, connect=min(CONNECT_SECONDS, self._endpoint.timeout_seconds)),
            extensions={"trace": self._progress.trace},
        )
        response = await client.send(request, stream=True)
        self.status = response.status_code
        self._progress.answered = True
        try:
            body = await self._body(response)
        finally:
            await response.aclose()
        return HttpReply(response.status_code, response.headers, request.url.raw_path.decode().partition("?")[0], body)

    async def _body(self, response: httpx.Response) -> bytes | None:
        if response.status_code >= 400:
            return await self._error_body(response)
        kind = media_type(response.headers)
        is_accepted = self._request.accepts(kind) or (not kind and self._request.method != "GET")
        if response.is_success and is_accepted:
            try:
                return await self._decoded(response, self._request.max_body_bytes)
            except BadBody as failure:
                raise BadBody(failure.message, http_status=response.status_code) from failure
        if response.status_code == 204:
            return b""
        return await self._sniffed(response) if response.is_success and self._request.sniffs_json else None

    async def _sniffed(self, response: httpx.Response) -> bytes | None:
        with suppress(BadBody):
            body = await self._decoded(response, self._request.max_body_bytes)
            if looks_like_json(body):
                return body
        return None

    async def _error_body(self, response: httpx.Response) -> bytes:
        """What the error's body says, if it comes soon and is short: the status is what counts."""
        with suppress(TimeoutError, httpx.TransportError, BadBody):
            async with asyncio.timeout(min(ERROR_BODY_SECONDS, self._endpoint.timeout_seconds / 2)):
                return await self._decoded(response, MAX_ERROR_BODY_BYTES)
        return b""

    async def _decoded(self, response: httpx.Response, limit: int) -> bytes:
        async with aclosing(self._raw(response)) as parts:
            return await read_body(parts, response.headers.get("content-encoding", ""), limit=limit)

    async def _raw(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous client answers with an asynchronous body")
        async for part in stream:
            self.received_bytes += len(part)
            yield part


def _may_repeat(request: HttpRequest, failure: HttpError) -> bool:
    if request.method == "GET":
        return failure.transient
    return failure.transient and failure.http_status is None and not failure.may_have_reached

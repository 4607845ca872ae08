"""Requests to the apps: their API key, their JSON, and every failure as an `ArrError`."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection

from app.arr.errors import ArrError, ErrorCode, arr_error
from app.arr.models import Connection
from app.arr.replies import read_reply
from app.core.clock import Clock, utc_now
from app.http.bodies import MAX_BODY_BYTES, Json
from app.http.client import TRIES, HttpClient, Observer
from app.http.errors import HttpError
from app.http.messages import Endpoint, HttpReply, HttpRequest, Method, Param

T = TypeVar("T")
PUSH_PATH = "/signalr/messages"
MAX_PUSH_BYTES = 4 * 1024 * 1024
Params: TypeAlias = Mapping[str, Param]


class ArrHttp(HttpClient):
    """One per process. `clock` is what dates of `Retry-After` count from; the others as `HttpClient` has them."""

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
        headers = {"User-Agent": f"Huntarr/{version}", "Accept": "application/json"}
        super().__init__(headers, observer=observer, transport=transport, sleep=sleep, jitter=jitter)
        self._clock = clock

    async def send(
        self,
        connection: Connection,
        method: Method,
        path: str,
        *,
        params: Params | None = None,
        json: Json = None,
        tries: int = TRIES,
        limit: int = MAX_BODY_BYTES,
    ) -> Json:
        """The JSON of the reply, `None` when a write was answered with an empty body; raises only `ArrError`.

        `path` follows the base of `connection.url`, as `/api/v3/queue`. A reply of more than `limit` bytes is not
        read. `HttpClient.request` says what is tried again.
        """
        request = HttpRequest(method, path, params, json, max_body_bytes=limit, sniffs_json=True)
        return await self._exchange(
            connection, request, lambda reply: read_reply(reply, connection, method, self._clock()), tries
        )

    async def get_dated(
        self, connection: Connection, path: str, *, tries: int = TRIES, limit: int = MAX_BODY_BYTES
    ) -> tuple[Json, datetime | None]:
        """A GET as `send` does it, with the server's time as its header `Date` tells it; `None` where it does not."""
        request = HttpRequest("GET", path, max_body_bytes=limit, sniffs_json=True)

        def read(reply: HttpReply) -> tuple[Json, datetime | None]:
            return read_reply(reply, connection, "GET", self._clock()), _date_of(reply)

        return await self._exchange(connection, request, read, tries)

    async def push_socket(self, connection: Connection) -> ClientConnection:
        """The WebSocket of the app's push channel, for its caller to close; `HttpError` when there is none."""
        return await self.web_socket(_endpoint(connection), PUSH_PATH, max_message_bytes=MAX_PUSH_BYTES)

    async def _exchange(
        self, connection: Connection, request: HttpRequest, read: Callable[[HttpReply], T], tries: int
    ) -> T:
        if not (connection.api_key.isascii() and connection.api_key.isprintable()):
            sentence = "The API key holds characters that no key has: copy it again from the app's Settings, General."
            raise ArrError(ErrorCode.UNAUTHORIZED, sentence, may_have_reached=False)
        try:
            return await self.request(_endpoint(connection), request, read, tries=tries)
        except HttpError as failure:
            raise arr_error(failure) from failure.__cause__


def _date_of(reply: HttpReply) -> datetime | None:
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _endpoint(connection: Connection) -> Endpoint:
    return Endpoint(
        connection.url,
        {**connection.headers, "X-Api-Key": connection.api_key},
        timeout_seconds=connection.timeout_seconds,
        verify_tls=connection.verify_tls,
        request_concurrency=connection.request_concurrency,
    )

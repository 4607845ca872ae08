"""Request bodies: limited in bytes, time and depth, parsed once, and only JSON that every database can store."""

import asyncio
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine
from typing import Any, Final

from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from app.api.policy import MAX_BODY_BYTES
from app.core.errors import BadRequest, TooLarge, UnsupportedMediaType

BODY_SECONDS: Final = 30.0
MAX_JSON_DEPTH: Final = 32
_UNREAD: Final = object()


class BoundedRequest(Request):
    """A request whose body never exceeds `max_bytes`, however it is read: whole, as JSON, as a form or streamed."""

    def __init__(self, scope: Scope, receive: Receive, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(scope, _counted(receive, max_bytes))
        self._max_bytes = max_bytes
        self._document: Any = _UNREAD

    def check_length(self) -> None:
        """`TooLarge` when the announced length says so already."""
        length = self.headers.get("content-length")
        if length is not None and (not length.isascii() or not length.isdigit() or len(length) > 18):
            raise BadRequest("The header Content-Length is not a number.")
        if length is not None and int(length) > self._max_bytes:
            raise TooLarge(f"The body is larger than {self._max_bytes} bytes.")

    async def read(self) -> bytes:
        """The whole body; `BadRequest` when it does not come in time."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self.body()
        except TimeoutError:
            raise BadRequest(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from None

    async def read_json(self) -> None:
        """Read and check a JSON body, if there is one; FastAPI takes it from `json()` afterwards."""
        content = await self.read()
        if content:
            encoding = self.headers.get("content-encoding", "identity")
            if not is_json(self.headers.get("content-type", "")) or encoding.lower() != "identity":
                raise UnsupportedMediaType("The body must be JSON, sent as application/json and not compressed.")
            self._document = parse_json(content)

    @property
    def document(self) -> Any:
        """The JSON value, once it was read; else None."""
        return None if self._document is _UNREAD else self._document

    async def json(self) -> Any:
        if self._document is _UNREAD:
            self._document = parse_json(await self.read())
        return self._document


Handler = Callable[[BoundedRequest], Coroutine[Any, Any, Response]]
"""One link of the chain around an endpoint (`routing.py`)."""


def bound_body(inner: Handler, max_bytes: int) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The start of the chain: `inner` with a request whose body is limited."""

    async def handle(request: Request) -> Response:
        try:
            return await inner(BoundedRequest(request.scope, request.receive, max_bytes=max_bytes))
        except ClientDisconnect:
            raise BadRequest("The connection ended before the body did.") from None

    return handle


def check_request(inner: Handler, *, has_json: bool) -> Handler:
    """`inner` for requests without NUL characters, of a permitted length, and with valid JSON where it reads JSON."""

    async def handle(request: BoundedRequest) -> Response:
        if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
            raise BadRequest("The address holds a NUL character.")
        request.check_length()
        if has_json:
            await request.read_json()
        return await inner(request)

    return handle


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def parse_json(content: bytes) -> Any:
    """The JSON value; `BadRequest` for broken text, NaN, lone surrogates, NUL characters and deep nesting."""
    content = content.removeprefix(BOM_UTF8)  # some editors and shells send one; RFC 8259, 8.1
    try:
        value = from_json(content, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise BadRequest("The body is not valid JSON.") from None
    may_be_deep = content.count(b"[") + content.count(b"{") > MAX_JSON_DEPTH
    if may_be_deep or b"\\u0000" in content:
        _check_value(value)
    return value


def _check_value(value: Any) -> None:
    """Goes level by level, so that depth costs no stack."""
    level = [value]
    depth = 0
    while level:
        depth += 1
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if "\0" in item:
                    raise BadRequest("The body holds a NUL character, which no field takes.")
            elif isinstance(item, dict | list):
                if depth > MAX_JSON_DEPTH:
                    raise BadRequest(f"The body is nested deeper than {MAX_JSON_DEPTH} levels.")
                inner += item
                if isinstance(item, dict):
                    inner += item.values()
        level = inner


def _counted(receive: Receive, max_bytes: int) -> Receive:
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > max_bytes:
                raise HTTPException(413)  # FastAPI's form parser lets no other error through
        return message

    return counting

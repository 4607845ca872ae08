"""Bodies: bounded in bytes, time and depth, JSON that every database can store, parsed once."""

import asyncio
from typing import Any, Final

from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from app.core.errors import BadRequest, TooLarge, UnsupportedMediaType

BODY_BYTES: Final = 1024 * 1024
BODY_SECONDS: Final = 30.0
JSON_DEPTH: Final = 32
_UNREAD: Final = object()


class BoundedRequest(Request):
    """A request whose body never exceeds `limit` bytes, however it is read: whole, as JSON, as a form or streamed."""

    def __init__(self, scope: Scope, receive: Receive, *, limit: int = BODY_BYTES) -> None:
        super().__init__(scope, _counted(receive, limit))
        self._limit = limit
        self._document: Any = _UNREAD

    def check_length(self) -> None:
        """`TooLarge` when the announced length says so already."""
        length = self.headers.get("content-length")
        if length is not None and (not length.isascii() or not length.isdigit() or len(length) > 18):
            raise BadRequest("The header Content-Length is not a number.")
        if length is not None and int(length) > self._limit:
            raise TooLarge(f"The body is larger than {self._limit} bytes.")

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
            self._document = parsed(content)

    @property
    def document(self) -> Any:
        """The JSON value, once it was read; else None."""
        return None if self._document is _UNREAD else self._document

    async def json(self) -> Any:
        if self._document is _UNREAD:
            self._document = parsed(await self.read())
        return self._document


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def parsed(content: bytes) -> Any:
    """The JSON value; `BadRequest` for broken text, NaN, lone surrogates, NUL characters and deep nesting."""
    try:
        value = from_json(content, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise BadRequest("The body is not valid JSON.") from None
    may_be_deep = content.count(b"[") + content.count(b"{") > JSON_DEPTH
    if may_be_deep or b"\\u0000" in content:
        _check(value)
    return value


def _check(value: Any) -> None:
    """Walk level by level, so that depth costs no stack."""
    level = [value]
    depth = 0
    while level:
        depth += 1
        inner: list[Any] = []
        for one in level:
            if isinstance(one, str):
                if "\0" in one:
                    raise BadRequest("The body holds a NUL character, which no field takes.")
            elif isinstance(one, dict | list):
                if depth > JSON_DEPTH:
                    raise BadRequest(f"The body is nested deeper than {JSON_DEPTH} levels.")
                inner += one
                if isinstance(one, dict):
                    inner += one.values()
        level = inner


def _counted(receive: Receive, limit: int) -> Receive:
    total = 0

    async def counting() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                raise HTTPException(413)  # FastAPI's form parser lets no other error through
        return message

    return counting

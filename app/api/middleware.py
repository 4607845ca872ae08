"""Around every request: request id, security headers, limits of the request head, the sub-path, the access log."""

import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.api.access_log import AccessLog
from app.api.client_address import Network, client_of
from app.api.context import CONTEXT, RequestContext, dismiss
from app.api.errors import error_reply

REQUEST_ID_HEADER = b"x-request-id"
MAX_QUERY_BYTES = 8 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

# A reply that sets one of these itself (a page, a download) keeps its own.
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)

Headers = Iterable[tuple[bytes, bytes]]


class RequestMiddleware:
    """Plain ASGI: Starlette's own base class makes an object and a task per request, which costs too much."""

    def __init__(self, app: ASGIApp, *, base_url: str = "", trusted_proxies: Sequence[Network] = ()) -> None:
        self._app = app
        self._base = base_url
        self._trusted = trusted_proxies
        self._log = AccessLog()
        self._open_requests: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope["headers"])
        client = client_of(scope, self._trusted)
        if self._base:
            scope["root_path"] = self._base  # routes and redirects remove it from the path
        context = RequestContext(request_id, client.address, self._open_requests, client.is_https)
        scope[CONTEXT] = context
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _complete(message.get("headers", ()), request_id)
            await send(message)

        tokens = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if refusal := self._refusal(scope):
                status_code, sentence = refusal
                await error_reply(status_code, sentence, request_id=request_id)(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        finally:
            dismiss(context)
            self._log.write(scope, status, (time.perf_counter() - started) * 1000)
            structlog.contextvars.reset_contextvars(**tokens)

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # we have no WebSocket routes
            await WebSocketClose()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and message when the head of the request is not acceptable."""
        if self._base and not _is_below(scope["path"], self._base):
            return 404, "There is nothing at this address."
        if len(scope["query_string"]) > MAX_QUERY_BYTES:
            return 400, f"The query is longer than {MAX_QUERY_BYTES} bytes."
        if not scope["query_string"].isascii():
            return 400, "The query holds characters that must be percent-encoded."
        headers = scope["headers"]
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            return 400, f"The request has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them."
        return None


def _is_below(path: str, base: str) -> bool:
    return path.startswith(base) and path[len(base) : len(base) + 1] in ("", "/")


def _request_id(headers: Headers) -> str:
    """The caller's own id if it is well-formed and given once, else a new one."""
    given = [value for name, value in headers if name == REQUEST_ID_HEADER]
    if len(given) == 1 and _VALID_ID.fullmatch(given[0]):
        return given[0].decode("ascii")
    return secrets.token_hex(8)


def _complete(headers: Headers, request_id: str) -> list[tuple[bytes, bytes]]:
    found = list(headers)
    present = {name for name, _ in found}
    found += [pair for pair in SECURITY_HEADERS if pair[0] not in present]
    found.append((REQUEST_ID_HEADER, request_id.encode("ascii")))
    return found

"""One HTTP exchange: latency, faults, and the part of the app's reply that reaches the client."""

import asyncio
import functools
import gzip
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from tests.simulator.control import RequestRecord
from tests.simulator.faults import Fault
from tests.simulator.messages import JSON_MEDIA, Reply, Request, json_reply
from tests.simulator.middleware import starting

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MEGABYTE = 1_000_000
_SLICE_SECONDS = 0.1
_HTML = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Bad gateway</h1></body></html>"


class ConnectionCut(ConnectionError):
    """Raised instead of a cut when there is no socket (ASGI in process)."""


class Exchange:
    """Carries one request through; each is recorded in the app's request log, however it ends."""

    def __init__(
        self, app: "SimApp", request: Request, receive: Receive, send: Send, stopping: Callable[[], bool]
    ) -> None:
        self._app, self._request, self._receive, self._send, self._stopping = app, request, receive, send, stopping
        self._sent = 0
        self._status = 0

    async def run(self) -> None:
        app, request = self._app, self._request
        path = request.path.lower()
        below = path.removeprefix(f"/{app.definition.prefix}/").strip("/")
        with app.db.lock:
            extra, fault = app.faults.choose(request.method, path, below)
        try:
            if fault is None or fault.executes:
                await self._pause(app.settings.latency_ms / 1000 + extra)
                reply = app.handle(request)
                await (self._deliver(reply) if fault is None else self._spoil(reply, fault))
            else:
                await self._pause(extra)
                await self._replace(fault)
        finally:
            self._note(fault)

    def _note(self, fault: Fault | None) -> None:
        request = self._request
        record = RequestRecord(
            self._app.clock.timestamp(),
            request.method,
            request.path,
            request.query_text,
            self._status,
            self._sent,
            None if fault is None else fault.kind,
            request.headers.get("user-agent", ""),
        )
        self._app.log.add(record, request.route or request.path.removeprefix(f"/{self._app.definition.prefix}/"))

    # --- answers ----------------------------------------------------------------------------------------------------

    async def _deliver(self, reply: Reply) -> None:
        headers, body = self._dressed(reply)
        await self._start(reply.status, headers)
        await self._body(body)

    async def _spoil(self, reply: Reply, fault: Fault) -> None:
        """Damage the reply of an app that has done its work."""
        match fault.kind:
            case "drop_reply":
                await self._cut()
            case "cut_in_body":
                headers, body = self._dressed(reply, compress=False)
                await self._start(reply.status, headers)
                await self._body(body[: max(len(body) // 2, 1)], more=True)
                await self._cut(flush=True)
            case "broken_json":
                text = fault.body.encode() if fault.body is not None else reply.body[: len(reply.body) * 2 // 3]
                await self._deliver(Reply(reply.status, text, JSON_MEDIA, reply.headers))
            case "wrong_type":
                text = b'"unexpected"' if fault.body is None else fault.body.encode()
                await self._deliver(Reply(reply.status, text, JSON_MEDIA, reply.headers))
            case "empty_body":
                await self._deliver(Reply(reply.status, b"", JSON_MEDIA, reply.headers))
            case "slow_drip":
                await self._drip(reply, fault.seconds)
            case _:
                await self._replace(fault)

    async def _replace(self, fault: Fault) -> None:
        """The reply of something other than the app."""
        match fault.kind:
            case "cut_before_headers":
                await self._cut()
            case "html":
                text = _HTML if fault.body is None else fault.body
                await self._deliver(Reply(200, text.encode(), "text/html; charset=utf-8"))
            case "starting":
                await self._deliver(starting(self._app.definition, is_api=True))
            case "huge_body":
                await self._huge(fault.megabytes)
            case "redirect_loop":
                location = f"{self._app.url_base}{self._request.path}?hop={self._request.query_text[-12:]}1"
                await self._deliver(Reply(302, headers=[("Location", location)]))
            case "gzip_bomb":
                await self._start(200, [("Content-Type", JSON_MEDIA), ("Content-Encoding", "gzip")])
                await self._body(_bomb(fault.megabytes))
            case _:
                await self._deliver(_status(fault))

    async def _drip(self, reply: Reply, seconds: float) -> None:
        headers, body = self._dressed(reply, compress=False)
        await self._start(reply.status, headers)
        for position in range(len(body)):
            if self._stopping():
                break
            await self._body(body[position : position + 1], more=True)
            await self._pause(seconds)
        await self._body(b"")

    async def _huge(self, megabytes: int) -> None:
        await self._start(200, [("Content-Type", JSON_MEDIA)])
        await self._body(b"[0", more=True)
        chunk = b",1234567" * 12_500
        for _ in range(megabytes * 10):
            if self._stopping():
                break
            await self._body(chunk, more=True)
            await asyncio.sleep(0)
        await self._body(b"]")

    # --- the wire ---------------------------------------------------------------------------------------------------

    def _dressed(self, reply: Reply, *, compress: bool = True) -> tuple[list[tuple[str, str]], bytes]:
        headers = [("Server", "Kestrel"), *reply.headers]
        if reply.media is not None:
            headers.append(("Content-Type", reply.media))
        if not reply.body:
            return [*headers, ("Content-Length", "0")], b""
        plain = not compress or not self._app.settings.compress or reply.by_error_handler or reply.bare
        packed = None if plain else _packed(reply.body, self._request.headers.get("accept-encoding", ""))
        if packed is None:
            return headers, reply.body
        return [*headers, ("Content-Encoding", packed[0]), ("Vary", "Accept-Encoding")], packed[1]

    async def _start(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._status = status
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _body(self, body: bytes, *, more: bool = False) -> None:
        self._sent += len(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _cut(self, *, flush: bool = False) -> None:
        """Reset the connection, or end it after what was written. Only uvicorn's cycle has the transport."""
        cycle = getattr(self._send, "__self__", None)
        transport = getattr(cycle, "transport", None)
        if transport is None:
            raise ConnectionCut("the simulator cut the connection")
        if flush:
            transport.close()
        else:
            transport.abort()
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def _pause(self, seconds: float) -> None:
        """Sleep in slices, so that a server can stop in between."""
        while seconds > 0 and not self._stopping():
            part = min(seconds, _SLICE_SECONDS)
            await asyncio.sleep(part)
            seconds -= part


def _status(fault: Fault) -> Reply:
    if fault.status == 401:
        return Reply(401)
    headers = [] if fault.retry_after is None else [("Retry-After", str(fault.retry_after))]
    if fault.body is not None:
        return Reply(fault.status, fault.body.encode(), JSON_MEDIA, headers)
    reply = json_reply(
        {"message": f"Simulated {fault.status}", "description": "System.Exception: simulated"}, fault.status
    )
    reply.headers = headers
    return reply


def _packed(body: bytes, accepted: str) -> tuple[str, bytes] | None:
    """Brotli before gzip, both at their fastest, as ASP.NET does it."""
    if "br" in accepted:
        import brotli  # type: ignore[import-untyped]

        return "br", brotli.compress(body, quality=1)
    return ("gzip", gzip.compress(body, compresslevel=1, mtime=0)) if "gzip" in accepted else None


@functools.cache
def _bomb(megabytes: int) -> bytes:
    """A small gzip body that unpacks to `megabytes` of spaces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = b" " * _MEGABYTE
    return b"".join([packer.compress(chunk) for _ in range(megabytes)]) + packer.flush()

"""uvicorn's HTTP protocol with limits on what uvicorn leaves unlimited: heads, trailers, idle bodies, pipelines, peers.

All of it happens before the application runs, so that a stranger can occupy neither memory nor a connection.
"""

import json
import socket
from asyncio import BaseTransport, TimerHandle
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.client_address import Network
from app.api.connections import OpenConnections, counted_as
from app.api.middleware import SECURITY_HEADERS

UNREADABLE: Final = "The request is not valid HTTP."
_OPEN: Final[WeakKeyDictionary[ServerState, OpenConnections]] = WeakKeyDictionary()
"""The connections of each server of this process."""


class BoundedProtocol(HttpToolsProtocol):
    """The limits are class attributes, so that tests can lower them in a subclass."""

    head_seconds = 15.0  # from the connection, or the first byte of a head, to the end of the head
    leftover_seconds = 10.0  # for the rest of a body after the reply was sent
    leftover_bytes = 4 * 1024 * 1024
    unsent_bytes = 128 * 1024  # what the kernel may buffer for a slow peer; its default is megabytes
    stall_seconds = 30.0  # in which a peer must read some of what is buffered for it
    stall_at_end_seconds = 2.0  # the same during shutdown
    overhead_bytes = 64 * 1024  # in a row without content: head, trailers, chunk sizes and their extensions
    max_connections = 900
    max_of_address = 300
    max_pipelined = 16
    trusted_proxies: ClassVar[Sequence[Network]] = ()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._open = _OPEN.setdefault(self.server_state, OpenConnections())
        self._offers_upgrade = False
        self._timer: TimerHandle | None = None
        self._stall_timer: TimerHandle | None = None
        self._in_head = True
        self._in_message = False
        self._overhead = 0
        self._leftover = 0
        self._refused = False

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type] # asyncio's own type is wider
        peer = counted_as(self.client[0] if self.client else "", self.trusted_proxies)
        if not self._open.admit(self, peer, max_of_peer=self.max_of_address, max_of_all=self.max_connections):
            self._refuse(503, "Too many connections are open.")
        else:
            self._arm(self.head_seconds)
            connection = transport.get_extra_info("socket")
            if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self.unsent_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._cancel_stall()
        self._open.remove(self)
        super().connection_lost(exc)

    def drop(self) -> None:
        """Make room for another connection."""
        if self._in_message and self._in_head:
            self._refuse(503, "Too many connections are open.")
        else:
            self._refused = True
            self._disarm()
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_stall(self.stall_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_stall()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.get_write_buffer_size():
            self._watch_stall(self.stall_at_end_seconds)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_head and self._timer is None:
            self._arm(self.head_seconds)
        self._overhead += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(400, UNREADABLE)
        if self._refused or self.parser is None:
            return
        if self._overhead > self.overhead_bytes:
            self._refuse(431, "The head of the request is too large.")
        elif self._is_answered() and self._leftover > self.leftover_bytes:
            self.transport.close()

    def _parse(self, data: bytes) -> None:
        """Feed the parser. It stops behind a head that offers another protocol, such as HTTP/2, and skips the body.

        Such an offer may be ignored (RFC 9110, 7.8), so the head is read again without it.
        """
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stop:
                head = self._head_without_offer()
                data = head + data[stop.args[0] :]
                self._offers_upgrade = False
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _head_without_offer(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._leftover = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer must not become a header of a request that is already authorised
            super().on_header(name, value.rstrip(b" \t"))  # RFC 9110, 5.5: not a part of the value

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("this is no proxy")
            self._offers_upgrade = True
            return
        self._in_head = False
        self._overhead = 0
        self._disarm()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise httptools.HttpParserError("one Host header is needed")
        if len(self.pipeline) >= self.max_pipelined:
            raise httptools.HttpParserError("too many requests at once")
        self._open.set_busy(self)
        self.server_state.default_headers = _dated(int(time()))
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        if self.cycle.response_complete:
            self._leftover += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offers_upgrade:
            return
        self._in_head, self._in_message, self._overhead = True, False, 0
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:
            self._open.set_idle(self)
        if self._is_answered() and not self._in_head:
            # Closing at once would reset the connection of a caller who still sends, and the reply would be lost.
            self._arm(self.leftover_seconds)

    def _is_answered(self) -> bool:
        return self._in_message and not self._in_head and self.cycle is not None and self.cycle.response_complete

    def _refuse(self, status: int, sentence: str) -> None:
        """Send one enveloped error, unless another reply has started, and close the connection."""
        self._refused = True
        self._disarm()
        if self.transport.is_closing():
            return
        can_reply = self.cycle is None or self.cycle.response_complete or not self.cycle.response_started
        if can_reply and not self.pipeline:
            self.transport.write(_reply(status, sentence))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its handler must not write after our reply
        self.transport.close()

    def _on_timeout(self) -> None:
        self._timer = None
        if self._in_message and self._in_head:
            self._refuse(408, "The request did not arrive in time.")
        else:
            self.transport.close()

    def _watch_stall(self, seconds: float) -> None:
        """A peer that reads nothing would keep its connection and buffers for ever, and delay our shutdown."""
        self._cancel_stall()
        self._stall_timer = self.loop.call_later(
            seconds, self._check_stall, self.transport.get_write_buffer_size(), seconds
        )

    def _check_stall(self, before: int, seconds: float) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch_stall(seconds)
        else:
            self.transport.abort()

    def _cancel_stall(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._on_timeout)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol_for(trusted_proxies: Sequence[Network]) -> type[BoundedProtocol]:
    """The protocol of a server behind `trusted_proxies`: their connections are not limited by address."""
    return type("ServedProtocol", (BoundedProtocol,), {"trusted_proxies": trusted_proxies})


@lru_cache(maxsize=1)
def _dated(now: int) -> list[tuple[bytes, bytes]]:
    """The header that every reply begins with. uvicorn would look at the clock ten times a second for it."""
    return [(b"date", formatdate(now, usegmt=True).encode())]


def _reply(status: int, sentence: str) -> bytes:
    body = json.dumps({"success": False, "error": sentence}, separators=(",", ":")).encode()
    headers = [
        *SECURITY_HEADERS,
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    return STATUS_LINE[status] + b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body

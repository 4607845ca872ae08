"""The push channel of a simulated app: SignalR over a WebSocket, as the living apps speak it.

What is pushed: the start and the end of commands, and the version whenever somebody connects. Nothing is repeated.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs

from tests.simulator.commands import Command, command_json
from tests.simulator.control import RequestRecord
from tests.simulator.messages import Json

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

PATH = "/signalr/messages"
END = "\x1e"
NO_CONNECTION_ID = b"Connection ID required"
LOOK_SECONDS = 0.02
"""Between two looks for what has become due: the simulator carries it out when somebody asks."""

PushMode = Literal["on", "off", "no_upgrade"]


@dataclass(eq=False)
class _Connection:
    unsent: deque[str] = field(default_factory=deque)
    is_cut: bool = False
    is_greeted: bool = False


class PushHub:
    """`mode`: `off` as a server without it (404), `no_upgrade` as behind a proxy that drops the header Upgrade."""

    def __init__(self, app: "SimApp") -> None:
        self._app = app
        self._connections: set[_Connection] = set()
        self.mode: PushMode = "on"
        self.is_silent = False
        """Neither messages nor pings."""
        self.ping_seconds = 15.0
        self.frames = 0
        """Sent to all clients."""

    @property
    def connections(self) -> int:
        return sum(connection.is_greeted for connection in self._connections)

    def command(self, command: Command) -> None:
        """A command started or ended."""
        resource = command_json(command, self._app.definition)
        if command.status == "started" and command.kind.name.endswith("Search"):
            count = self._app.indexers.searching
            resource["message"] = f"Searching indexers for [{self._app.definition.app_type}]. {count} active indexers"
        self.tell("command", {"resource": resource, "action": "updated"})

    def tell(self, name: str, body: Json) -> None:
        self.send({"type": 1, "target": "receiveMessage", "arguments": [{"body": body, "name": name}]})

    def send(self, message: Json) -> None:
        """To everybody who is connected."""
        text = json.dumps(message, separators=(",", ":")) + END
        for connection in tuple(self._connections):
            if connection.is_greeted and not self.is_silent:
                connection.unsent.append(text)

    def cut(self) -> None:
        """Reset every connection, as the end of the app does."""
        for connection in tuple(self._connections):
            connection.is_cut = True

    async def serve(self, scope: Any, receive: Any, send: Any, *, has_base: bool, stopping: Any) -> None:
        """One client, from its request for an upgrade on."""
        refusal = self._refusal(scope, has_base)
        self._log(scope, 101 if refusal is None else refusal[0])
        await receive()  # websocket.connect
        if refusal is not None:
            status, headers, body = refusal
            await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": body})
            return
        await send({"type": "websocket.accept"})
        connection = _Connection()
        self._connections.add(connection)
        reader = asyncio.create_task(self._read(connection, receive, send))
        try:
            await self._write(connection, reader, send, stopping)
        finally:
            self._connections.discard(connection)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    def _refusal(self, scope: Any, has_base: bool) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
        if self.mode == "off":
            return 404, [], b""
        if self.mode == "no_upgrade":
            return 400, [], NO_CONNECTION_ID
        if not has_base:
            return 307, [(b"location", (self._app.url_base + PATH).encode())], b""
        return None if self._app.settings.api_key in _keys(scope) else (401, [], b"")

    async def _read(self, connection: _Connection, receive: Any, send: Any) -> None:
        """Ends when the client has gone. What a client sends after its greeting is not answered."""
        while (message := await receive())["type"] != "websocket.disconnect":
            if not connection.is_greeted:
                error = _error_of(message.get("text") or "")
                await send({"type": "websocket.send", "text": json.dumps({"error": error} if error else {}) + END})
                if error:
                    await send({"type": "websocket.close"})
                    return
                connection.is_greeted = True
                version = {"version": self._app.version}
                self.tell("version", version)

    async def _write(self, connection: _Connection, reader: "asyncio.Task[None]", send: Any, stopping: Any) -> None:
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        while not reader.done() and not stopping():
            if connection.is_cut:
                send.__self__.transport.abort()
                return
            self._app.settle()
            text = "".join(_all(connection.unsent))
            if not text and not self.is_silent and loop.time() - sent_at >= self.ping_seconds:
                text = '{"type":6}' + END
            if text:
                self.frames += 1
                sent_at = loop.time()
                await send({"type": "websocket.send", "text": text})
            await asyncio.sleep(LOOK_SECONDS)

    def _log(self, scope: Any, status: int) -> None:
        agent = dict(scope["headers"]).get(b"user-agent", b"").decode("latin-1")
        now, query = self._app.clock.timestamp(), scope["query_string"].decode("latin-1")
        self._app.log.add(RequestRecord(now, "GET", PATH, query, status, 0, None, agent), PATH.strip("/"))


def _keys(scope: Any) -> Iterator[str]:
    yield from parse_qs(scope["query_string"].decode("latin-1")).get("access_token", [])
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            yield value.decode("latin-1")
        elif name == b"authorization":
            yield value.decode("latin-1").removeprefix("Bearer ")


def _error_of(text: str) -> str | None:
    """Why the app refuses a greeting."""
    try:
        greeting = json.loads(text.removesuffix(END))
        protocol, version = greeting["protocol"], greeting["version"]
    except (ValueError, KeyError, TypeError):
        return "An unexpected error occurred during connection handshake."
    if protocol != "json":
        return f"The protocol '{protocol}' is not supported."
    return None if version == 1 else f"The server does not support version {version} of the 'json' protocol."


def _all(unsent: deque[str]) -> Iterator[str]:
    while unsent:
        yield unsent.popleft()

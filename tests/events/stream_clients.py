"""Gateways that serve the stream over real sockets, and clients: normal and stalled ones."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import uvicorn

from app.api.gateway import Gateway
from app.api.server import BoundedProtocol
from app.events.bus import EventBus
from app.events.hub import EventHub
from app.main import create_app
from tests.support.rig import KEY, Rig
from tests.support.serving import Listening, Quiet, listening

PATH = "/api/events"


class ShortTimeouts(BoundedProtocol):
    """Streams must outlive the server's time limits for requests and silent clients."""

    head_seconds = 1.0
    leftover_seconds = 1.0
    stall_seconds = 2.0
    stall_at_end_seconds = 0.5


class QuietGateway(Quiet, Gateway): ...


@dataclass
class RunningGateway:
    """A gateway with its own hub and port, as in a process of its own."""

    hub: EventHub
    at: Listening

    @property
    def url(self) -> str:
        return f"http://{self.at.host}:{self.at.port}"

    @property
    def address(self) -> tuple[str, int]:
        return self.at.host, self.at.port

    async def end(self) -> None:
        """As on SIGTERM."""
        await self.at.end()


@asynccontextmanager
async def gateway(rig: Rig, *, bus: EventBus | None = None, **options: Any) -> AsyncIterator[RunningGateway]:
    hub = EventHub(bus or rig.container.events.bus, rig.clock, **options)
    container = replace(rig.container, events=replace(rig.container.events, hub=hub))
    app = create_app(rig.config, open_container=lambda _: nullcontext(container))
    config = uvicorn.Config(
        app, http=ShortTimeouts, ws="none", log_config=None, port=0, server_header=False, timeout_graceful_shutdown=15
    )
    try:
        async with listening(QuietGateway(hub.end, config)) as at:
            yield RunningGateway(hub, at)
    finally:
        await hub.close()


@dataclass
class Message:
    """One message of the stream as a browser reads it."""

    name: str
    data: Any
    id: str | None


@dataclass
class Client:
    """Reads messages; a browser would send `last_id` as `Last-Event-ID`."""

    response: httpx.Response
    last_id: str | None = None
    comments: list[str] = field(default_factory=list)
    retry: str | None = None
    empty_messages: int = 0
    """Blank lines without data before them, which some clients hand on."""

    def __post_init__(self) -> None:
        self._lines = self.response.aiter_lines()

    async def next(self) -> Message | None:
        """The next message; None when the stream has ended."""
        found: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line.startswith(":"):
                self.comments.append(value)
            elif line:
                found[name] = value
            elif "data" in found:
                self.last_id = found.get("id", self.last_id)
                self.retry = found.get("retry", self.retry)
                return Message(found["event"], json.loads(found["data"]), found.get("id"))
            else:
                self.empty_messages += 1
        return None

    async def take(self, count: int) -> list[Message]:
        """The next `count` messages; the stream must not end before."""
        taken: list[Message] = []
        async with asyncio.timeout(30):
            while len(taken) < count:
                message = await self.next()
                assert message is not None, f"the stream ended after {len(taken)} of {count}"
                taken.append(message)
        return taken

    async def take_rest(self) -> list[Message]:
        """All messages until the stream ends."""
        taken = []
        async with asyncio.timeout(30):
            while (message := await self.next()) is not None:
                taken.append(message)
        return taken

    async def wait_for_heartbeat(self) -> None:
        count = len(self.comments)
        async with asyncio.timeout(30):
            async for line in self._lines:
                if line.startswith(":"):
                    self.comments.append(line)
                    break
        assert len(self.comments) > count


@asynccontextmanager
async def client(served: RunningGateway, *, ready: bool = True, key: str = KEY, **params: str) -> AsyncIterator[Client]:
    """A connected client; with `ready` it has read `stream.ready`."""
    headers = {"X-Api-Key": key}
    if "after" in params:
        headers["Last-Event-ID"] = params.pop("after")
    async with (
        httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30) as http,
        http.stream("GET", PATH, params=params) as response,
    ):
        assert response.status_code == 200, await response.aread()
        made = Client(response)
        if ready:
            [first] = await made.take(1)
            assert first.name == "stream.ready"
        yield made


@asynccontextmanager
async def stalled(served: RunningGateway) -> AsyncIterator[socket.socket]:
    """A client that sends its request and reads nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, served.address)
        request = f"GET {PATH} HTTP/1.1\r\nHost: h\r\nX-Api-Key: {KEY}\r\n\r\n"
        await loop.sock_sendall(connection, request.encode())
        yield connection


async def listeners(served: RunningGateway, count: int) -> None:
    """Wait until there are `count` listeners."""
    async with asyncio.timeout(20):
        while len(served.hub) != count:  # noqa: ASYNC110 - sockets that close have no event here
            await asyncio.sleep(0.01)

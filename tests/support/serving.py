"""Servers in the test's own process: uvicorn in a task, an HTTP server in threads, and ports that nobody has."""

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn

from app.api.gateway import Gateway


class Quiet(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Listening:
    """A server at work."""

    host: str
    port: int
    server: uvicorn.Server
    task: asyncio.Task[None]

    async def end(self) -> None:
        """What SIGTERM does."""
        _end(self.server)
        await self.task


@asynccontextmanager
async def listening(server: uvicorn.Server) -> AsyncIterator[Listening]:
    """The server at work for the time of the block."""
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        if not server.started:
            raise RuntimeError("the server ended before it began")
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield Listening(host, port, server, task)
    finally:
        _end(server)
        await task


def _end(server: uvicorn.Server) -> None:
    """A plain server would raise the signal again."""
    if isinstance(server, Gateway):
        server.handle_exit(signal.SIGTERM, None)
    else:
        server.should_exit = True


class NoLog:
    """For a handler that writes no line to stderr."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Quiet."""


@contextmanager
def in_threads(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers each connection in a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False  # closing waits for them, and they close their connections
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def listens(port: int) -> bool:
    """Whether something accepts connections at the port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True

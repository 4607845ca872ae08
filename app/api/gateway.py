"""The HTTP server of the command line: uvicorn, which sleeps until there is something to do."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn


class Gateway(uvicorn.Server):
    """uvicorn, but without raising a signal again at its end: that would kill the process before Redis is stopped."""

    def __init__(self, end_waits: Callable[[], None], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._end_waits = end_waits
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        """Waits for the end. uvicorn looks ten times a second, also to set the header Date (`app/api/server.py`)."""
        await self.on_tick(0)
        await self._ending.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._ending.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends streams and waiting requests first: uvicorn waits for every reply."""
        self._end_waits()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

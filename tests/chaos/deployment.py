"""All the processes of an installation, each its own and each to be killed: a gateway, two workers, Redis."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support import stores as servers
from tests.support.huntarr_process import FastClock, HuntarrProcess, Stores
from tests.support.serving import free_port

DatabaseKind = Literal["sqlite", "postgresql"]
WORKERS = 2


@dataclass(frozen=True)
class Deployment:
    """What runs, and where it meets."""

    stores: Stores
    clock: FastClock
    redis: servers.RedisProcess
    gateway: HuntarrProcess
    workers: tuple[HuntarrProcess, ...]
    url: str

    @property
    def processes(self) -> tuple[HuntarrProcess, ...]:
        return (self.gateway, *self.workers)


@contextmanager
def databases(kind: DatabaseKind) -> Iterator["Databases"]:
    """A source of migrated, empty databases."""
    with tempfile.TemporaryDirectory(prefix="hp") as name:
        if kind == "sqlite":
            yield Databases(servers.SqliteTemplate.make(Path(name)))
            return
        server = servers.Postgres(Path(name) / "pg")
        try:
            yield Databases(server)
        finally:
            server.stop()


@dataclass(frozen=True)
class Databases:
    made: servers.SqliteTemplate | servers.Postgres

    @contextmanager
    def one(self, folder: Path) -> Iterator[str]:
        """The URL of a database; `folder` is where a file would lie."""
        copy = self.made.copy(folder) if isinstance(self.made, servers.SqliteTemplate) else self.made.copy()
        with copy as url:
            yield url


@contextmanager
def deployed(database_url: str, folder: Path, *, speed: float) -> Iterator[Deployment]:
    """Started, and whatever still runs at the end is killed."""
    with ExitStack() as stack:
        redis = servers.RedisProcess(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hr"))), durable=True)
        redis.start()
        stack.callback(redis.stop, kill=True)
        stores = Stores(database_url, redis.url, folder)
        clock = FastClock(time.time(), speed, folder / "clock")
        port = free_port()
        made = Deployment(
            stores,
            clock,
            redis,
            HuntarrProcess("gateway", stores, clock, port=port),
            tuple(
                HuntarrProcess("worker", stores, clock, name=f"worker {number}", ticking=True)
                for number in range(1, WORKERS + 1)
            ),
            f"http://127.0.0.1:{port}",
        )
        for process in made.processes:
            process.start()
            stack.callback(process.kill)
        yield made

"""Gateways and workers in processes of their own, to be killed: the real ones, with a short lease and a fast clock."""

import argparse
import asyncio
import mmap
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import uvicorn
from pydantic import SecretStr

from app.api.gateway import Gateway
from app.container import Container, open_container
from app.core.config import Config, LogFormat, LogLevel
from app.core.logging import setup_logging
from app.hunting.running.timing import Timing
from app.main import create_app
from tests.support.rig import KEY, SECRET
from worker import ticks
from worker.main import run_alone

LEASE_SECONDS = 1.0
TICK_SECONDS = 0.1
TICKS = (
    ticks.start_due_hunts,
    ticks.fire_due_schedules,
    ticks.enqueue_lost_jobs,
    ticks.follow_up,
)

Role = Literal["gateway", "worker"]


class FastClock:
    """Real time since `epoch`, times `speed`: the same in every process that is told both numbers.

    Those that share the file `jumps` also share what the time of day is set forward or back by.
    """

    def __init__(self, epoch: float, speed: float = 1.0, jumps: Path | None = None) -> None:
        self.epoch, self.speed, self.jumps = epoch, speed, jumps
        self._ahead: mmap.mmap | bytearray = bytearray(8)
        if jumps is not None:
            if not jumps.exists():
                jumps.write_bytes(bytes(8))
            with jumps.open("r+b") as file:
                self._ahead = mmap.mmap(file.fileno(), 8)

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic() + self._jumped, UTC)

    def monotonic(self) -> float:
        return self.epoch + (time.time() - self.epoch) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def jump(self, seconds: float) -> None:
        """Set the time of day, for everybody."""
        struct.pack_into("d", self._ahead, 0, self._jumped + seconds)

    @property
    def _jumped(self) -> float:
        return float(struct.unpack_from("d", self._ahead)[0])

    @property
    def timing(self) -> Timing:
        return Timing(sleep=self.sleep, monotonic=self.monotonic, polls=(1, 2, 4))


@dataclass(frozen=True)
class Stores:
    """Where the processes of one test meet."""

    database_url: str
    redis_url: str
    folder: Path

    @property
    def config(self) -> Config:
        return Config(
            data_dir=self.folder,
            database_url=self.database_url,
            redis_url=SecretStr(self.redis_url),
            secret_key=SecretStr(SECRET),
            api_key=SecretStr(KEY),
        )


class HuntarrProcess:
    """Started by the test, ended by a signal. A `ticking` worker does what is due by the fast clock."""

    def __init__(
        self, role: Role, stores: Stores, clock: FastClock, *, name: str = "", port: int = 0, ticking: bool = False
    ) -> None:
        self._command = [
            sys.executable,
            "-m",
            "tests.support.huntarr_process",
            role,
            stores.database_url,
            stores.redis_url,
            str(stores.folder),
            str(clock.epoch),
            str(clock.speed),
            "--port",
            str(port),
            *(["--jumps", str(clock.jumps)] if clock.jumps else []),
            *(["--ticking"] if ticking else []),
        ]
        self.name = name or role
        self._log = stores.folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)  # noqa: S603 - our own program

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    def kill(self) -> None:
        """As the kernel does it when memory is short: not a line of the program runs any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def freeze(self) -> None:
        """As a machine that swaps, or a paused container: it lives on later and knows nothing of the time between."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    async def stop(self, seconds: float = 20) -> int | None:
        """SIGTERM, and the exit code; `None` when it takes longer."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return await asyncio.to_thread(self._process.wait, seconds)
        except subprocess.TimeoutExpired:
            return None

    def wait_for(self, line: str, seconds: float = 30) -> None:
        """Until it has logged this."""
        deadline = time.monotonic() + seconds
        while line not in self.output:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {line!r} in: {self.output}")
            time.sleep(0.02)

    @property
    def output(self) -> str:
        return self._log.read_text() if self._log.exists() else ""


async def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["gateway", "worker"])
    for name in ("database_url", "redis_url", "folder"):
        parser.add_argument(name)
    parser.add_argument("epoch", type=float)
    parser.add_argument("speed", type=float)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--jumps", type=Path)
    parser.add_argument("--ticking", action="store_true")
    options = parser.parse_args(arguments)
    config = Stores(options.database_url, options.redis_url, Path(options.folder)).config
    setup_logging(LogLevel.INFO, LogFormat.CONSOLE)
    clock = FastClock(options.epoch, options.speed, options.jumps)
    async with (
        open_container(config, clock=clock, lease_seconds=LEASE_SECONDS, timing=clock.timing) as container,
        container.logs.writer.running(),
    ):
        if options.role == "gateway":
            await _serve(config, container, options.port)
        else:
            async with _ticking(container) if options.ticking else nullcontext():
                await run_alone(container)


async def _serve(config: Config, container: Container, port: int) -> None:
    app = create_app(config, open_container=lambda _: nullcontext(container))
    server = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="on")
    await Gateway(container.events.hub.end, server).serve()


@asynccontextmanager
async def _ticking(container: Container) -> AsyncIterator[None]:
    """The periodic tasks of a worker at the pace of the fast clock; its own ones follow the real one."""

    async def tick() -> None:
        while True:
            for task in TICKS:
                await ticks.attempt(ticks.name_of(task), partial(task, container))
            await asyncio.sleep(TICK_SECONDS)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

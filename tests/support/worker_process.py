"""A worker in a process of its own, to be killed: the real one, with a short lease and a clock that runs faster."""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from app.container import open_container
from app.core.config import LogFormat, LogLevel, Settings
from app.core.logging import setup_logging
from app.hunting.sending import Pace
from tests.support.rig import KEY, SECRET
from worker.main import run_alone

LEASE_SECONDS = 1.0


@dataclass(frozen=True)
class FastClock:
    """Real time since `epoch`, times `speed`: the same in every process that is told both numbers."""

    epoch: float
    speed: float = 1.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        return self.epoch + (time.time() - self.epoch) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    @property
    def pace(self) -> Pace:
        return Pace(sleep=self.sleep, monotonic=self.monotonic, polls=(1, 2, 4))


@dataclass(frozen=True)
class Stores:
    """Where the processes of one test meet."""

    database_url: str
    redis_url: str
    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(
            data_dir=self.folder,
            database_url=self.database_url,
            redis_url=SecretStr(self.redis_url),
            secret_key=SecretStr(SECRET),
            api_key=SecretStr(KEY),
        )


class WorkerProcess:
    """Started by the test, ended by a signal."""

    def __init__(self, stores: Stores, clock: FastClock) -> None:
        # fmt: off
        self._command = [
            sys.executable, "-m", "tests.support.worker_process", stores.database_url, stores.redis_url,
            str(stores.folder), str(clock.epoch), str(clock.speed),
        ]
        # fmt: on
        self._log = stores.folder / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)  # noqa: S603 - our own program

    def kill(self) -> None:
        """As the kernel does it when memory is short: not a line of the program runs any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

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
    for name in ("database_url", "redis_url", "folder"):
        parser.add_argument(name)
    parser.add_argument("epoch", type=float)
    parser.add_argument("speed", type=float)
    options = parser.parse_args(arguments)
    settings = Stores(options.database_url, options.redis_url, Path(options.folder)).settings
    setup_logging(LogLevel.INFO, LogFormat.CONSOLE)
    clock = FastClock(options.epoch, options.speed)
    async with open_container(settings, clock=clock, lease_seconds=LEASE_SECONDS, pace=clock.pace) as container:
        await run_alone(container)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

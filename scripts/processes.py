"""Child processes of the demo and the benchmark, simulated apps and the service, which end together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 30.0
END_SECONDS = 25.0
KEY = "huntarr_demonstration-only-0123456789abcdefghijklm"


@dataclass(frozen=True)
class Simulated:
    """A simulated app, or with `instances` > 1 many of them at `{url}/1`, `{url}/2` …"""

    url: str
    api_key: str
    counts: Mapping[str, int]
    process: subprocess.Popen[str]


@dataclass(frozen=True)
class Service:
    """A running `huntarr serve`."""

    url: str
    api_key: str
    data_dir: Path
    process: subprocess.Popen[str]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"X-Api-Key": self.api_key}, timeout=70, trust_env=False)


@dataclass
class ChildProcesses:
    """Starts processes; `child_processes()` ends them in reverse order."""

    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def simulator(self, *options: str) -> Simulated:
        """Start `python -m tests.simulator` with `options`; it prints where it listens."""
        process = self._start([sys.executable, "-m", "tests.simulator", *options], stdout=subprocess.PIPE)
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError("the simulator did not start")
        printed: dict[str, Any] = json.loads(line)
        url = printed["url"].removesuffix("/1") if printed["instances"] > 1 else printed["url"]
        return Simulated(url, printed["api_key"], printed["counts"], process)

    def service(self, data_dir: Path, *, port: int = 0, has_worker: bool = True, **settings: str) -> Service:
        """Start `huntarr serve` on loopback without the caller's own settings; returns when it is healthy."""
        port = port or free_port()
        chosen = {"data_dir": str(data_dir), "port": str(port), "api_key": KEY, "log_level": "WARNING", **settings}
        with (data_dir / "service.log").open("a") as log:
            command = [sys.executable, "-m", "app", "serve"] + ([] if has_worker else ["--no-worker"])
            process = self._start(command, stdout=log, stderr=log, settings=chosen)
        service = Service(f"http://127.0.0.1:{port}", chosen["api_key"], data_dir, process)
        _wait_until_healthy(service)
        return service

    def worker(self, data_dir: Path, **settings: str) -> subprocess.Popen[str]:
        """Start `huntarr worker` for a service with the same folder."""
        chosen = {"data_dir": str(data_dir), "log_level": "WARNING", **settings}
        with (data_dir / "worker.log").open("a") as log:
            return self._start([sys.executable, "-m", "app", "worker"], stdout=log, stderr=log, settings=chosen)

    def end(self, process: subprocess.Popen[str]) -> int:
        """Send SIGTERM, then SIGKILL if it does not end in time; its exit code."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            self._started = [started for started in self._started if started is not process]

    def end_all(self) -> None:
        for process in reversed(list(self._started)):
            self.end(process)

    def _start(
        self, command: list[str], *, settings: Mapping[str, str] | None = None, **streams: Any
    ) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUNTARR_")}
        given = {f"HUNTARR_{name.upper()}": value for name, value in (settings or {}).items()}
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, env=inherited | given, text=True, stdin=subprocess.DEVNULL, start_new_session=True, **streams
        )
        self._started.append(process)
        return process


@contextmanager
def child_processes() -> Iterator[ChildProcesses]:
    """Processes that end with the block; SIGTERM ends the block."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = ChildProcesses()
    try:
        yield started
    finally:
        started.end_all()


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no port is free")


def _wait_until_healthy(service: Service) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            if httpx.get(f"{service.url}/api/health", timeout=2, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the service did not start:\n{(service.data_dir / 'service.log').read_text()}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

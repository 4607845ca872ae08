"""`huntarr serve` as its users run it: a process of its own, a real port, its own Redis and SQLite file."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30


@dataclass
class Service:
    """A running process; `lines` is all that it has written so far."""

    process: subprocess.Popen[str]
    data_dir: Path
    lines: list[str] = field(default_factory=list)
    url: str = ""
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None
    _has_ended: bool = False

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return "127.0.0.1", parts.port or 80

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def follow(self) -> None:
        """Collect what it writes until it ends; its own line says where it listens."""
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        said = json.loads(self.line('"huntarr listens"'))
        self.url = str(said["url"]).replace("//localhost", "//127.0.0.1")

    @property
    def setup_token(self) -> str:
        """Out of the link that it prints while there is no owner."""
        return self.line("/setup#token=").rpartition("#token=")[2].strip()

    def line(self, text: str) -> str:
        """The first line that holds `text`, as soon as it is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._find(text) is not None or self._has_ended, START_SECONDS)
            found = self._find(text)
        if found is None:
            raise RuntimeError(f"huntarr did not write {text!r}:\n{self.output}")
        return found

    def stop(self) -> int:
        """SIGTERM, then all that it still wrote; its exit code."""
        self.process.terminate()
        code = self.process.wait(30)
        if self._reader is not None:
            self._reader.join(10)
        return code

    def _find(self, text: str) -> str | None:
        return next((line for line in self.lines if text in line), None)

    def _collect(self) -> None:
        for line in self.process.stdout or ():
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


NOBODY = "http://127.0.0.1:9"
"""Instead of TMDB: no test leaves the machine."""


def environment(data_dir: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Ours instead of whatever the machine has set for Huntarr."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUNTARR_")}
    ours = {"HUNTARR_DATA_DIR": str(data_dir), "HUNTARR_PORT": "0", "HUNTARR_LOG_FORMAT": "json"}
    ours["HUNTARR_TMDB_URL"] = NOBODY
    return clean | ours | {"PYTHONUNBUFFERED": "1"} | dict(given)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", *arguments]


@contextmanager
def running(data_dir: Path, *arguments: str, **given: str) -> Iterator[Service]:
    """Serve from `data_dir` for the time of the block; `given` are variables without their prefix."""
    variables = environment(data_dir, {f"HUNTARR_{name.upper()}": value for name, value in given.items()})
    process = subprocess.Popen(  # noqa: S603 - our own program
        command("serve", *arguments),
        cwd=ROOT,
        env=variables,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    service = Service(process, data_dir)
    try:
        service.follow()
        yield service
    finally:
        if process.poll() is None:
            service.stop()
        if process.stdout:
            process.stdout.close()

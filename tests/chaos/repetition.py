"""Experiments one after the other, each on fresh stores, and one verdict over all of them."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.deployment import DatabaseKind, Databases, databases
from tests.chaos.experiment import Attack, Report, undergo
from tests.chaos.user import Leniency


class Trials:
    """Prints a line for each; what went wrong is left to be looked at."""

    def __init__(self, source: Databases) -> None:
        self._source = source
        self._held = 0
        self._wrong = 0

    @classmethod
    @contextmanager
    def on(cls, kind: DatabaseKind) -> Iterator["Trials"]:
        with databases(kind) as source:
            yield cls(source)

    def hold(self, name: str, attack: Attack, *, seed: int, leniency: Leniency | None = None) -> None:
        folder = Path(tempfile.mkdtemp(prefix="hk"))
        try:
            with self._source.one(folder) as url:
                report = asyncio.run(undergo(url, folder, attack, seed=seed, leniency=leniency))
        except TimeoutError as failure:
            report = Report(problems=[str(failure)])
        self.say("\n    WRONG: ".join([f"{name} {report}", *report.problems]))
        self._held, self._wrong = self._held + 1, self._wrong + bool(report.problems)
        if report.problems:
            self.say(f"    its logs and its database are in {folder}")
        else:
            shutil.rmtree(folder)

    def verdict(self) -> int:
        """The exit code."""
        self.say(f"{self._held} runs, {self._wrong} went wrong")
        return 1 if self._wrong else 0

    def say(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

"""A check that a test leaves no task and no open file, socket or database connection behind."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_SECONDS = 5.0
"""Transports close a few turns of the loop after they were told to; threads of SQLite end on their own."""


@asynccontextmanager
async def no_leaks() -> AsyncIterator[None]:
    """Fail when the block leaves something behind that was not there before it."""
    tasks, files = asyncio.all_tasks(), open_files()
    yield
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [*_tasks(asyncio.all_tasks() - tasks), *sorted(open_files() - files)]:
        if time.monotonic() > deadline:
            raise AssertionError(f"the test leaves behind: {', '.join(left)}")
        await asyncio.sleep(0.01)


def open_files() -> set[str]:
    """Every open socket and file of this process, with its number; empty where the system does not list them.

    Pipes are left out: the interpreter and its libraries open some once, at their first use, and keep them.
    """
    folder = Path("/proc/self/fd")
    found = set()
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            target = str(entry.readlink())
        except OSError:  # closed meanwhile: the listing itself is one of them
            continue
        if target.startswith(("socket:", "/")) and not target.startswith(("/proc", "/dev")):
            found.add(f"{entry.name} {target}")
    return found


def _tasks(tasks: set[asyncio.Task[object]]) -> list[str]:
    return sorted(str(task.get_coro()) for task in tasks if task is not asyncio.current_task())

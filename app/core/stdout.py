"""Writes log lines to stdout in a thread of its own, so that nobody who logs waits for whoever reads stdout.

A pipe or a terminal that nobody reads (Ctrl-S) is full after some lines. What comes then waits here, up to a limit;
more is dropped and counted, and the count is written when somebody reads again.
"""

import logging
import os
import select
import sys
import threading
import time
from collections import deque
from contextlib import suppress

MAX_WAITING_CHARACTERS = 2_000_000
FLUSH_SECONDS = 1.0
"""At the end of the process."""


class StdoutHandler(logging.Handler):
    """A handler that only puts a line into memory; the thread starts with the first one."""

    def __init__(self, *, descriptor: int | None = None, max_characters: int = MAX_WAITING_CHARACTERS) -> None:
        super().__init__()
        self._descriptor = _stdout_descriptor() if descriptor is None else descriptor
        self._max_characters = max_characters
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._dropped = 0
        self._is_writing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
            if self._descriptor is None:
                print(line, end="", flush=True)  # noqa: T201 - to whatever stands in the place of stdout, if anything
                return
        except Exception:  # as every handler of the standard library does: logging never fails the caller
            self.handleError(record)
            return
        with self._changed:
            if self._characters + len(line) > self._max_characters:
                self._dropped += 1
                return
            self._waiting.append(line)
            self._characters += len(line)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._write_on, args=(self._descriptor,), name="stdout", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything is written, but not for ever; `logging` calls it at the end of the process."""
        deadline = time.monotonic() + FLUSH_SECONDS
        with self._changed:
            while self._waiting or self._is_writing:
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    return

    def _write_on(self, descriptor: int) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                text = "".join(self._waiting)
                self._waiting.clear()
                dropped, self._dropped = self._dropped, 0
                self._is_writing = True
            said = f"... {dropped} log lines were not written here: nobody read them in time\n" if dropped else ""
            _write(descriptor, (text + said).encode(errors="backslashreplace"))
            with self._changed:
                self._characters -= len(text)
                self._is_writing = False
                self._changed.notify_all()


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # another process made the terminal non-blocking
            select.select([], [descriptor], [])
        except OSError:  # the reader is gone: nothing can be said, and nobody needs to wait for it
            return


def _stdout_descriptor() -> int | None:
    """None where stdout is no file, as in tests that capture it."""
    with suppress(OSError, ValueError, AttributeError):
        return sys.stdout.fileno()
    return None

"""Hashes passwords with Argon2id in two threads: guessing can neither stall the event loop nor use up the memory."""

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.core.errors import TooManyRequests

T = TypeVar("T")

THREADS: Final = 2
MAX_WAITING: Final = 20
RETRY_AFTER: Final = timedelta(seconds=5)
# OWASP's password storage cheat sheet: Argon2id with 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
# No password has this hash: without a user it is checked instead, so that the work is the same.
DUMMY_HASH: Final = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$bm9ib2R5IGtub3dzIGl0IQ$" + "A" * 43


class Hasher(Protocol):
    """The part of argon2's hasher that is used here; slow, and called in a thread."""

    def hash(self, password: str) -> str: ...

    def verify(self, hash: str, password: str) -> bool: ...  # noqa: A002 - argon2's own name

    def check_needs_rehash(self, hash: str) -> bool: ...  # noqa: A002


class Passwords:
    """Hashes and checks two passwords at a time; `TooManyRequests` when twenty others wait already."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._slots = threading.BoundedSemaphore(THREADS + MAX_WAITING)

    async def hash(self, password: str) -> str:
        return await self._in_thread(lambda: self._hasher.hash(_canonical(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is the hash of `password`; `None` takes as long and is always wrong."""
        is_right = await self._in_thread(lambda: self._verify(password, stored or DUMMY_HASH))
        return is_right and stored is not None

    async def renewed(self, password: str, stored: str) -> str:
        """`stored`, or a new hash of the same password when `stored` was made with outdated parameters."""
        return await self.hash(password) if self._hasher.check_needs_rehash(stored) else stored

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, _canonical(password))
        except (Argon2Error, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if not self._slots.acquire(blocking=False):
            raise TooManyRequests("Too many passwords wait to be checked: try again soon.", retry_after=RETRY_AFTER)
        future = self._threads.submit(work)
        # The slot is free when the thread is, not already when the caller gives up.
        future.add_done_callback(lambda _: self._slots.release())
        return await asyncio.wrap_future(future)


def _canonical(password: str) -> str:
    """One form for texts that look the same: keyboards differ in how they compose accents."""
    return unicodedata.normalize("NFKC", password)

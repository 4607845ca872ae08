"""Passwords: Argon2id in two threads of its own: guessing can neither stall the event loop nor eat the memory."""

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
WAITING: Final = 20
RETRY: Final = timedelta(seconds=5)
# OWASP's password storage cheat sheet: Argon2id with 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
# The hash of no password: where there is no user, the same work is done with this one.
NOBODY: Final = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$bm9ib2R5IGtub3dzIGl0IQ$" + "A" * 43


class Hasher(Protocol):
    """What we use of argon2's hasher; slow, and called in a thread."""

    def hash(self, password: str) -> str: ...

    def verify(self, hash: str, password: str) -> bool: ...  # noqa: A002 - argon2's own name

    def check_needs_rehash(self, hash: str) -> bool: ...  # noqa: A002


class Passwords:
    """Hashes and checks, two at a time; whoever would have to wait behind twenty others is sent away."""

    def __init__(self, hasher: Hasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._places = threading.BoundedSemaphore(THREADS + WAITING)

    async def hash(self, password: str) -> str:
        return await self._slowly(lambda: self._hasher.hash(_canonical(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `stored` is the hash of `password`; `None` takes as long and is always wrong."""
        is_right = await self._slowly(lambda: self._verify(password, stored or NOBODY))
        return is_right and stored is not None

    async def renewed(self, password: str, stored: str) -> str:
        """`stored`, or a new hash of the same password when it was made with other parameters than today's."""
        return await self.hash(password) if self._hasher.check_needs_rehash(stored) else stored

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, _canonical(password))
        except (Argon2Error, InvalidHashError):
            return False

    async def _slowly(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise TooManyRequests("Too many passwords wait to be checked: try again soon.", retry_after=RETRY)
        future = self._threads.submit(work)
        # The place is free when the thread is, which is later than a caller who gives up.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _canonical(password: str) -> str:
    """One form for what looks the same: keyboards disagree on how an accent is composed."""
    return unicodedata.normalize("NFKC", password)

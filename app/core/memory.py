"""Memory that was freed, back to the system: the C library keeps it, after a large reply some forty megabytes of it."""

import asyncio
import ctypes
import sys
from functools import cache
from weakref import WeakSet

LATER_SECONDS = 5.0
"""What was read is in use for a moment; several replies in a row are one matter."""

_waiting: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def give_back_later() -> None:
    """Do it in a moment, in a thread, because it takes some milliseconds; only glibc can."""
    loop = asyncio.get_running_loop()
    if loop not in _waiting and _trim() is not None:
        _waiting.add(loop)
        loop.call_later(LATER_SECONDS, _begin, loop)


def _begin(loop: asyncio.AbstractEventLoop) -> None:
    _waiting.discard(loop)
    if (trim := _trim()) is not None:
        loop.run_in_executor(None, trim, 0)


@cache
def _trim() -> "ctypes._NamedFuncPointer | None":
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None

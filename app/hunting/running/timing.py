"""How time passes while a hunt waits; tests replace it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """`polls`: seconds between two looks at the commands in flight; the last one repeats.

    `push`: the same while the app's push channel is open; `None` when it is not used.
    """

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    polls: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 15.0)
    push: float | None = 60.0

"""Background tasks of a process: steps that are repeated, and tasks that run for the time of a block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import structlog

from app.core.bells import Bell
from app.core.errors import HuntarrError, Unavailable

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.3


async def forever(
    name: str,
    step: Callable[[], Awaitable[float | None]],
    *,
    pause_seconds: float,
    failed_seconds: float | None = None,
    bell: Bell | None = None,
) -> NoReturn:
    """Call `step` again and again, with a pause in between. A failure is logged, and the loop goes on.

    A step may return the seconds of a shorter pause.

    A `bell` ends the pause; what rings within `GATHER_SECONDS` is done together.

    What is away for all is told by the worker, once, and not by every loop that waits for it.
    """
    while True:
        pause = pause_seconds
        try:
            wish = await step()
            pause = pause if wish is None else min(pause, wish)
            if bell is not None:
                await bell.wait(max(0.0, pause - GATHER_SECONDS))
                pause = min(pause, GATHER_SECONDS)
        except Unavailable as failure:
            log.debug("background loop waits", loop=name, error=failure.message)
            pause = failed_seconds or pause
        except HuntarrError as failure:
            log.warning("background loop failed; it will try again", loop=name, error=failure.message)
            pause = failed_seconds or pause
        except Exception:  # the top of a loop that must go on as long as the process does
            log.exception("background loop broke; it will try again", loop=name)
            pause = failed_seconds or pause
        await asyncio.sleep(pause)


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run the coroutines as tasks for the time of the block, then cancel them and wait for their end."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        await cancelled(tasks)


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait for their end."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

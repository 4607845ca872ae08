"""Freed memory goes back to the system."""

import asyncio
import sys

import pytest

from app.core import memory

pytestmark = pytest.mark.asyncio


async def test_replies_in_a_row_are_one_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def trimmed(kept: int) -> None:
        loop.call_soon_threadsafe(calls.put_nowait, kept)

    monkeypatch.setattr(memory, "_trim", lambda: trimmed)
    monkeypatch.setattr(memory, "LATER_SECONDS", 0.01)
    for expected in (1, 2):  # and again later
        for _ in range(5):
            memory.give_back_later()
        assert await asyncio.wait_for(calls.get(), 5) == 0
        assert calls.empty(), expected


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has glibc")
async def test_the_c_library_can() -> None:
    found = memory._trim()
    assert found is None or found(0) in (0, 1)

"""The client under test on the real network, with waits that are recorded instead of slept."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.http.client import HttpClient
from tests.http.recorder import Recorder


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest_asyncio.fixture
async def client(recorder: Recorder) -> AsyncIterator[HttpClient]:
    async with HttpClient({}, observer=recorder.observe, sleep=recorder.sleep, jitter=lambda: 0.5) as made:
        yield made

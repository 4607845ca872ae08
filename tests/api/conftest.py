"""A client of the real application, on the rig of the test."""

from collections.abc import AsyncIterator

import pytest_asyncio
from httpx import AsyncClient

from tests.support.rig import Rig


@pytest_asyncio.fixture
async def api(rig: Rig) -> AsyncIterator[AsyncClient]:
    async with rig.gateway() as client:
        yield client

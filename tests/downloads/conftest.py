"""Fixtures: an HTTP client on the real network."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.http.client import HttpClient


@pytest_asyncio.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient({}) as made:
        yield made

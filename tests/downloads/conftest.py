"""Fixtures: an HTTP client."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.http.client import HttpClient


@pytest_asyncio.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient({"User-Agent": "tests"}) as client:
        yield client

"""Fixtures: Huntarr with a simulated TMDB, an indexer and a root folder."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from tests.movie_hunt.cinema import Cinema
from tests.simulator.hosting import serve
from tests.simulator.tmdb import KEY, TmdbSim
from tests.support.rig import open_rig


@pytest_asyncio.fixture
async def cinema(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Cinema]:
    data, library = tmp_path / "data", tmp_path / "movies"
    data.mkdir()
    library.mkdir()
    tmdb = TmdbSim()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(tmdb))
        rig = await stack.enter_async_context(open_rig(database_url, redis_url, data, tmdb_url=url))
        client = await stack.enter_async_context(rig.gateway())
        opened = Cinema(rig, client, tmdb, library, stack)
        await opened.post("/api/settings/general", {"tmdb_api_key": KEY}, 200)
        yield opened

"""Movie Hunt as its callers see it: calls through the gateway, jobs in a real worker."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx import AsyncClient

from tests.simulator.hosting import serve
from tests.simulator.newznab import IndexerSim, SimRelease
from tests.simulator.tmdb import SimMovie, TmdbSim
from tests.support.rig import Rig

BASE = "/api/movie-hunt"
WAIT_SECONDS = 60.0


@dataclass
class Cinema:
    """A Huntarr with Movie Hunt, and what stands around it."""

    rig: Rig
    client: AsyncClient
    tmdb: TmdbSim
    library: Path
    stack: AsyncExitStack

    async def post(self, path: str, body: Any, expected: int = 201) -> Any:
        return await self._call("POST", path, expected, json=body)

    async def get(self, path: str, expected: int = 200, **params: Any) -> Any:
        return await self._call("GET", path, expected, params=params)

    async def patch(self, path: str, body: Any, expected: int = 200) -> Any:
        return await self._call("PATCH", path, expected, json=body)

    async def delete(self, path: str, expected: int = 200, **params: Any) -> Any:
        return await self._call("DELETE", path, expected, params=params)

    async def _call(self, method: str, path: str, expected: int, **given: Any) -> Any:
        """The `data` of the reply, or the whole of an error."""
        url = path if path.startswith("/api") else f"{BASE}/{path}"
        reply = await self.client.request(method, url, **given)
        assert reply.status_code == expected, reply.text
        return reply.json()["data"] if reply.is_success else reply.json()

    async def add_root_folder(self) -> Any:
        return await self.post("root-folders", {"path": str(self.library)})

    async def add_indexer(self, sim: IndexerSim, *releases: SimRelease, **given: Any) -> Any:
        """Serve an indexer and configure it."""
        sim.releases += releases
        url = await self.stack.enter_async_context(serve(sim))
        body = {"name": sim.kind, "kind": sim.kind, "url": url, "api_key": sim.key} | given
        return await self.post("indexers", body)

    async def add_movie(self, movie: SimMovie, **given: Any) -> Any:
        """Make TMDB know it and add it by its number."""
        self.tmdb.movies[movie.id] = movie
        return await self.post("movies", {"tmdb_id": movie.id} | given)

    async def work(self) -> None:
        """Let a worker do all jobs that are queued."""
        await self.rig.work()

    async def until(self, is_done: Callable[[], Any]) -> None:
        """Look at the downloads until something is true: real clients take their time."""
        tracker = self.rig.container.movie_hunt.tracker
        async with asyncio.timeout(WAIT_SECONDS):
            while not await is_done():
                await tracker.look()
                await self.work()
                await asyncio.sleep(0.2)

    async def history(self, movie_id: int) -> list[str]:
        """The events of a movie, oldest first."""
        found = await self.get("history", movie_id=movie_id)
        return [row["event"] for row in reversed(found["items"])]

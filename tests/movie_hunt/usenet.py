"""A movie that is downloaded from usenet, with a simulated indexer and a simulated SABnzbd."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.movie_hunt.cinema import Cinema
from tests.simulator.hosting import serve
from tests.simulator.newznab import IndexerSim, SimRelease
from tests.simulator.sabnzbd import KEY, SabJob, SabnzbdSim
from tests.simulator.tmdb import SimMovie

MOVIE = SimMovie(810001, "Iron Meadow", imdb_id="tt0810001", runtime=1, dates=[(3, "2019-03-01"), (4, "2019-06-01")])
NZB = b'<?xml version="1.0"?><!DOCTYPE nzb><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"></nzb>'
BEST, SECOND = "Iron.Meadow.2019.1080p.BluRay.x264-BEST", "Iron.Meadow.2019.1080p.WEB-DL.H264-SECOND"


@dataclass
class Usenet:
    """What stands behind a movie that is looked for on usenet."""

    cinema: Cinema
    indexer: IndexerSim
    sab: SabnzbdSim
    movie: Any

    @classmethod
    async def open(cls, cinema: Cinema, folder: Path, *releases: SimRelease, **movie: Any) -> "Usenet":
        """With two good releases, unless others are given; nothing is searched yet."""
        indexer, sab = IndexerSim("newznab"), SabnzbdSim(folder / "complete")
        sab.complete.mkdir()
        await cinema.add_indexer(indexer, *(releases or (nzb(BEST), nzb(SECOND))))
        await cinema.add_root_folder()
        url = await cinema.stack.enter_async_context(serve(sab))
        await cinema.post("download-clients", {"name": "SAB", "kind": "sabnzbd", "url": url, "api_key": KEY})
        return cls(cinema, indexer, sab, await cinema.add_movie(MOVIE, **movie))

    @property
    def id(self) -> int:
        return int(self.movie["id"])

    @property
    def job(self) -> SabJob:
        """The only job of the client."""
        [job] = self.sab.jobs
        return job

    async def search(self) -> Any:
        """Search and do all jobs; the movie afterwards."""
        await self.cinema.post("search", {"movie_ids": [self.id]}, 202)
        await self.cinema.work()
        return await self.read()

    async def look(self) -> Any:
        """What happens every minute: the clients are asked and what is due is imported; the movie afterwards."""
        await self.cinema.rig.container.movie_hunt.tracker.look()
        await self.cinema.work()
        self.cinema.rig.clock.forward(minutes=1)
        return await self.read()

    async def read(self) -> Any:
        return await self.cinema.get(f"movies/{self.id}")

    async def events(self) -> list[str]:
        return await self.cinema.history(self.id)

    def downloaded(self, name: str, *files: str, size: int = 1_000_000) -> Path:
        """A folder of complete downloads with these files."""
        folder = self.sab.complete / "huntarr" / name
        folder.mkdir(parents=True)
        for each in files:
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_bytes(os.urandom(size))
        return folder


def nzb(title: str, **fields: Any) -> SimRelease:
    """A release of the movie whose link leads to an NZB."""
    known: dict[str, Any] = {"tmdb_id": MOVIE.id, "imdb_id": MOVIE.imdb_id, "content": NZB, "size": 50 * 1024 * 1024}
    return SimRelease(title, **(known | fields))

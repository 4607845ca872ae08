"""What the known download clients say of any download, for those who only look (Swaparr)."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlmodel import col, select

from app.core.db import Database
from app.downloads.models import ClientDownload
from app.http.errors import HttpError
from app.movie_hunt.connections import ClientPool
from app.movie_hunt.models import MovieDownloadClient
from app.secrets.box import DecryptFailed

log = structlog.get_logger(__name__)

MAX_REMEMBERED_FILES = 1000


@dataclass(frozen=True, slots=True)
class SeenDownload:
    """A download, and the client that has it."""

    client: MovieDownloadClient
    download: ClientDownload


class DownloadClientReader:
    """Asks every enabled client once; one that does not answer is left out. Nothing is changed."""

    def __init__(self, db: Database, clients: ClientPool) -> None:
        self._db = db
        self._clients = clients
        self._files: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    async def downloads(self) -> Mapping[str, SeenDownload]:
        """Every download of every client, by its id in lower case."""
        async with self._db.glance() as session:
            rows = (await session.exec(select(MovieDownloadClient).where(col(MovieDownloadClient.enabled)))).all()
        found = await asyncio.gather(*(self._of(row) for row in rows))
        return {each.download.download_id.lower(): each for seen in found for each in seen}

    async def files(self, seen: SeenDownload) -> tuple[str, ...]:
        """Names of its files; a download's files do not change, so that they are asked for once."""
        key = seen.download.download_id.lower()
        if key not in self._files:
            try:
                listed = await self._clients.get(seen.client).files(seen.download.download_id)
            except (HttpError, DecryptFailed):
                return ()
            if not listed:
                return ()
            self._files[key] = tuple(each.path for each in listed)
            while len(self._files) > MAX_REMEMBERED_FILES:
                self._files.popitem(last=False)
        return self._files[key]

    async def _of(self, row: MovieDownloadClient) -> Sequence[SeenDownload]:
        try:
            return [SeenDownload(row, each) for each in await self._clients.get(row).all_downloads()]
        except (HttpError, DecryptFailed) as failure:
            log.warning("download client not read", app_type="swaparr", client=row.name, reason=failure.message)
            return []

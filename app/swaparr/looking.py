"""Looks at the queue of an app: what is in it, and what the app says of itself and its clients."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.download_control import DownloadControl
from app.arr.errors import ArrError
from app.http.client import HttpClient
from app.http.errors import HttpError
from app.http.messages import Endpoint, HttpRequest
from app.movie_hunt.client_words import DownloadClientReader
from app.swaparr.downloads import QueuedDownload
from app.swaparr.policy import Away, Look
from app.swaparr.reading import in_words_of_client, joined

log = structlog.get_logger(__name__)

CLIENT_CHECKS = frozenset({"DownloadClientCheck", "DownloadClientStatusCheck"})
OTHER_CHECKS = frozenset({"RootFolderCheck", "ImportMechanismCheck"})
"""Health checks that make the app unable to import what is complete."""
STARTING = timedelta(minutes=2)
"""After a restart an app answers for half a minute without any row."""
REFRESH_SECONDS = 1.5
CHECK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Watched:
    """An app whose queue is looked at."""

    client: ArrClient
    control: DownloadControl
    privacy: Mapping[str, str]
    """Of indexers by their names, in lower case."""
    transmissions: frozenset[str]
    online_check_urls: Sequence[str]
    asks_files: bool = False
    """Whether names of files matter that are not there yet."""


class QueueWatcher:
    """Makes looks; `sleep` is replaced in tests."""

    def __init__(
        self, http: HttpClient, known_clients: DownloadClientReader, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._http = http
        self._known_clients = known_clients
        self._sleep = sleep

    async def look(self, watched: Watched, last_refresh: datetime | None, now: datetime) -> Look:
        """A whole reading of the queue, or `ArrError`: a part of it is none."""
        refreshed_at = await self._refreshed(watched.control, last_refresh)
        downloads: Sequence[QueuedDownload] = joined(await watched.client.queue(), watched.privacy)
        if downloads:
            downloads = await self._with_words_of_clients(downloads, asks_files=watched.asks_files)
        is_up = await self._line_is_up(watched.online_check_urls) if downloads and watched.online_check_urls else None
        away = Away.LINE if is_up is False else await self._away(watched.control, refreshed_at)
        return Look(
            at=now,
            downloads=downloads,
            refreshed_at=refreshed_at,
            away=away,
            line_is_up=bool(is_up),
            transmissions=watched.transmissions,
        )

    async def _with_words_of_clients(
        self, downloads: Sequence[QueuedDownload], *, asks_files: bool
    ) -> Sequence[QueuedDownload]:
        """Where a download client is known to us, its word goes before the app's: paused, checking, private, files."""
        seen = await self._known_clients.downloads()
        changed = []
        for each in downloads:
            found = seen.get(each.download_id.lower())
            if found is None:
                changed.append(each)
                continue
            files = await self._known_clients.files(found) if asks_files and each.left > 0 else ()
            changed.append(in_words_of_client(each, found.download, files))
        return changed

    async def _refreshed(self, control: DownloadControl, last: datetime | None) -> datetime | None:
        """When the app last asked its clients; it is asked to, where it has not done so since the last look."""
        found = await control.refreshed_at()
        if found is None or last is None or found > last:
            return found
        await control.refresh()
        await self._sleep(REFRESH_SECONDS)
        return await control.refreshed_at()

    async def _away(self, control: DownloadControl, refreshed_at: datetime | None) -> Away | None:
        checks = await control.health()
        if checks & (CLIENT_CHECKS | OTHER_CHECKS):
            return Away.CLIENT
        started_at = await control.started_at()
        if started_at is not None and refreshed_at is not None and refreshed_at - started_at < STARTING:
            return Away.RESTARTED
        return None

    async def _line_is_up(self, urls: Sequence[str]) -> bool:
        """Whether any of the addresses answers, whatever it says."""
        answers = await asyncio.gather(*(self._answers(url) for url in urls))
        return any(answers)

    async def _answers(self, url: str) -> bool:
        endpoint = Endpoint(url.rstrip("/"), timeout_seconds=CHECK_SECONDS, verify_tls=False, noun="address")
        try:
            await self._http.request(endpoint, HttpRequest("GET", "/"), lambda _reply: None, tries=1)
        except HttpError as failure:
            log.info("address does not answer", error=failure.message)
            return failure.http_status is not None
        return True


async def transmissions_of(control: DownloadControl) -> frozenset[str]:
    """Names of the clients that are a Transmission; none when the app does not tell."""
    try:
        return await control.transmissions()
    except ArrError as failure:
        log.warning("download clients not read", error=failure.message)
        return frozenset()

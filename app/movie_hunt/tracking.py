"""Follows what was grabbed: each client is asked once a minute for all of its downloads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select

from app.core.clock import Clock
from app.core.db import Database
from app.core.queue import IMPORT_MOVIE, Queue, try_enqueue
from app.downloads.models import ClientDownload, DownloadState
from app.http.errors import HttpError
from app.movie_hunt.connections import ClientPool
from app.movie_hunt.failures import fail_grab
from app.movie_hunt.grabbing import MovieGrabber
from app.movie_hunt.models import OPEN_GRABS, Grab, GrabState, MovieDownloadClient
from app.secrets.box import DecryptFailed

log = structlog.get_logger(__name__)

MAX_MISSING = 3
"""Looks in a row in which the client knows nothing of a download, before it counts as gone."""
HANDING_OVER = timedelta(minutes=5)
"""A grab that is older and was never handed over belongs to a worker that died."""
SEED_LOOKS_EVERY = timedelta(minutes=30)
IMPORT_AGAIN_AFTER = timedelta(minutes=5)
GONE = "The client had it neither in its queue nor in its history three times in a row: somebody removed it."
NEVER_SENT = "Huntarr ended before the client had it."


@dataclass(frozen=True, slots=True)
class ClientLook:
    """What a client said, or why it said nothing."""

    client: MovieDownloadClient
    downloads: Sequence[ClientDownload] = ()
    failure: HttpError | DecryptFailed | None = None


class DownloadTracker:
    """Writes what the clients say into the rows of the grabs."""

    def __init__(self, db: Database, queue: Queue, clients: ClientPool, grabber: MovieGrabber, clock: Clock) -> None:
        self._db = db
        self._queue = queue
        self._clients = clients
        self._grabber = grabber
        self._clock = clock
        self._seeds_at: datetime | None = None

    async def has_work(self) -> bool:
        """Whether a download is under way, or one that was imported is still to be removed from its client."""
        async with self._db.glance() as session:
            if (await session.exec(select(Grab.id).where(col(Grab.state).in_(OPEN_GRABS)).limit(1))).first():
                return True
        return self._is_time_for_seeds()

    async def look(self) -> None:
        """Ask every client that has something of ours once."""
        grabs = await self._watched()
        by_client: dict[int, list[Grab]] = {}
        for grab in grabs:
            by_client.setdefault(grab.client_id or 0, []).append(grab)
        async with self._db.reading() as session:
            query = select(MovieDownloadClient).where(col(MovieDownloadClient.id).in_(by_client))
            clients = (await session.exec(query)).all()
        looks = await asyncio.gather(*(self._look_at(client) for client in clients))
        for look in looks:
            await self._note_client(look)
            if look.failure is None:
                await self._apply(by_client[look.client.id or 0], look.downloads)
        for grab in by_client.get(0, []):
            if grab.state != GrabState.IMPORTED:
                await self._fail(grab, "Its download client was deleted.", is_blocked=False)
        await self.enqueue_imports()

    async def enqueue_imports(self) -> None:
        """Imports that are to be done, and once more those whose job was lost."""
        async with self._db.reading() as session:
            rows = (await session.exec(select(Grab).where(Grab.state == GrabState.IMPORTING))).all()
        now = self._clock()
        for row in rows:
            since = row.completed_at or now
            await try_enqueue(self._queue, IMPORT_MOVIE, row.id or 0, key=f"{IMPORT_MOVIE}:{row.id}", age=now - since)

    async def _watched(self) -> Sequence[Grab]:
        states = [GrabState.GRABBING, GrabState.DOWNLOADING, GrabState.WAITING]
        watched: ColumnElement[bool] = col(Grab.state).in_(states)
        if self._is_time_for_seeds():
            self._seeds_at = self._clock()
            watched = or_(watched, (col(Grab.state) == GrabState.IMPORTED.value) & col(Grab.removed_at).is_(None))
        async with self._db.reading() as session:
            return (await session.exec(select(Grab).where(watched))).all()

    def _is_time_for_seeds(self) -> bool:
        now = self._clock()
        return self._seeds_at is None or not self._seeds_at <= now < self._seeds_at + SEED_LOOKS_EVERY

    async def _look_at(self, client: MovieDownloadClient) -> ClientLook:
        try:
            return ClientLook(client, await self._clients.get(client).downloads())
        except (HttpError, DecryptFailed) as failure:
            return ClientLook(client, failure=failure)

    async def _note_client(self, look: ClientLook) -> None:
        """Write whether it answers, where that changed."""
        online = look.failure is None
        error = None if look.failure is None else look.failure.message
        if look.client.online is online and look.client.error == error:
            return
        code = look.failure.code.value if isinstance(look.failure, HttpError) else None
        async with self._db.session() as session:
            row = await session.get(MovieDownloadClient, look.client.id, with_for_update=True)
            if row is not None:
                row.online, row.error, row.error_code, row.checked_at = online, error, code, self._clock()

    async def _apply(self, grabs: Sequence[Grab], downloads: Sequence[ClientDownload]) -> None:
        by_id = {each.download_id.lower(): each for each in downloads}
        by_name = {each.name: each for each in downloads}
        for grab in grabs:
            found = by_id.get((grab.download_id or "").lower())
            if found is None and grab.state == GrabState.GRABBING and grab.download_id is None:
                found = by_name.get(grab.title)
            if grab.state == GrabState.IMPORTED:
                await self._remove_imported(grab, found)
            elif found is None:
                await self._missing(grab)
            else:
                await self._seen(grab, found)

    async def _seen(self, grab: Grab, found: ClientDownload) -> None:
        if found.state is DownloadState.FAILED and grab.state != GrabState.WAITING:
            await self._fail(grab, found.message or "The download client says that it failed.", is_blocked=True)
            return
        now = self._clock()
        async with self._db.session() as session:
            row = await session.get(Grab, grab.id, with_for_update=True)
            if row is None or row.state not in (GrabState.GRABBING, GrabState.DOWNLOADING, GrabState.WAITING):
                return
            row.download_id, row.client_state, row.missing = found.download_id, found.state, 0
            row.size, row.left = found.size or row.size, found.left
            if row.state == GrabState.WAITING:
                return
            row.state, row.message = GrabState.DOWNLOADING, found.message
            if found.state is DownloadState.COMPLETED and found.path is not None:
                row.state, row.completed_at, row.left = GrabState.IMPORTING, now, 0

    async def _missing(self, grab: Grab) -> None:
        now = self._clock()
        if grab.state == GrabState.GRABBING:
            if grab.grabbed_at + HANDING_OVER < now:
                await self._fail(grab, NEVER_SENT, is_blocked=False, takes_next=True)
            return
        async with self._db.session() as session:
            row = await session.get(Grab, grab.id, with_for_update=True)
            if row is None:
                return
            row.missing += 1
            is_gone = row.missing >= MAX_MISSING
        if is_gone:
            await self._fail(grab, GONE, is_blocked=False)

    async def _remove_imported(self, grab: Grab, found: ClientDownload | None) -> None:
        """Take a download out of its client that was imported and may go; its files go with it."""
        if found is not None and not found.may_be_removed:
            return
        async with self._db.reading() as session:
            client = await session.get(MovieDownloadClient, grab.client_id)
        if found is not None and client is not None and client.remove_completed:
            try:
                files_too = grab.protocol == "torrent" and not found.is_shared_path
                await self._clients.get(client).remove(found.download_id, delete_files=files_too)
            except (HttpError, DecryptFailed) as failure:
                log.warning("download not removed", app_type="movie_hunt", release=grab.title, reason=failure.message)
                return
        async with self._db.session() as session:
            row = await session.get(Grab, grab.id, with_for_update=True)
            if row is not None:
                row.removed_at = self._clock()

    async def _fail(self, grab: Grab, reason: str, *, is_blocked: bool, takes_next: bool = False) -> None:
        now = self._clock()
        async with self._db.session() as session:
            row = await session.get(Grab, grab.id, with_for_update=True)
            if row is None or row.state not in OPEN_GRABS:
                return
            await fail_grab(session, row, reason, now, is_blocked=is_blocked)
        if takes_next or is_blocked:
            await self._grabber.grab_next(grab.movie_id)

"""Hands the best release to a download client; where that fails, the next one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.downloads.models import ClientKind, MagnetLink, NzbFile, ReleasePayload, TorrentFile
from app.downloads.payloads import BadPayload, read_magnet, read_payload
from app.events.outbox import record_event
from app.events.payloads import MovieGrabbed
from app.http.errors import HttpError
from app.movie_hunt.connections import ClientPool
from app.movie_hunt.events import movie_event
from app.movie_hunt.history import record_history
from app.movie_hunt.indexer_calls import IndexerCalls
from app.movie_hunt.models import (
    BlocklistEntry,
    Grab,
    GrabState,
    Movie,
    MovieDownloadClient,
    MovieEvent,
    StoredRelease,
)
from app.movie_hunt.release_facts import ReleaseFacts
from app.movie_hunt.searches import open_search
from app.secrets.box import DecryptFailed, SecretBox

log = structlog.get_logger(__name__)

MAX_TRIES = 5
"""Releases that are tried in a row: each costs the indexer a download."""
MAX_GRABS_A_DAY = 4
"""Of one movie by itself: the first, and three after failures."""
DAY = timedelta(days=1)
NO_RELEASE = "The last search of this movie found no release with this id."
BUSY = "A release of this movie is being downloaded already."


class GrabFailed(Exception):
    """A release could not be handed over; the text says why."""


@dataclass(frozen=True, slots=True)
class GrabServices:
    """What a grab needs."""

    calls: IndexerCalls
    clients: ClientPool
    box: SecretBox


class MovieGrabber:
    """Takes stored releases of the last search. The row is written before the client is asked: a crash is seen."""

    def __init__(self, db: Database, services: GrabServices, clock: Clock) -> None:
        self._db = db
        self._services = services
        self._clock = clock

    async def grab_best(self, movie_id: int) -> str:
        """Grab the best approved release that a client takes; a sentence about what came of it."""
        if await self._grabs_today(movie_id) >= MAX_GRABS_A_DAY:
            return f"Nothing is grabbed: {MAX_GRABS_A_DAY} releases were tried within a day."
        candidates = await self._candidates(movie_id)
        for release in candidates[:MAX_TRIES]:
            try:
                grab = await self._grab(release)
                return f"Grabbed: {grab.title}."
            except GrabFailed as failure:
                log.warning("release not grabbed", app_type="movie_hunt", release=release.title, reason=str(failure))
            except Conflict as busy:
                return busy.message
        return "None of them could be grabbed." if candidates else ""

    async def grab_next(self, movie_id: int) -> None:
        """After a failure: the next release that is known. Where what is known is old, another search is asked for."""
        newest = select(func.max(StoredRelease.found_at)).where(StoredRelease.movie_id == movie_id)
        async with self._db.session() as session:
            if await session.get(Movie, movie_id) is None:
                return
            found_at = (await session.exec(newest)).one()
            if found_at is None or found_at < self._clock() - DAY:
                await open_search(session, movie_id, self._clock())
                return
        message = await self.grab_best(movie_id)
        log.info("next release", app_type="movie_hunt", movie_id=movie_id, result=message)

    async def grab_release(self, movie_id: int, release_id: int) -> Grab:
        """Grab the release that a person chose, even a rejected one; `Conflict` with the reason when it fails."""
        async with self._db.reading() as session:
            release = await session.get(StoredRelease, release_id)
        if release is None or release.movie_id != movie_id:
            raise NotFound(NO_RELEASE)
        try:
            return await self._grab(release)
        except GrabFailed as failure:
            raise Conflict(f"It was not grabbed: {failure}") from failure

    async def _candidates(self, movie_id: int) -> Sequence[StoredRelease]:
        """Approved releases, best first, without those that were blocklisted after the search."""
        blocked = select(BlocklistEntry.title).where(BlocklistEntry.movie_id == movie_id)
        query = select(StoredRelease).where(StoredRelease.movie_id == movie_id).order_by(col(StoredRelease.rank))
        async with self._db.reading() as session:
            titles = set((await session.exec(blocked)).all())
            rows = (await session.exec(query)).all()
        return [row for row in rows if not row.rejections and row.title not in titles]

    async def _grabs_today(self, movie_id: int) -> int:
        since = self._clock() - DAY
        query = select(func.count()).select_from(Grab).where(Grab.movie_id == movie_id, col(Grab.grabbed_at) > since)
        async with self._db.reading() as session:
            return (await session.exec(query)).one()

    async def _grab(self, release: StoredRelease) -> Grab:
        """`GrabFailed` when no client takes it; `Conflict` while another one is under way."""
        facts = ReleaseFacts.model_validate(release.facts)
        try:
            payload = await self._payload(release)
        except GrabFailed as failure:
            await self._record_failure(release, facts, str(failure))
            raise
        reasons = []
        for client in await self._clients(is_torrent=not isinstance(payload, NzbFile)):
            grab = await self._open(release, facts, client, payload)
            try:
                download_id = await self._services.clients.get(client).add(
                    payload, name=release.title, goals=facts.goals
                )
            except (HttpError, DecryptFailed) as failure:
                reasons.append(f"{client.name}: {failure.message}")
                await self._close(grab, failure.message)
                continue
            return await self._handed_over(grab, download_id)
        reason = " ".join(reasons) or "No enabled download client takes it."
        await self._record_failure(release, facts, reason)
        raise GrabFailed(reason)

    async def _payload(self, release: StoredRelease) -> ReleasePayload:
        try:
            link = self._services.box.decrypt(release.link)
            fetched = await self._services.calls.fetch(release.indexer_id, link)
            return read_magnet(fetched.magnet) if fetched.magnet else read_payload(fetched.content or b"")
        except (HttpError, DecryptFailed) as failure:
            raise GrabFailed(failure.message) from failure
        except BadPayload as failure:
            raise GrabFailed(str(failure)) from failure

    async def _clients(self, *, is_torrent: bool) -> Sequence[MovieDownloadClient]:
        query = select(MovieDownloadClient).where(col(MovieDownloadClient.enabled))
        async with self._db.reading() as session:
            order = (col(MovieDownloadClient.priority), col(MovieDownloadClient.id))
            rows = (await session.exec(query.order_by(*order))).all()
        return [row for row in rows if ClientKind(row.kind).is_for_torrents is is_torrent]

    async def _open(
        self, release: StoredRelease, facts: ReleaseFacts, client: MovieDownloadClient, payload: ReleasePayload
    ) -> Grab:
        known = payload.info_hash if isinstance(payload, MagnetLink | TorrentFile) else None
        grab = Grab(
            movie_id=release.movie_id,
            client_id=client.id,
            indexer_id=release.indexer_id,
            download_id=known,
            state=GrabState.GRABBING,
            title=release.title,
            protocol=facts.protocol,
            quality=facts.quality,
            score=release.score,
            size=facts.size,
            left=facts.size,
            facts=facts.model_copy(update={"client": client.name, "info_hash": known or facts.info_hash}).document,
            grabbed_at=self._clock(),
        )
        try:
            async with self._db.session() as session:
                session.add(grab)
                await session.flush()
        except IntegrityError as open_already:
            raise Conflict(BUSY) from open_already
        return grab

    async def _handed_over(self, grab: Grab, download_id: str) -> Grab:
        now = self._clock()
        async with self._db.session() as session:
            row = await session.get_one(Grab, grab.id, with_for_update=True)
            row.state, row.download_id = GrabState.DOWNLOADING, download_id
            movie = await session.get_one(Movie, row.movie_id)
            record_history(session, movie, MovieEvent.GRABBED, now, grab=row)
            await record_event(session, movie_event(MovieGrabbed, movie, row), now)
        return row

    async def _close(self, grab: Grab, message: str) -> None:
        """The client did not take it."""
        async with self._db.session() as session:
            row = await session.get_one(Grab, grab.id, with_for_update=True)
            row.state, row.message, row.ended_at = GrabState.FAILED, message, self._clock()

    async def _record_failure(self, release: StoredRelease, facts: ReleaseFacts, reason: str) -> None:
        async with self._db.session() as session:
            movie = await session.get(Movie, release.movie_id)
            if movie is not None:
                record_history(
                    session,
                    movie,
                    MovieEvent.GRAB_FAILED,
                    self._clock(),
                    reason=reason,
                    release_title=release.title,
                    indexer=facts.indexer,
                    quality=facts.quality,
                    score=release.score,
                    size=facts.size,
                )

"""Imports what a download client finished."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath

import structlog
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.db import Database
from app.downloads.models import ClientDownload
from app.events.outbox import record_event
from app.events.payloads import MovieFailed, MovieImported
from app.http.errors import HttpError
from app.movie_hunt.connections import ClientPool
from app.movie_hunt.decisions.ranking import MEGABYTE
from app.movie_hunt.events import movie_event
from app.movie_hunt.history import record_history
from app.movie_hunt.importing.choosing import ChosenFiles, JobFile, WaitsForPerson, choose
from app.movie_hunt.importing.naming import movie_file, movie_folder, subtitle_file
from app.movie_hunt.importing.paths import to_local
from app.movie_hunt.importing.placing import (
    FileMove,
    ImportPlan,
    PlacingFailed,
    carry_out,
    delete_job_files,
    move_of,
    undo,
)
from app.movie_hunt.models import (
    Grab,
    GrabState,
    Movie,
    MovieDownloadClient,
    MovieEvent,
    MovieFile,
    RootFolder,
)
from app.movie_hunt.release_facts import ReleaseFacts, movie_facts
from app.movie_hunt.settings import MovieHuntSettingsService
from app.releases.reader import read_release_name
from app.secrets.box import DecryptFailed

log = structlog.get_logger(__name__)

MAX_FILES = 5000
PATIENCE = timedelta(hours=1)
"""How long files may be out of reach before a person has to look."""


class NotYet(Exception):
    """The import cannot be tried now; it is tried again by itself."""


@dataclass(frozen=True, slots=True)
class ImportCase:
    """What is known of a download that is to be imported."""

    grab: Grab
    movie: Movie
    root: RootFolder | None
    client: MovieDownloadClient | None
    old: MovieFile | None
    roots: Sequence[str]
    """Paths of all root folders: an old file is deleted in none but these."""


@dataclass(frozen=True, slots=True)
class LocalDownload:
    """A download on our side: the folder that its files are in, and the files."""

    folder: Path
    files: tuple[JobFile, ...]
    download: ClientDownload


class MovieImporter:
    """Each import is a job; it may come twice, and after a crash."""

    def __init__(self, db: Database, clients: ClientPool, settings: MovieHuntSettingsService, clock: Clock) -> None:
        self._db = db
        self._clients = clients
        self._settings = settings
        self._clock = clock

    async def run(self, grab_id: int) -> None:
        """Import the download of the grab, or let it wait for a person with the reason."""
        case = await self._case(grab_id)
        if case is None:
            return
        try:
            local = await self._local(case)
            plan = await self._plan(case, local)
            await asyncio.to_thread(carry_out, plan)
        except NotYet as later:
            if case.grab.completed_at is not None and self._clock() - case.grab.completed_at > PATIENCE:
                await self._wait(case, str(later))
            return
        except (WaitsForPerson, PlacingFailed) as reason:
            await self._wait(case, str(reason))
            return
        await self._imported(case, plan)
        await self._clean_up(case, local)

    async def _case(self, grab_id: int) -> ImportCase | None:
        async with self._db.reading() as session:
            grab = await session.get(Grab, grab_id)
            if grab is None or grab.state != GrabState.IMPORTING:
                return None
            movie = await session.get_one(Movie, grab.movie_id)
            root = None if movie.root_folder_id is None else await session.get(RootFolder, movie.root_folder_id)
            client = None if grab.client_id is None else await session.get(MovieDownloadClient, grab.client_id)
            old = await session.get(MovieFile, grab.movie_id)
            roots = (await session.exec(select(RootFolder.path))).all()
            return ImportCase(grab, movie, root, client, old, roots)

    async def _local(self, case: ImportCase) -> LocalDownload:
        """Where the files are and which they are; only those of this download."""
        if case.client is None:
            raise PlacingFailed("Its download client was deleted.")
        try:
            client = self._clients.get(case.client)
            found = next((each for each in await client.downloads() if each.download_id == case.grab.download_id), None)
            if found is None or found.path is None:
                raise NotYet("The download client does not have it, or does not say where it is.")
            listed = [JobFile(each.path, each.size) for each in await client.files(found.download_id)]
        except (HttpError, DecryptFailed) as failure:
            raise NotYet(failure.message) from failure
        path = to_local(found.path, case.client.path_mappings)
        if path is None:
            raise PlacingFailed(f"{found.path} is a path of the client that no path mapping translates.")
        if listed:
            folder = path if found.is_shared_path else _folder_of(path, listed)
            return LocalDownload(folder, tuple(listed), found)
        if found.is_shared_path:
            raise PlacingFailed(
                "The download client names a folder of several downloads: its files cannot be told apart."
            )
        folder, files = await asyncio.to_thread(_listing, path)
        return LocalDownload(folder, files, found)

    async def _plan(self, case: ImportCase, local: LocalDownload) -> ImportPlan:
        """The plan of an earlier try where there is one, so that it is finished and not begun anew."""
        if case.grab.journal is not None:
            return ImportPlan.of(case.grab.journal)
        if case.root is None:
            raise PlacingFailed("The movie has no root folder: choose one.")
        settings = await self._settings.read()
        chosen = choose(local.files, movie_facts(case.movie), read_release_name)
        plan = _made_plan(case, local, chosen, settings.min_free_space_mb * MEGABYTE)
        async with self._db.session() as session:
            row = await session.get_one(Grab, case.grab.id, with_for_update=True)
            row.journal = plan.document
        return plan

    async def _imported(self, case: ImportCase, plan: ImportPlan) -> None:
        now = self._clock()
        async with self._db.session() as session:
            grab = await session.get_one(Grab, case.grab.id, with_for_update=True)
            if grab.state != GrabState.IMPORTING:
                return
            movie = await session.get_one(Movie, grab.movie_id, with_for_update=True)
            old = await session.get(MovieFile, grab.movie_id)
            before = None if old is None else old.quality
            await self._write_file(session, grab, plan, old)
            grab.state, grab.ended_at, grab.journal, grab.message = GrabState.IMPORTED, now, None, None
            movie.failed_searches, movie.next_search_at = 0, None
            event = MovieEvent.IMPORTED if before is None else MovieEvent.UPGRADED
            reason = plan.video.target if before is None else f"{before} → {grab.quality}: {plan.video.target}"
            record_history(session, movie, event, now, grab=grab, reason=reason)
            payload = movie_event(MovieImported, movie, grab, path=plan.video.target, quality_before=before)
            await record_event(session, payload, now)

    async def _write_file(self, session: AsyncSession, grab: Grab, plan: ImportPlan, old: MovieFile | None) -> None:
        facts = ReleaseFacts.model_validate(grab.facts)
        row = old or MovieFile(movie_id=grab.movie_id, path="", size=0, quality="", imported_at=self._clock())
        row.path, row.quality, row.version, row.is_repack = (
            plan.video.target,
            facts.quality.value,
            facts.version,
            facts.is_repack,
        )
        row.size = await asyncio.to_thread(lambda: Path(plan.video.target).stat().st_size)
        row.languages, row.group, row.edition = list(facts.languages), facts.group, facts.edition
        row.score, row.release_title, row.imported_at = grab.score, grab.title, self._clock()
        session.add(row)

    async def _wait(self, case: ImportCase, reason: str) -> None:
        """A person has to look; what was begun is undone."""
        if case.grab.journal is not None:
            await asyncio.to_thread(undo, ImportPlan.of(case.grab.journal))
        now = self._clock()
        async with self._db.session() as session:
            grab = await session.get_one(Grab, case.grab.id, with_for_update=True)
            if grab.state != GrabState.IMPORTING:
                return
            grab.state, grab.message, grab.journal = GrabState.WAITING, reason, None
            movie = await session.get_one(Movie, grab.movie_id)
            record_history(session, movie, MovieEvent.IMPORT_FAILED, now, grab=grab, reason=reason)
            await record_event(session, movie_event(MovieFailed, movie, grab, message=reason), now)

    async def _clean_up(self, case: ImportCase, local: LocalDownload) -> None:
        """Usenet: the files of the job and its entry go. A torrent is seeded on; the tracker removes it later."""
        client = case.client
        if client is None or not client.remove_completed or case.grab.protocol != "usenet":
            return
        try:
            await self._clients.get(client).remove(local.download.download_id, delete_files=False)
        except (HttpError, DecryptFailed) as failure:
            log.warning("job not removed", app_type="movie_hunt", release=case.grab.title, reason=failure.message)
            return
        if not local.download.is_shared_path:
            await asyncio.to_thread(delete_job_files, local.folder, [local.folder / each.path for each in local.files])
        async with self._db.session() as session:
            row = await session.get_one(Grab, case.grab.id, with_for_update=True)
            row.removed_at = self._clock()


def _replaced(case: ImportCase) -> str | None:
    """The old file that goes, if it is in a root folder."""
    if case.old is None or not any(Path(case.old.path).is_relative_to(root) for root in case.roots):
        return None
    return case.old.path


def _folder_of(path: Path, files: Sequence[JobFile]) -> Path:
    """The folder that the paths of the files count from: `path` is the only file, or the top folder of all of them."""
    first = PurePosixPath(files[0].path).parts[0]
    return path.parent if first == path.name else path


def _listing(path: Path) -> tuple[Path, tuple[JobFile, ...]]:
    """The files of a folder, or the one file; `NotYet` while it is not there."""
    if path.is_file():
        return path.parent, (JobFile(path.name, path.stat().st_size),)
    if not path.is_dir():
        raise NotYet(f"{path} is not there: does a path mapping fit?")
    found = []
    for each in sorted(path.rglob("*")):
        if each.is_file() and not each.is_symlink():
            found.append(JobFile(each.relative_to(path).as_posix(), each.stat().st_size))
        if len(found) > MAX_FILES:
            raise PlacingFailed(f"The download has more than {MAX_FILES} files.")
    return path, tuple(found)


def _made_plan(case: ImportCase, local: LocalDownload, chosen: ChosenFiles, keep_free: int) -> ImportPlan:
    movie, number = case.movie, case.grab.id or 0
    root = Path(case.root.path if case.root is not None else "")
    quality = ReleaseFacts.model_validate(case.grab.facts).quality
    source = local.folder / chosen.video.path
    folder = movie_folder(root, movie.title, movie.year)
    target = movie_file(folder, movie.title, movie.year, quality, source.suffix)
    subtitles: list[FileMove] = []
    for at, each in enumerate(chosen.subtitles):
        name = subtitle_file(target, PurePosixPath(chosen.video.path).stem, each.name)
        if all(str(name) != known.target for known in subtitles):
            subtitles.append(move_of(local.folder / each.path, name, number * 1000 + at))
    return ImportPlan(
        video=move_of(source, target, number),
        subtitles=tuple(subtitles),
        replaced=_replaced(case),
        root=str(root),
        download=str(local.folder),
        keep_free=keep_free,
    )

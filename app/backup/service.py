"""Backups: made, listed, taken in, restored, deleted."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from app import __version__
from app.auth.callers import Caller
from app.backup import archive, reading
from app.backup.folder import BackupFolder, kind_of, on_disk, refused
from app.backup.manifest import BackupKind, Damaged, DatabaseKind, Head, Manifest
from app.backup.protection import fingerprint, locked_with, unlocked
from app.backup.quiesce import HuntingQuiesce
from app.backup.restore import replace
from app.backup.schemas import BackupIn, BackupOut, RestoreIn, RestoreOut
from app.backup.staging import staged
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Forbidden, HuntarrError
from app.events.outbox import record_event
from app.events.payloads import BackupCreated, BackupFailed, Durable
from app.secrets.box import Reencryptor, SecretBox
from app.secrets.startup import stored_probe
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

COMMAND_SECONDS: Final = 3600.0
"""One statement over a long history may take its time."""
HASH_BYTES: Final = 2**20

OWNER_ONLY: Final = (
    "This replaces or reveals users, keys and secrets: it needs a session, or the key of HUNTARR_API_KEY."
)

Stamp = tuple[int, int, int]


@dataclass
class BackupDraft:
    """A file that comes in, at its place of work; under no name that anybody lists."""

    path: Path
    passphrase: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a backup is made of and restored into."""

    db: Database
    box: SecretBox
    settings: SettingsService
    folder: BackupFolder
    rest: HuntingQuiesce
    clock: Clock
    forget: Sequence[Callable[[], None]] = field(default=())
    """Told when everything is another one, so that nothing of before is answered from memory."""


class BackupService:
    """Every call works on the folder of this process; several machines see each other's only on a shared volume."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._folder = parts.folder
        self._staging = asyncio.Lock()  # alembic keeps its state in its module: one migration at a time
        self._known: dict[str, tuple[Stamp, Manifest, str]] = {}

    async def create(self, given: BackupIn, caller: Caller) -> BackupOut:
        if given.passphrase is not None:
            _insist_on_owner(caller)  # with it the secrets of all apps could be carried away and read
        return await self._create(BackupKind.MANUAL, given.note, given.passphrase)

    async def scheduled(self) -> BackupOut:
        """What the clock or a schedule asks for."""
        return await self._create(BackupKind.SCHEDULED, None)

    async def all(self) -> list[BackupOut]:
        """The newest first. A file that is none is passed over."""
        rows = []
        for path in await on_disk(self._folder.files):
            try:
                rows.append(await on_disk(self._row, path))
            except (Damaged, FileNotFoundError) as wrong:
                log.warning("a file in the folder of the backups is none", file=path.name, why=str(wrong))
        return sorted(rows, key=lambda row: (row.created_at, row.filename), reverse=True)

    @asynccontextmanager
    async def draft(self) -> AsyncIterator[BackupDraft]:
        """A place for a file that comes in."""
        with self._workplace() as place:
            yield BackupDraft(place / "upload.zip")

    async def take_in(self, draft: BackupDraft) -> BackupOut:
        """Check a file that has come in completely, and give it its place. Nothing is restored."""
        with reading.opened(draft.path) as found:
            is_asked = found.manifest.passphrase is not None and draft.passphrase is not None
            exchange = await self._unlock(found.manifest, draft.passphrase) if is_asked else None
            async with self._staging, staged(found, draft.path.parent, exchange, self._parts.clock):
                pass
        return await self._kept(draft.path, BackupKind.UPLOADED)

    async def restore(self, given: RestoreIn, caller: Caller) -> RestoreOut:
        """Everything that is there for everything that the backup holds; see docs/backup.md."""
        _insist_on_owner(caller)
        path = await on_disk(self._folder.find, given.filename)
        with self._folder.restoring(), self._folder.held(path), self._workplace() as place:
            restored = await on_disk(self._row, path)
            with reading.opened(path) as found:
                exchange = await self._unlock(found.manifest, given.passphrase)
                async with self._staging, staged(found, place, exchange, self._parts.clock) as ready:
                    await self._check_key(ready)
                    async with self._parts.rest.of_all():
                        before = await self._create(BackupKind.PRE_RESTORE, f"Before the restore of {path.name}")
                        async with self._patient() as target:
                            await replace(target, ready, found.manifest.last_ids)
        for forget in self._parts.forget:
            forget()
        await self._parts.settings.apply_level()
        log.warning("backup restored", file=path.name, created_at=restored.created_at.isoformat())
        return RestoreOut(restored=restored, before=before)

    async def path_of(self, filename: str) -> Path:
        return await on_disk(self._folder.find, filename)

    async def delete(self, filename: str) -> None:
        path = await on_disk(self._folder.find, filename)
        if not await on_disk(self._folder.delete, path):
            raise Conflict("The backup is being restored.")
        self._known.pop(filename, None)
        log.info("backup deleted", file=filename)

    async def _create(self, kind: BackupKind, note: str | None, phrase: SecretStr | None = None) -> BackupOut:
        try:
            with self._workplace() as place:
                draft = place / "backup.zip"
                await self._write(draft, kind, note, phrase)
                made = await self._kept(draft, kind)
        except HuntarrError as failure:
            await self._tell_failed(kind, failure)
            raise
        await self._tell_created(made)
        return made

    async def _write(self, draft: Path, kind: BackupKind, note: str | None, phrase: SecretStr | None) -> None:
        box, lock = None, None
        if phrase is not None:
            box, lock = await asyncio.to_thread(locked_with, phrase.get_secret_value())

        def head(revision: str, database: DatabaseKind) -> Head:
            return Head(
                app_version=__version__,
                schema_revision=revision,
                created_at=self._parts.clock(),
                kind=kind,
                note=note,
                database=database,
                key_fingerprint=fingerprint(self._parts.box),
                passphrase=lock,
            )

        async with self._patient() as db:
            exchange = None if box is None else Reencryptor(self._parts.box, box).text
            await archive.make(db, draft, head, exchange)
        await on_disk(reading.manifest_of, draft)  # one that no restore would take is no backup

    async def _kept(self, draft: Path, kind: BackupKind) -> BackupOut:
        path = await on_disk(self._folder.keep, draft, kind, self._parts.clock())
        row = await on_disk(self._row, path)
        most = (await self._parts.settings.general()).backup_retention
        for gone in await on_disk(self._folder.prune, kind, most):
            self._known.pop(gone, None)
            log.info("backup deleted by retention", file=gone)
        return row

    # The events `backup.created` and `backup.failed` belong into these two.
    async def _tell_created(self, made: BackupOut) -> None:
        log.info("backup made", file=made.filename, kind=made.kind, size_bytes=made.size_bytes)
        await self._tell(BackupCreated(filename=made.filename, kind=made.kind, size_bytes=made.size_bytes))

    async def _tell_failed(self, kind: BackupKind, failure: HuntarrError) -> None:
        log.error("backup failed", kind=kind, error=failure.message)
        await self._tell(BackupFailed(kind=kind, message=failure.message))

    async def _tell(self, event: Durable) -> None:
        """The file is made or not, whether that can be told or not."""
        try:
            async with self._parts.db.session() as session:
                await record_event(session, event, self._parts.clock())
        except HuntarrError as failure:
            log.warning("backup not told", error=failure.message)

    async def _unlock(self, said: Manifest, phrase: SecretStr | None) -> Callable[[str], str] | None:
        given = None if phrase is None else phrase.get_secret_value()
        return await asyncio.to_thread(unlocked, said, self._parts.box, given)

    async def _check_key(self, ready: Database) -> None:
        """What the manifest says of the key is one thing, what the key opens another."""
        proof = await stored_probe(ready)
        if proof is not None and self._parts.box.try_decrypt(proof) is None:
            raise Conflict("The key in force does not open the secrets in this backup.")

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        try:
            with self._folder.workplace() as place:
                yield place
        except OSError as failure:
            raise refused(failure) from failure

    @asynccontextmanager
    async def _patient(self) -> AsyncIterator[Database]:
        """The same database on connections of its own, which wait longer and are in nobody's way."""
        db = Database(self._parts.db.url, command_seconds=COMMAND_SECONDS)
        try:
            yield db
        finally:
            await db.close()

    def _row(self, path: Path) -> BackupOut:
        """Slow the first time a file is seen: it is hashed."""
        stat = path.stat()
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._known.get(path.name)
        if known is None or known[0] != stamp:
            with path.open("rb") as handle:
                digest = hashlib.file_digest(handle, hashlib.sha256).hexdigest()
            known = self._known[path.name] = (stamp, reading.manifest_of(path), digest)
        _, said, digest = known
        return BackupOut(
            filename=path.name,
            kind=kind_of(path),
            created_at=said.created_at,
            size_bytes=stat.st_size,
            sha256=digest,
            app_version=said.app_version,
            schema_revision=said.schema_revision,
            database=said.database,
            note=said.note,
            counts=dict(said.counts),
            has_passphrase=said.passphrase is not None,
            key_fits=said.passphrase is None and said.key_fingerprint == fingerprint(self._parts.box),
        )


def _insist_on_owner(caller: Caller) -> None:
    """A key that the owner made manages neither keys nor users, so it does not exchange all of them either."""
    if caller.key_id is not None:
        raise Forbidden(OWNER_ONLY)

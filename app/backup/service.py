"""Creates, lists, imports, restores and deletes backups."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from app import __version__
from app.auth.callers import Caller, Origin
from app.backup import reading
from app.backup.archive import write_archive
from app.backup.folder import BackupFolder, backup_kind, on_disk, unusable
from app.backup.manifest import BackupKind, Damaged, DatabaseKind, Manifest, ManifestHead
from app.backup.permission import RestorePermission, require_owner
from app.backup.protection import Reencrypt, fingerprint, lock_with, reencryption_of
from app.backup.quiesce import HuntingQuiesce
from app.backup.readable import Reader, check_readable, check_second_factor
from app.backup.restore import replace_all
from app.backup.schemas import BackupIn, BackupOut, RestoreIn, RestoreOut
from app.backup.staging import stage
from app.core.db import Database
from app.core.errors import Conflict, HuntarrError, NotFound
from app.events.outbox import record_event
from app.events.payloads import BackupCreated, BackupFailed, Durable
from app.infra import Infra
from app.secrets.box import Reencryptor
from app.secrets.startup import stored_probe
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

COMMAND_SECONDS: Final = 3600.0
"""One statement over a long history may take long."""

FileStamp = tuple[int, int, int]
"""Inode, size and modification time: a file that differs in none of them was not changed."""


@dataclass
class BackupDraft:
    """A file that is being uploaded, in a working directory; it is not in the list."""

    path: Path
    passphrase: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class OtherFeatures:
    """`forget`: called after a restore, so that nothing from before is answered from memory. `sections`: the readers of
    settings that other features keep."""

    forget: Sequence[Callable[[], None]]
    sections: Mapping[str, Reader]


class BackupService:
    """Works on the folder of this process; several machines see each other's backups only on a shared volume."""

    def __init__(
        self,
        infra: Infra,
        settings: SettingsService,
        folder: BackupFolder,
        quiesce: HuntingQuiesce,
        permission: RestorePermission,
        others: OtherFeatures,
    ) -> None:
        self._infra = infra
        self._settings = settings
        self._folder = folder
        self._quiesce = quiesce
        self._permission = permission
        self._others = others
        self._staging = asyncio.Lock()  # alembic keeps its state in its module: one migration at a time
        self._known: dict[str, tuple[FileStamp, Manifest | str, str]] = {}

    async def create(self, given: BackupIn, caller: Caller) -> BackupOut:
        if given.passphrase is not None:
            require_owner(caller)  # a passphrase makes the secrets of all apps readable elsewhere
        return await self._create(BackupKind.MANUAL, given.note, given.passphrase)

    async def create_scheduled(self) -> BackupOut:
        """A backup that the planner or a schedule asked for."""
        return await self._create(BackupKind.SCHEDULED, None)

    async def all(self) -> list[BackupOut]:
        """The newest first; files that cannot be read are listed as damaged."""
        rows = []
        for path in await on_disk(self._folder.files):
            with suppress(NotFound):  # deleted meanwhile
                rows.append(await on_disk(self._row, path))
        return sorted(rows, key=lambda row: (row.created_at, row.filename), reverse=True)

    @asynccontextmanager
    async def draft(self) -> AsyncIterator[BackupDraft]:
        """Where an upload is written to; removed at the end of the block."""
        with self._workdir() as workdir:
            yield BackupDraft(workdir / "upload.zip")

    async def import_upload(self, draft: BackupDraft) -> BackupOut:
        """Check a file that was uploaded completely, and add it to the folder. Nothing is restored."""
        with reading.open_archive(draft.path) as archive:
            is_checked = archive.manifest.passphrase is not None and draft.passphrase is not None
            reencrypt = await self._reencryption(archive.manifest, draft.passphrase) if is_checked else None
            async with self._staging, stage(archive, draft.path.parent, reencrypt, self._check_rows):
                pass
        return await self._store(draft.path, BackupKind.UPLOADED)

    async def restore(self, given: RestoreIn, caller: Caller, origin: Origin) -> RestoreOut:
        """Replace everything that is there by the content of the backup; see docs/backup.md."""
        path = await on_disk(self._folder.find, given.filename)
        kept = await self._permission.kept_tables(given, caller, origin)
        with self._folder.restore_lock(), self._folder.in_use(path), self._workdir() as workdir:
            restored = await on_disk(self._row, path)
            if restored.damaged is not None:
                raise Damaged(restored.damaged)
            with reading.open_archive(path) as archive:
                reencrypt = await self._reencryption(archive.manifest, given.passphrase)
                staging = stage(archive, workdir, reencrypt, self._check)
                async with self._staging, staging as staged, self._quiesce.paused():
                    before = await self._create(BackupKind.PRE_RESTORE, f"Before the restore of {path.name}")
                    async with self._slow_database() as target:
                        await replace_all(target, staged, archive.manifest.last_ids, kept)
        for forget in self._others.forget:
            forget()
        await self._settings.apply_level()
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

    async def _create(self, kind: BackupKind, note: str | None, passphrase: SecretStr | None = None) -> BackupOut:
        try:
            with self._workdir() as workdir:
                draft = workdir / "backup.zip"
                await self._write(draft, kind, note, passphrase)
                created = await self._store(draft, kind)
        except HuntarrError as failure:
            log.error("backup failed", kind=kind, error=failure.message)
            await self._publish(BackupFailed(kind=kind, message=failure.message))
            raise
        log.info("backup created", file=created.filename, kind=created.kind, size_bytes=created.size_bytes)
        await self._publish(BackupCreated(filename=created.filename, kind=created.kind, size_bytes=created.size_bytes))
        return created

    async def _write(self, draft: Path, kind: BackupKind, note: str | None, passphrase: SecretStr | None) -> None:
        box, lock = None, None
        if passphrase is not None:
            box, lock = await asyncio.to_thread(lock_with, passphrase.get_secret_value())

        def head(revision: str, database: DatabaseKind) -> ManifestHead:
            return ManifestHead(
                app_version=__version__,
                schema_revision=revision,
                created_at=self._infra.clock(),
                kind=kind,
                note=note,
                database=database,
                key_fingerprint=fingerprint(self._infra.box),
                passphrase=lock,
            )

        async with self._slow_database() as db:
            reencrypt = None if box is None else Reencryptor(self._infra.box, box).text
            await write_archive(db, draft, head, reencrypt)
        await on_disk(reading.read_manifest, draft)  # a backup that no restore would accept is none

    async def _store(self, draft: Path, kind: BackupKind) -> BackupOut:
        path = await on_disk(self._folder.store, draft, kind, self._infra.clock())
        row = await on_disk(self._row, path)
        retention = (await self._settings.general()).backup_retention
        for deleted in await on_disk(self._folder.prune, kind, retention):
            self._known.pop(deleted, None)
            log.info("backup deleted by retention", file=deleted)
        return row

    async def _publish(self, event: Durable) -> None:
        """Record the event; the outcome of the backup does not depend on that."""
        try:
            async with self._infra.db.session() as session:
                await record_event(session, event, self._infra.clock())
        except HuntarrError as failure:
            log.warning("backup event not recorded", error=failure.message)

    async def _reencryption(self, manifest: Manifest, passphrase: SecretStr | None) -> Reencrypt | None:
        given = None if passphrase is None else passphrase.get_secret_value()
        return await asyncio.to_thread(reencryption_of, manifest, self._infra.box, given)

    async def _check_rows(self, staged: Database) -> None:
        await check_readable(staged, self._infra.clock, self._others.sections)

    async def _check(self, staged: Database) -> None:
        """Rows first. The manifest may be wrong about the key, so a stored value is decrypted with it."""
        await self._check_rows(staged)
        probe = await stored_probe(staged)
        if probe is not None and self._infra.box.try_decrypt(probe) is None:
            raise Conflict("The key in force does not open the secrets in this backup.")
        await check_second_factor(staged, self._infra.box)

    @contextmanager
    def _workdir(self) -> Iterator[Path]:
        try:
            with self._folder.workdir() as workdir:
                yield workdir
        except OSError as failure:
            raise unusable(failure) from failure

    @asynccontextmanager
    async def _slow_database(self) -> AsyncIterator[Database]:
        """The same database on connections of its own, whose statements may take longer."""
        db = Database(self._infra.db.url, command_seconds=COMMAND_SECONDS)
        try:
            yield db
        finally:
            await db.close()

    def _row(self, path: Path) -> BackupOut:
        """The file as the list shows it. Slow the first time that a file is seen, because it is hashed."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise NotFound("There is no such backup.") from None
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._known.get(path.name)
        if known is None or known[0] != stamp:
            known = self._known[path.name] = (stamp, *_described(path))
        _, manifest, digest = known
        common = {"filename": path.name, "kind": backup_kind(path), "size_bytes": stat.st_size, "sha256": digest}
        if isinstance(manifest, str):
            changed_at = datetime.fromtimestamp(stat.st_mtime, UTC)
            return BackupOut.model_validate({**common, "created_at": changed_at, "damaged": manifest})
        return BackupOut.model_validate(
            {
                **manifest.model_dump(exclude={"kind"}),
                **common,
                "counts": dict(manifest.counts),
                "has_passphrase": manifest.passphrase is not None,
                "key_fits": manifest.passphrase is None and manifest.key_fingerprint == fingerprint(self._infra.box),
            }
        )


def _described(path: Path) -> tuple[Manifest | str, str]:
    """The manifest of the file, or why it cannot be read, and the file's hash."""
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, hashlib.sha256).hexdigest()
    except OSError as failure:
        return f"The file cannot be read: {failure.strerror or 'the disk does not answer'}.", ""
    try:
        return reading.read_manifest(path), digest
    except Damaged as wrong:
        log.warning("file in the backup folder is no backup", file=path.name, error=wrong.message)
        return wrong.message, digest

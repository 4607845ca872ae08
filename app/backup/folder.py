"""The folder of the backups: file names, working directories, locks and retention."""

import asyncio
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from app.backup.manifest import BackupKind, filename_time
from app.core.errors import Conflict, NotFound, Unavailable
from app.core.files import fsync, locked

FILENAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,140}\.zip")
OWN_FILENAME: Final = re.compile(rf"huntarr-({'|'.join(BackupKind)})-(\d{{8}}T\d{{6}}Z)-[0-9a-f]{{8}}\.zip")
WORKDIR_PREFIX: Final = ".work-"
RESTORE_LOCK: Final = ".restoring"
GRACE_SECONDS: Final = 60
"""A younger working directory may not be locked yet by the process that created it."""

P = ParamSpec("P")
T = TypeVar("T")


def unusable(failure: OSError) -> Unavailable:
    return Unavailable(f"The folder of the backups cannot be used: {failure.strerror or 'it does not answer'}.")


async def on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` on files in a thread; an error of the disk becomes `Unavailable` with a sentence."""
    step = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step])  # it is short, and its files must not be removed under it
        raise
    except OSError as failure:
        raise unusable(failure) from failure


class BackupFolder:
    """`backups` in the data folder, readable by our own user only. A file under its final name is complete."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> list[Path]:
        """Files that may be backups, in no order."""
        if not self._root.is_dir():
            return []
        return [path for path in self._root.iterdir() if FILENAME.fullmatch(path.name) and _is_file(path)]

    def find(self, filename: str) -> Path:
        """The file of this name; `NotFound` when there is none, or the name leads out of the folder."""
        path = self._root / filename
        if not FILENAME.fullmatch(filename) or not _is_file(path):
            raise NotFound("There is no such backup.")
        return path

    @contextmanager
    def workdir(self) -> Iterator[Path]:
        """A working directory, removed at the end of the block. Those of killed processes are removed first."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.chmod(0o700)
        self._sweep()
        workdir = self._root / f"{WORKDIR_PREFIX}{secrets.token_hex(8)}"
        workdir.mkdir(mode=0o700)
        with locked(workdir, wait=True):
            try:
                yield workdir
            finally:
                shutil.rmtree(workdir, ignore_errors=True)

    def store(self, draft: Path, kind: BackupKind, moment: datetime) -> Path:
        """Move a finished file under its final name. It is on disk before, so that the name never shows half a file."""
        path = self._root / f"huntarr-{kind}-{filename_time(moment)}-{secrets.token_hex(4)}.zip"
        draft.chmod(0o600)
        fsync(draft)
        draft.replace(path)
        fsync(self._root)
        return path

    @contextmanager
    def in_use(self, path: Path) -> Iterator[None]:
        """Nobody deletes the file during the block, other processes included."""
        with locked(path, shared=True) as is_locked:
            if not is_locked:
                raise NotFound("There is no such backup.")
            yield

    @contextmanager
    def restore_lock(self) -> Iterator[None]:
        """Lets one restore run at a time; `Conflict` for a second one."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / RESTORE_LOCK
        path.touch(0o600)
        with locked(path) as is_locked:
            if not is_locked:
                raise Conflict("Another restore is under way.")
            yield

    def delete(self, path: Path) -> bool:
        """Delete the file; false when it is in use."""
        with locked(path) as is_locked:
            if is_locked:
                path.unlink(missing_ok=True)
            return is_locked or not path.exists()

    def prune(self, kind: BackupKind, retention: int) -> list[str]:
        """Delete the oldest of our own files of this kind until `retention` are left; returns the deleted names.

        Files in use stay.
        """
        own = [path for path in self.files() if backup_kind(path) is kind and OWN_FILENAME.fullmatch(path.name)]
        own.sort(key=lambda path: (path.name.rsplit("-", 2)[1], path.stat().st_mtime_ns), reverse=True)
        return [path.name for path in own[retention:] if self.delete(path)]

    def _sweep(self) -> None:
        """Remove the working directories of processes that were killed."""
        for workdir in self._root.glob(f"{WORKDIR_PREFIX}*"):
            with suppress(FileNotFoundError):
                if time.time() - workdir.stat().st_mtime < GRACE_SECONDS:
                    continue
                with locked(workdir) as is_locked:
                    if is_locked:
                        shutil.rmtree(workdir, ignore_errors=True)


def backup_kind(path: Path) -> BackupKind:
    """The kind in the file name; a file of any other name was put there by hand and counts as uploaded."""
    found = OWN_FILENAME.fullmatch(path.name)
    return BackupKind(found[1]) if found else BackupKind.UPLOADED


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()

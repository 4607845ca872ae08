"""The folder of the backups: names that are ours, places to work in, what is held, what retention takes."""

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

from app.backup.manifest import BackupKind, stamp
from app.core.errors import Conflict, NotFound, Unavailable
from app.core.files import fsync, locked

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,140}\.zip")
OURS: Final = re.compile(rf"huntarr-({'|'.join(BackupKind)})-(\d{{8}}T\d{{6}}Z)-[0-9a-f]{{8}}\.zip")
WORK: Final = ".work-"
RESTORING: Final = ".restoring"
GRACE_SECONDS: Final = 60
"""A place to work in that is younger may not be locked yet by whoever made it."""

P = ParamSpec("P")
T = TypeVar("T")


def refused(failure: OSError) -> Unavailable:
    return Unavailable(f"The folder of the backups cannot be used: {failure.strerror or 'it does not answer'}.")


async def on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Work on files, in a thread; what the disk refuses is a sentence, and not the database's fault."""
    step = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step])  # a short one: what it works on must not be taken away under it
        raise
    except OSError as failure:
        raise refused(failure) from failure


class BackupFolder:
    """`backups` in the data folder, for nobody else. A file under its final name is whole."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> list[Path]:
        """What may be backups, in no order."""
        if not self._root.is_dir():
            return []
        return [path for path in self._root.iterdir() if NAME.fullmatch(path.name) and _is_file(path)]

    def find(self, filename: str) -> Path:
        """The file of this name; `NotFound` for every name that leads elsewhere, or nowhere."""
        path = self._root / filename
        if not NAME.fullmatch(filename) or not _is_file(path):
            raise NotFound("There is no such backup.")
        return path

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder of one's own, gone afterwards; those of processes that were killed go before."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root.chmod(0o700)
        self._sweep()
        place = self._root / f"{WORK}{secrets.token_hex(8)}"
        place.mkdir(mode=0o700)
        with locked(place, wait=True):
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)

    def keep(self, draft: Path, kind: BackupKind, moment: datetime) -> Path:
        """Give a finished file its place and name: on disk first, then there, at once and whole."""
        path = self._root / f"huntarr-{kind}-{stamp(moment)}-{secrets.token_hex(4)}.zip"
        draft.chmod(0o600)
        fsync(draft)
        draft.replace(path)
        fsync(self._root)
        return path

    @contextmanager
    def held(self, path: Path) -> Iterator[None]:
        """Nobody deletes the file meanwhile, no other process of this folder either."""
        with locked(path, shared=True) as is_ours:
            if not is_ours:
                raise NotFound("There is no such backup.")
            yield

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """One restore at a time."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / RESTORING
        path.touch(0o600)
        with locked(path) as is_ours:
            if not is_ours:
                raise Conflict("Another restore is under way.")
            yield

    def delete(self, path: Path) -> bool:
        """False when somebody holds it."""
        with locked(path) as is_ours:
            if is_ours:
                path.unlink(missing_ok=True)
            return is_ours or not path.exists()

    def prune(self, kind: BackupKind, most: int) -> list[str]:
        """Delete the oldest of our own files of this kind, down to `most`; what is held stays. The names."""
        mine = [path for path in self.files() if kind_of(path) is kind and OURS.fullmatch(path.name)]
        mine.sort(key=lambda path: (path.name.rsplit("-", 2)[1], path.stat().st_mtime_ns), reverse=True)
        return [path.name for path in mine[most:] if self.delete(path)]

    def _sweep(self) -> None:
        for place in self._root.glob(f"{WORK}*"):
            with suppress(FileNotFoundError):
                if time.time() - place.stat().st_mtime < GRACE_SECONDS:
                    continue
                with locked(place) as is_ours:
                    if is_ours:
                        shutil.rmtree(place, ignore_errors=True)


def kind_of(path: Path) -> BackupKind:
    """What the name says; a file that somebody put there by hand came from outside, as an upload does."""
    found = OURS.fullmatch(path.name)
    return BackupKind(found[1]) if found else BackupKind.UPLOADED


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()

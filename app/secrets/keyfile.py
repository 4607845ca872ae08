"""The key files of the data folder: made once, 0600, exchanged so that a crash at any moment leaves a key that fits."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.errors import StartFailed

MIN_KEY_LENGTH = 32
LOCK_FILE = "secret.lock"


def kept(path: Path, fresh: str) -> str:
    """The file's text; the file is made with `fresh` when it is not there. Two processes agree on one text."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = _draft(path, fresh)
            try:
                os.link(draft, path)  # atomic, and fails when another process was first
            except FileExistsError:
                pass
            finally:
                draft.unlink()
    except OSError as failure:
        raise _unusable(path, failure) from None
    return read(path)


def read(path: Path) -> str:
    """The key in the file; `StartFailed` for a file that holds none."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeError) as failure:
        raise _unusable(path, failure) from None
    if len(text) < MIN_KEY_LENGTH:
        raise StartFailed(f"The key file {path} holds no key: restore it from a copy, or remove it to start anew.")
    return text


def prepare(path: Path) -> str:
    """A new key, safely on disk beside the one in force; it counts for nothing until `exchange`."""
    fresh = secrets.token_urlsafe(32)
    try:
        _draft(path, fresh).replace(following(path))
        _sync_folder(path.parent)
    except OSError as failure:
        raise _unusable(following(path), failure) from None
    return fresh


def exchange(path: Path) -> None:
    """Let the prepared key take the place of the one in force, which stays beside it: older backups need it."""
    try:
        spare = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        os.link(path, spare)
        spare.replace(previous(path))
        following(path).replace(path)
        _sync_folder(path.parent)
    except OSError as failure:
        raise _unusable(path, failure) from None


def following(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.old")


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """For the life of a process that seals and opens: the key must not change under it."""
    with _locked(folder, fcntl.LOCK_SH, "`huntarr rotate-key` is at work on this data folder: start when it is done."):
        yield


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """For the one that changes the key."""
    with _locked(folder, fcntl.LOCK_EX, f"Huntarr runs on {folder}: stop it first, its workers too."):
        yield


@contextmanager
def _locked(folder: Path, kind: int, otherwise: str) -> Iterator[None]:
    """A lock of the kernel's: it ends with its process, however that ends."""
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = path.open("a")
    except OSError as failure:
        raise _unusable(path, failure) from None
    with handle:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartFailed(otherwise) from None
        yield


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    """A rename is on disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, failure: Exception) -> StartFailed:
    why = failure.strerror if isinstance(failure, OSError) else "it is not text"
    return StartFailed(f"The key file {path} cannot be used: {why}.")

"""The key files in the data folder: mode 0600, replaced so that a crash at any moment leaves a usable key."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from app.core.config import MIN_KEY_LENGTH, Config
from app.core.errors import StartFailed
from app.core.files import fsync, locked

KEY_FILE: Final = "secret.key"
LOCK_FILE: Final = "secret.lock"


def secret_key(config: Config) -> str:
    """The key that secrets are encrypted with: from the environment, else from a file that the first start creates."""
    if config.secret_key is not None:
        return config.secret_key.get_secret_value()
    return read_or_create(config.data_dir / KEY_FILE, secrets.token_urlsafe(32))


def read_or_create(path: Path, fresh: str) -> str:
    """The file's text; a missing file is created with `fresh`. Two processes that start at once agree on one text."""
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
    """The key in the file; `StartFailed` when the file holds none."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeError) as failure:
        raise _unusable(path, failure) from None
    if len(text) < MIN_KEY_LENGTH:
        raise StartFailed(f"The key file {path} holds no key: restore it from a copy, or remove it to start anew.")
    return text


def prepare(path: Path) -> str:
    """Write a new key to disk beside the key in force; it is not used before `activate`."""
    fresh = secrets.token_urlsafe(32)
    try:
        _draft(path, fresh).replace(prepared_file(path))
        fsync(path.parent)
    except OSError as failure:
        raise _unusable(prepared_file(path), failure) from None
    return fresh


def activate(path: Path) -> None:
    """Put the prepared key in force; the old key stays beside it, because older backups need it."""
    try:
        spare = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        os.link(path, spare)
        spare.replace(previous_file(path))
        prepared_file(path).replace(path)
        fsync(path.parent)
    except OSError as failure:
        raise _unusable(path, failure) from None


def prepared_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def previous_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.old")


@contextmanager
def shared_lock(folder: Path) -> Iterator[None]:
    """Held by every process that uses the key, as long as it runs: the key must not change meanwhile."""
    with _locked(folder, "`huntarr rotate-key` is at work on this data folder: start when it is done.", shared=True):
        yield


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Held by the process that changes the key; `StartFailed` while any other process uses it."""
    with _locked(folder, f"Huntarr runs on {folder}: stop it first, its workers too.", shared=False):
        yield


@contextmanager
def _locked(folder: Path, otherwise: str, *, shared: bool) -> Iterator[None]:
    path = folder / LOCK_FILE
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            is_ours = stack.enter_context(locked(path, shared=shared, create=True))
        except OSError as failure:
            raise _unusable(path, failure) from None
        if not is_ours:
            raise StartFailed(otherwise)
        yield


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    return draft


def _unusable(path: Path, failure: Exception) -> StartFailed:
    why = failure.strerror if isinstance(failure, OSError) else "it is not text"
    return StartFailed(f"The key file {path} cannot be used: {why}.")

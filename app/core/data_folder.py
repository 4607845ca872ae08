"""The data folder: made, and known to be usable before anything is begun in it."""

import os
import tempfile
from pathlib import Path

from app.core.errors import StartFailed

WRITTEN = (
    "huntarr.db",
    "huntarr.db-shm",
    "huntarr.db-wal",
    "migrate.lock",
    "secret.lock",
    "redis.lock",
    "redis",
    "backups",
)
"""What a process writes there; a command that somebody ran as root leaves files that the service may not open."""


def prepare(folder: Path) -> None:
    """Make it and write to it: a full disk, or files of another user, end the start here and not in the middle."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except OSError as failure:
        raise StartFailed(f"HUNTARR_DATA_DIR is no folder that can be used: {failure.strerror}.") from None
    for path in (folder / name for name in WRITTEN):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise StartFailed(f"{path} cannot be written: give it to the user that Huntarr runs as.")

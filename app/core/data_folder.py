"""The data folder: created and checked before anything else starts."""

import os
import tempfile
from pathlib import Path

from app.core.errors import StartFailed

FILES = (
    "huntarr.db",
    "huntarr.db-shm",
    "huntarr.db-wal",
    "migrate.lock",
    "secret.lock",
    "redis.lock",
    "redis",
    "backups",
)
"""What processes write there. A command that was run as root leaves files that the service may not open."""


def prepare(folder: Path) -> None:
    """Create the folder and try to write to it; `StartFailed` when that fails or files belong to another user."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except OSError as failure:
        raise StartFailed(f"HUNTARR_DATA_DIR is not usable: {failure.strerror}.") from None
    for path in (folder / name for name in FILES):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise StartFailed(f"{path} cannot be written: give it to the user that Huntarr runs as.")

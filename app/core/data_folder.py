"""The data folder: where it is, created and checked before anything else starts."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.core.environment import is_text
from app.core.errors import StartFailed

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE_FILE = "huntarr.db"

FILES = (
    DATABASE_FILE,
    "huntarr.db-shm",
    "huntarr.db-wal",
    "migrate.lock",
    "secret.lock",
    "redis.lock",
    "redis.socket",
    "redis",
    "backups",
)
"""What processes write there. A command that was run as root leaves files that the service may not open."""


def default_folder(variables: Mapping[str, str]) -> Path:
    """`data` in the current folder if that is ours already, `data` of the checkout, else where the system keeps data.

    So the folder does not depend on where a command is started.
    """
    here = Path("data")
    if (here / DATABASE_FILE).exists():
        return here
    if (CHECKOUT / "pyproject.toml").exists() and (CHECKOUT / "alembic").is_dir():
        return CHECKOUT / "data"
    base = Path(variables.get("XDG_DATA_HOME", ""))
    if base.is_absolute():
        return base / "huntarr"
    try:
        home = Path.home()
    except RuntimeError:
        raise StartFailed("This user has no home folder: name a data folder with HUNTARR_DATA_DIR.") from None
    return home / ("Library/Application Support/Huntarr" if sys.platform == "darwin" else ".local/share/huntarr")


def prepare(folder: Path) -> None:
    """Create the folder and try to write to it; `StartFailed` when that fails or files belong to another user."""
    shown = str(folder.absolute())
    if not is_text(shown):
        raise StartFailed("HUNTARR_DATA_DIR is not usable: the name of the folder is not UTF-8.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0")
    except OSError as failure:
        raise StartFailed(f"HUNTARR_DATA_DIR is not usable: {shown}: {failure.strerror}.") from None
    for path in (folder / name for name in FILES):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise StartFailed(f"{path} cannot be written: give it to the user that Huntarr runs as.")

"""Loads the secret key at every start, and checks that it is the one that the database was encrypted with."""

from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import JSON, String, column, insert, select, table
from sqlalchemy.exc import IntegrityError

from app.core.clock import Clock, utc_now
from app.core.config import Config
from app.core.db import Database, UtcDateTime
from app.core.errors import StartFailed
from app.secrets import keyfile
from app.secrets.box import SecretBox

log = structlog.get_logger(__name__)

PROBE_SECTION: Final = "key_check"
PROBE_TEXT: Final = "sealed with the key in force"

# Tables of packages that stand above this one, by their names.
SETTINGS: Final = table("settings", column("name", String), column("stored", JSON), column("updated_at", UtcDateTime))
INSTANCES: Final = table("instances", column("api_key", String))


async def load_box(db: Database, config: Config, clock: Clock = utc_now) -> SecretBox:
    """The box with the key in force; `StartFailed` when the database was encrypted with another key."""
    probe = await stored_probe(db)
    path = config.data_dir / keyfile.KEY_FILE
    if probe is not None and config.secret_key is None and not path.exists():
        raise StartFailed(
            f"The key file {path} is gone, and the database was encrypted with its key: put it back from a copy."
        )
    box = SecretBox(keyfile.secret_key(config))
    if probe is None:
        await _store_probe(db, box, clock)
        probe = await stored_probe(db)  # another process may have been first, with another key
    if probe is None or box.try_decrypt(probe) is not None:
        return box
    if config.secret_key is None and keyfile.prepared_file(path).exists():
        prepared = SecretBox(keyfile.read(keyfile.prepared_file(path)))
        if prepared.try_decrypt(probe) is not None:
            keyfile.activate(path)
            log.warning("an interrupted rotate-key is completed: the new key file is in force")
            return prepared
    raise StartFailed(
        "The stored secrets were encrypted with another key: give HUNTARR_SECRET_KEY or the key file "
        "that this database was made with."
    )


async def stored_probe(db: Database) -> str | None:
    """A stored value that the right key decrypts; `None` when nothing is encrypted yet."""
    async with db.reading() as session:
        stored = await session.scalar(select(SETTINGS.c.stored).where(SETTINGS.c.name == PROBE_SECTION))
        if stored is not None:
            return str(stored.get("sealed", "")) if isinstance(stored, dict) else ""
        # A database from before there was a probe.
        return await session.scalar(select(INSTANCES.c.api_key).limit(1))


async def _store_probe(db: Database, box: SecretBox, clock: Clock) -> None:
    row = {"name": PROBE_SECTION, "stored": {"sealed": box.encrypt(PROBE_TEXT)}, "updated_at": clock()}
    with suppress(IntegrityError):  # another process was first
        async with db.session() as session:
            await (await session.connection()).execute(insert(SETTINGS).values(row))

"""Loads the secret key at every start, and checks that it is the one that the database was encrypted with."""

from typing import Final

import structlog
from sqlalchemy import String, column, select, table

from app.core.clock import Clock, utc_now
from app.core.config import Config
from app.core.db import Database, upsert
from app.core.errors import StartFailed
from app.secrets import keyfile
from app.secrets.box import SecretBox
from app.settings.models import SettingsSection

log = structlog.get_logger(__name__)

PROBE_SECTION: Final = "key_check"
PROBE_TEXT: Final = "sealed with the key in force"


async def load_box(db: Database, config: Config, clock: Clock = utc_now) -> SecretBox:
    """The box with the key in force; `StartFailed` when the database was encrypted with another key."""
    box = SecretBox(keyfile.secret_key(config))
    probe = await stored_probe(db)
    if probe is None:
        await _store_probe(db, box, clock)
        probe = await stored_probe(db)  # another process may have been first, with another key
    if probe is None or box.try_decrypt(probe) is not None:
        return box
    path = config.data_dir / keyfile.KEY_FILE
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
        section = await session.get(SettingsSection, PROBE_SECTION)
        if section is not None:
            return str(section.stored["sealed"])
        # A database from before there was a probe. The table is named, because instances stand above secrets.
        keys = select(column("api_key", String)).select_from(table("instances")).limit(1)
        return await session.scalar(keys)


async def _store_probe(db: Database, box: SecretBox, clock: Clock) -> None:
    row = {"name": PROBE_SECTION, "stored": {"sealed": box.encrypt(PROBE_TEXT)}, "updated_at": clock()}
    async with db.session() as session:
        await upsert(session, SettingsSection, [row], key=["name"])

"""The key that stored secrets are sealed with: checked at every start, from the first one on."""

from typing import Final

import structlog
from sqlmodel import select

from app.core.clock import Clock, utc_now
from app.core.config import Config
from app.core.db import Database, upsert
from app.instances.models import Instance
from app.secrets import keyfile
from app.secrets.box import KEY_FILE, SecretBox, secret_key
from app.settings.models import SettingsSection

log = structlog.get_logger(__name__)

CHECK: Final = "key_check"
PROOF: Final = "sealed with the key in force"


async def open_box(db: Database, config: Config, clock: Clock = utc_now) -> SecretBox:
    """The box with the key in force; `StartFailed` when the database was made with another one."""
    box = SecretBox(secret_key(config))
    sealed = await proof_in(db)
    if sealed is None:
        await _store_proof(db, box, clock)
        sealed = await proof_in(db)  # another process may have been first, with another key
    if sealed is None or box.try_decrypt(sealed) is not None:
        return box
    path = config.data_dir / KEY_FILE
    if config.secret_key is None and keyfile.following(path).exists():
        prepared = SecretBox(keyfile.read(keyfile.following(path)))
        if prepared.try_decrypt(sealed) is not None:
            keyfile.exchange(path)
            log.warning("an interrupted rotate-key is completed: the new key file is in force")
            return prepared
    box.decrypt(sealed)
    return box


async def proof_in(db: Database) -> str | None:
    """A value that the key in force opens, if there is any."""
    async with db.reading() as session:
        section = await session.get(SettingsSection, CHECK)
        if section is not None:
            return str(section.stored["sealed"])
        # A database from before there was a check.
        return (await session.exec(select(Instance.api_key).limit(1))).first()


async def _store_proof(db: Database, box: SecretBox, clock: Clock) -> None:
    row = {"name": CHECK, "stored": {"sealed": box.encrypt(PROOF)}, "updated_at": clock()}
    async with db.session() as session:
        await upsert(session, SettingsSection, [row], key=["name"])

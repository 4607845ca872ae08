"""API keys: created by the owner, shown once, stored as SHA-256."""

from typing import Final

from sqlmodel import col, delete, func, select

from app.auth.credentials import Credentials
from app.auth.models import OWNER_ID, ApiKey
from app.auth.schemas import ApiKeyIn, ApiKeyOut, NewApiKeyOut
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, Invalid, NotFound
from app.secrets.box import API_KEY_PREFIX, key_digest, new_api_key

MAX_KEYS: Final = 100
SHOWN_LENGTH: Final = len(API_KEY_PREFIX) + 6


class KeyService:
    """Creates, lists and deletes API keys."""

    def __init__(self, db: Database, credentials: Credentials, clock: Clock) -> None:
        self._db = db
        self._credentials = credentials
        self._clock = clock

    async def all(self) -> list[ApiKeyOut]:
        """All keys. Expired ones too: they show what stopped working and when."""
        async with self._db.reading() as session:
            rows = (await session.exec(select(ApiKey).order_by(col(ApiKey.id)))).all()
        return [ApiKeyOut.model_validate(row) for row in rows]

    async def create(self, given: ApiKeyIn) -> NewApiKeyOut:
        now = self._clock()
        if given.expires_at is not None and given.expires_at <= now:
            raise Invalid("The key would have expired already.", field="body.expires_at")
        key = new_api_key()
        row = ApiKey(
            user_id=OWNER_ID,
            name=given.name,
            scope=given.scope,
            prefix=key[:SHOWN_LENGTH],
            digest=key_digest(key).hex(),
            created_at=now,
            expires_at=given.expires_at,
        )
        async with self._db.session() as session:
            if (await session.exec(select(func.count()).select_from(ApiKey))).one() >= MAX_KEYS:
                raise Conflict(f"There are {MAX_KEYS} API keys already: delete one that is not used.")
            session.add(row)
            await session.flush()
            return NewApiKeyOut(**ApiKeyOut.model_validate(row).model_dump(), key=key)

    async def delete(self, key_id: int) -> None:
        async with self._db.session() as session:
            deleted = await session.exec(delete(ApiKey).where(col(ApiKey.id) == key_id))
            if not deleted.rowcount:
                raise NotFound(f"There is no API key with the id {key_id}.")
        self._credentials.forget()

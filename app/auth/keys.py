"""API keys: created by the owner, shown once, stored as SHA-256."""

from dataclasses import replace
from typing import Final

from pydantic import ValidationError
from sqlmodel import col, delete, func, select

from app.auth.audit import AuditEntry
from app.auth.context import AuthContext
from app.auth.models import ApiKey
from app.auth.owner import find_owner
from app.auth.schemas import ApiKeyIn, ApiKeyMadeOut, ApiKeyOut, AuditAuth
from app.core.errors import Conflict, Invalid, NotFound
from app.secrets.box import API_KEY_PREFIX, key_digest, new_api_key

MAX_KEYS: Final = 100
SHOWN_LENGTH: Final = len(API_KEY_PREFIX) + 6


class KeyService:
    """Creates, lists and deletes API keys."""

    def __init__(self, context: AuthContext) -> None:
        self._db = context.db
        self._credentials = context.credentials
        self._audit = context.audit
        self._clock = context.clock

    async def all(self) -> list[ApiKeyOut]:
        """All keys. Expired ones too: they show what stopped working and when."""
        async with self._db.reading() as session:
            rows = (await session.exec(select(ApiKey).order_by(col(ApiKey.id)))).all()
        return [ApiKeyOut.model_validate(row) for row in rows]

    async def create(self, given: ApiKeyIn, *, by: AuditEntry | None = None) -> ApiKeyMadeOut:
        """A new key. `by` goes into the audit trail with it, where no route writes its own entry."""
        now = self._clock()
        if given.expires_at is not None and given.expires_at <= now:
            raise Invalid("The key would have expired already.", field="body.expires_at")
        key = new_api_key()
        row = ApiKey(
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
            owner = await find_owner(session)
            row.user_id = owner.id if owner is not None else None
            session.add(row)
            await session.flush()
            if by is not None:
                self._audit.add(session, replace(by, target={"id": str(row.id)}))
            return ApiKeyMadeOut(**ApiKeyOut.model_validate(row).model_dump(), key=key)

    async def create_from_command_line(self, given: ApiKeyIn) -> ApiKeyMadeOut:
        """For whoever may run commands on the machine; works before there is an owner too."""
        by = AuditEntry("create_api_key", "", auth=AuditAuth.COMMAND_LINE, fields=sorted(given.model_fields_set))
        return await self.create(given, by=by)

    async def delete(self, key_id: int) -> None:
        async with self._db.session() as session:
            deleted = await session.exec(delete(ApiKey).where(col(ApiKey.id) == key_id))
            if not deleted.rowcount:
                raise NotFound(f"There is no API key with the id {key_id}.")
        self._credentials.forget()


def read_api_key(given: dict[str, str | None]) -> ApiKeyIn:
    """The key to create, from texts; `Invalid` with one sentence when one of them is wrong."""
    try:
        return ApiKeyIn.model_validate(given)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}.") from None

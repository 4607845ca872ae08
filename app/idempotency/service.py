"""Idempotency: the first request with a key is answered, its twins get the same answer or a conflict."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock, claim_holds
from app.core.db import Database, upsert
from app.core.errors import Conflict
from app.core.retention import delete_in_batches
from app.idempotency.models import CALLER_LENGTH, Replay
from app.secrets.box import SecretBox

VALID_FOR = timedelta(hours=24)
ABANDONED_AFTER = timedelta(minutes=2)
TWIN_RETRY = timedelta(seconds=1)
MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A reply as it went out, byte for byte."""

    status: int
    body: bytes
    media_type: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to answer for a key; only its holder may keep or release it."""

    caller: str
    key: str
    token: str


class IdempotencyService:
    """Records in the database, so that any number of API processes agree."""

    def __init__(self, db: Database, box: SecretBox, clock: Clock) -> None:
        self._db = db
        self._box = box
        self._clock = clock

    async def begin(self, caller: str, key: str, fingerprint: str) -> Attempt | StoredResponse:
        """The kept reply, or the right to make it; `Conflict` when the key is taken by another request or a twin."""
        now = self._clock()
        attempt = Attempt(caller[:CALLER_LENGTH], key, secrets.token_hex(16))
        # Keyed: a plain hash of a body that holds a password could be guessed at leisure by whoever reads the table.
        fingerprint = self._box.derive("replay", fingerprint).hex()
        async with self._db.session() as session:
            mine = {
                "caller": attempt.caller,
                "key": key,
                "fingerprint": fingerprint,
                "attempt": attempt.token,
                "created_at": now,
            }
            await upsert(session, Replay, [mine], key=("caller", "key"))
            row = await _locked(session, attempt)
            if row.attempt == attempt.token:
                return attempt
            kept = self._opened(row) if now - row.created_at < VALID_FOR else None
            is_free = kept is None and (row.status is not None or not claim_holds(row.created_at, ABANDONED_AFTER, now))
            if is_free:
                row.fingerprint, row.attempt, row.created_at = fingerprint, attempt.token, now
                row.status = row.media_type = row.body = None
                return attempt
            if row.fingerprint != fingerprint:
                raise Conflict("This Idempotency-Key was used for another request.")
            if kept is None:
                raise Conflict("The first request with this key is still being answered.", retry_after=TWIN_RETRY)
            return kept

    async def keep(self, attempt: Attempt, reply: StoredResponse) -> None:
        """Store the answer of an attempt, unless another one took the key over meanwhile."""
        async with self._db.session() as session:
            await session.exec(
                update(Replay)
                .where(*_held(attempt))
                .values(
                    status=reply.status,
                    media_type=reply.media_type,
                    body=self._box.encrypt(reply.body.decode("latin-1")),  # latin-1: any bytes, and back
                )
            )

    async def release(self, attempt: Attempt) -> None:
        """Forget an attempt that came to nothing, so that the same key may try again."""
        async with self._db.session() as session:
            await session.exec(delete(Replay).where(*_held(attempt)))

    async def purge(self, now: datetime) -> int:
        """Delete replies that are no longer valid; the number of deleted replies."""
        return await delete_in_batches(self._db, Replay, col(Replay.created_at) < now - VALID_FOR)

    def _opened(self, row: Replay) -> StoredResponse | None:
        if row.status is None or row.body is None:
            return None
        body = self._box.try_decrypt(row.body)  # unreadable after a change of the secret key: as good as not there
        return StoredResponse(row.status, body.encode("latin-1"), row.media_type) if body is not None else None


def _held(attempt: Attempt) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Replay.caller) == attempt.caller,
        col(Replay.key) == attempt.key,
        col(Replay.attempt) == attempt.token,
    )


async def _locked(session: AsyncSession, attempt: Attempt) -> Replay:
    found = await session.exec(
        select(Replay).where(col(Replay.caller) == attempt.caller, col(Replay.key) == attempt.key).with_for_update()
    )
    return found.one()

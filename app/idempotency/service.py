"""Idempotency keys: the first request with a key is done; repetitions get its reply, or a conflict while it runs."""

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
RESERVED_FOR = timedelta(minutes=2)
"""Then the request that reserved a key is taken for dead."""
RETRY_AFTER = timedelta(seconds=1)
MAX_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A reply as it was sent, byte for byte."""

    status: int
    body: bytes
    media_type: str | None


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to answer for a key. Only its holder can store a reply or release the key."""

    caller: str
    key: str
    token: str


class IdempotencyService:
    """Replies in the database, so that any number of API processes agree."""

    def __init__(self, db: Database, box: SecretBox, clock: Clock) -> None:
        self._db = db
        self._box = box
        self._clock = clock

    async def begin(self, caller: str, key: str, fingerprint: str) -> Reservation | StoredResponse:
        """The stored reply, or the right to make it.

        `Conflict` when the key belongs to another request, or when its first request is still running.
        """
        now = self._clock()
        reservation = Reservation(caller[:CALLER_LENGTH], key, secrets.token_hex(16))
        # Keyed: from a plain hash a reader of the table could guess the password in a body.
        fingerprint = self._box.derive("replay", fingerprint).hex()
        async with self._db.session() as session:
            fresh = {
                "caller": reservation.caller,
                "key": key,
                "fingerprint": fingerprint,
                "attempt": reservation.token,
                "created_at": now,
            }
            await upsert(session, Replay, [fresh], key=("caller", "key"))
            row = await _locked(session, reservation)
            if row.attempt == reservation.token:
                return reservation
            stored = self._stored(row) if now - row.created_at < VALID_FOR else None
            is_free = stored is None and (row.status is not None or not claim_holds(row.created_at, RESERVED_FOR, now))
            if is_free:
                row.fingerprint, row.attempt, row.created_at = fingerprint, reservation.token, now
                row.status = row.media_type = row.body = None
                return reservation
            if row.fingerprint != fingerprint:
                raise Conflict("This Idempotency-Key was used for another request.")
            if stored is None:
                raise Conflict("The first request with this key is still running.", retry_after=RETRY_AFTER)
            return stored

    async def store(self, reservation: Reservation, reply: StoredResponse) -> None:
        """Store the reply, unless another request took the key over meanwhile."""
        async with self._db.session() as session:
            await session.exec(
                update(Replay)
                .where(*_ours(reservation))
                .values(
                    status=reply.status,
                    media_type=reply.media_type,
                    body=self._box.encrypt(reply.body.decode("latin-1")),  # latin-1 maps every byte
                )
            )

    async def release(self, reservation: Reservation) -> None:
        """Free the key of a request whose reply is not stored."""
        async with self._db.session() as session:
            await session.exec(delete(Replay).where(*_ours(reservation)))

    async def purge(self, now: datetime) -> int:
        """Delete replies that are no longer valid; the number of deleted replies."""
        return await delete_in_batches(self._db, Replay, col(Replay.created_at) < now - VALID_FOR)

    def _stored(self, row: Replay) -> StoredResponse | None:
        if row.status is None or row.body is None:
            return None
        body = self._box.try_decrypt(row.body)  # unreadable after a change of the secret key
        return StoredResponse(row.status, body.encode("latin-1"), row.media_type) if body is not None else None


def _ours(reservation: Reservation) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Replay.caller) == reservation.caller,
        col(Replay.key) == reservation.key,
        col(Replay.attempt) == reservation.token,
    )


async def _locked(session: AsyncSession, reservation: Reservation) -> Replay:
    found = await session.exec(
        select(Replay)
        .where(col(Replay.caller) == reservation.caller, col(Replay.key) == reservation.key)
        .with_for_update()
    )
    return found.one()

"""Asking somebody who is logged in once more: a browser left open, or a stolen cookie, is not the owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from app.auth.audit import AuditTrail, audit_entry
from app.auth.callers import Caller, Origin
from app.auth.limits import FailureLimit
from app.auth.owner import find_owner
from app.auth.passwords import Passwords
from app.core.db import Database
from app.core.errors import Forbidden

WRONG_PASSWORD = "The password is not right."  # noqa: S105 - a sentence


class Confirmation:
    """Proofs that a session is asked for, with one limit on wrong ones over all calls that ask."""

    def __init__(self, db: Database, passwords: Passwords, limit: FailureLimit, audit: AuditTrail) -> None:
        self._db = db
        self._passwords = passwords
        self._limit = limit
        self._audit = audit

    @asynccontextmanager
    async def of(self, caller: Caller, origin: Origin) -> AsyncIterator[None]:
        """A block that proves something: `Forbidden` in it is counted and told, too many of them are refused."""
        try:
            async with self._limit.attempt(_SUBJECT, wrong=Forbidden):
                yield
        except Forbidden:
            await self._audit.record(audit_entry(caller, "confirmation_failed", origin.address))
            raise

    async def password(self, given: SecretStr, caller: Caller, origin: Origin) -> str:
        """The stored hash that `given` was right for; `Forbidden` when it is wrong."""
        async with self.of(caller, origin):
            async with self._db.reading() as session:
                owner = await find_owner(session)
            stored = owner.password_hash if owner is not None else None
            if not await self._passwords.verify(given.get_secret_value(), stored) or stored is None:
                raise Forbidden(WRONG_PASSWORD)
        return stored


_SUBJECT = "confirm:owner"

"""Asks a logged-in owner for the password or a code again: an open browser or a stolen cookie is not the owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from app.auth.audit import audit_entry
from app.auth.callers import Caller, Origin
from app.auth.context import AuthContext
from app.auth.limits import Subject
from app.auth.owner import find_owner
from app.core.errors import Forbidden

WRONG_PASSWORD = "The password is not right."  # noqa: S105 - a sentence
_SUBJECT = Subject("confirm:owner")


class Confirmation:
    """Checks what a session is asked for again; one limit on failures holds for all these calls together."""

    def __init__(self, context: AuthContext) -> None:
        self._context = context

    @asynccontextmanager
    async def attempt(self, caller: Caller, origin: Origin) -> AsyncIterator[None]:
        """For a block that checks a password or code: a `Forbidden` in it is counted and audited.

        `TooManyRequests` after too many of them.
        """
        try:
            async with self._context.limit.attempt(_SUBJECT, wrong=Forbidden):
                yield
        except Forbidden:
            await self._context.audit.record(audit_entry(caller, "confirmation_failed", origin.address))
            raise

    async def password(self, given: SecretStr, caller: Caller, origin: Origin) -> str:
        """The stored hash, which `given` is right for; `Forbidden` when it is wrong."""
        async with self.attempt(caller, origin):
            async with self._context.db.reading() as session:
                owner = await find_owner(session)
            stored = owner.password_hash if owner is not None else None
            is_right = await self._context.passwords.verify(given.get_secret_value(), stored)
            if not is_right or stored is None:
                raise Forbidden(WRONG_PASSWORD)
        return stored

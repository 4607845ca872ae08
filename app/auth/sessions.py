"""Login sessions: each has a random token, of which only the digest is stored."""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth.callers import Caller, Origin
from app.auth.context import AuthContext
from app.auth.models import LoginSession, User
from app.auth.schemas import SessionOut
from app.core.errors import NotAuthenticated, NotFound
from app.secrets.box import key_digest
from app.settings.service import SettingsService

MAX_SESSIONS: Final = 100


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session, or one with a new token. Only now is the token known here."""

    username: str
    expires_at: datetime
    created_at: datetime
    token: str = field(repr=False)
    csrf_token: str = field(repr=False)


def csrf_of(token: str) -> str:
    """The CSRF token of a session, computed from the session's token, so that it can be shown again."""
    return hmac.digest(token.encode(), b"huntarr csrf", "sha256").hex()


class SessionService:
    """Opens, lists and ends sessions. Methods that end in `_in` work within the caller's unit of work."""

    def __init__(self, context: AuthContext, settings: SettingsService) -> None:
        self._db = context.db
        self._credentials = context.credentials
        self._clock = context.clock
        self._settings = settings

    async def open_in(
        self, session: AsyncSession, user: User, origin: Origin, *, replaces: bytes | None
    ) -> OpenedSession:
        """A new session of `user`; the session with the token digest `replaces` ends."""
        now = self._clock()
        hours = (await self._settings.general_in(session)).session_hours
        if replaces is not None:
            await session.exec(delete(LoginSession).where(col(LoginSession.token_digest) == replaces.hex()))
        await self._make_room(session, user)
        token = secrets.token_urlsafe(32)
        opened = _opened(user, token, now, now + timedelta(hours=hours))
        session.add(
            LoginSession(
                user_id=user.id,
                token_digest=key_digest(token).hex(),
                csrf_digest=key_digest(opened.csrf_token).hex(),
                created_at=now,
                expires_at=opened.expires_at,
                last_seen_at=now,
                address=origin.address[:64],
                user_agent=origin.user_agent[:200],
            )
        )
        return opened

    async def rotate_in(self, session: AsyncSession, user: User, caller: Caller) -> OpenedSession:
        """Give the caller's session a new token, and end all other sessions."""
        await self.end_others_in(session, caller)
        row = await session.get(LoginSession, caller.session_id, with_for_update=True)
        if row is None:  # somebody else ended it a moment ago
            raise NotAuthenticated("This session has ended.")
        opened = _opened(user, secrets.token_urlsafe(32), row.created_at, row.expires_at)
        row.token_digest, row.csrf_digest = key_digest(opened.token).hex(), key_digest(opened.csrf_token).hex()
        return opened

    async def end_others_in(self, session: AsyncSession, caller: Caller) -> None:
        """End all sessions but the caller's."""
        await session.exec(delete(LoginSession).where(col(LoginSession.id) != caller.session_id))

    async def end_all_in(self, session: AsyncSession) -> None:
        await session.exec(delete(LoginSession))

    async def all(self, caller: Caller) -> list[SessionOut]:
        """The sessions that have not expired, the newest first."""
        query = (
            select(LoginSession)
            .where(col(LoginSession.expires_at) > self._clock())
            .order_by(col(LoginSession.id).desc())
        )
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
        shown = [SessionOut.model_validate(row) for row in rows]
        return [row.model_copy(update={"current": row.id == caller.session_id}) for row in shown]

    async def end(self, caller: Caller) -> None:
        """Log out. A session that has ended already is no error."""
        async with self._db.session() as session:
            await session.exec(delete(LoginSession).where(col(LoginSession.id) == caller.session_id))
        self._credentials.forget()

    async def revoke(self, session_id: int) -> None:
        async with self._db.session() as session:
            deleted = await session.exec(delete(LoginSession).where(col(LoginSession.id) == session_id))
            if not deleted.rowcount:
                raise NotFound(f"There is no session with the id {session_id}.")
        self._credentials.forget()

    async def purge(self) -> int:
        """Delete expired sessions; returns how many."""
        async with self._db.session() as session:
            return (
                await session.exec(delete(LoginSession).where(col(LoginSession.expires_at) <= self._clock()))
            ).rowcount

    async def _make_room(self, session: AsyncSession, user: User) -> None:
        """End the oldest sessions, so that a program that logs in and never out does not fill the table."""
        newest = (
            select(col(LoginSession.id))
            .where(LoginSession.user_id == user.id)
            .order_by(col(LoginSession.id).desc())
            .limit(1)
            .offset(MAX_SESSIONS - 1)
        )
        edge = (await session.exec(newest)).first()
        if edge is not None:
            await session.exec(delete(LoginSession).where(col(LoginSession.id) <= edge))


def _opened(user: User, token: str, created_at: datetime, expires_at: datetime) -> OpenedSession:
    return OpenedSession(user.username, expires_at, created_at, token, csrf_of(token))

"""Sessions: opened by a login, carried by a random token of which only the digest is stored."""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth.callers import Caller, Origin
from app.auth.credentials import Credentials
from app.auth.models import LoginSession, User
from app.auth.schemas import SessionOut
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import NotAuthenticated, NotFound
from app.secrets.box import key_digest
from app.settings.service import SettingsService

MAX_SESSIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just made, or made anew: the only time that its token is known here."""

    username: str
    expires_at: datetime
    created_at: datetime
    token: str = field(repr=False)
    csrf_token: str = field(repr=False)


def csrf_of(token: str) -> str:
    """The CSRF token of a session: made from its token, so that whoever holds the cookie can be told it again."""
    return hmac.digest(token.encode(), b"huntarr csrf", "sha256").hex()


class SessionService:
    """The one owner of session rows."""

    def __init__(self, db: Database, settings: SettingsService, credentials: Credentials, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._credentials = credentials
        self._clock = clock

    async def open_in(self, session: AsyncSession, user: User, origin: Origin, *, replaces: bytes | None) -> Opened:
        """A new session of `user`, within the login's unit of work; the one that the browser had before ends."""
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

    async def rotate_in(self, session: AsyncSession, user: User, caller: Caller) -> Opened:
        """The caller's session under a new token; every other one ends."""
        await session.exec(delete(LoginSession).where(col(LoginSession.id) != caller.session_id))
        row = await session.get(LoginSession, caller.session_id, with_for_update=True)
        if row is None:  # ended by somebody else, a moment ago
            raise NotAuthenticated("This session has ended.")
        opened = _opened(user, secrets.token_urlsafe(32), row.created_at, row.expires_at)
        row.token_digest, row.csrf_digest = key_digest(opened.token).hex(), key_digest(opened.csrf_token).hex()
        session.add(row)
        return opened

    async def end_all_in(self, session: AsyncSession) -> None:
        await session.exec(delete(LoginSession))

    async def all(self, caller: Caller) -> list[SessionOut]:
        """The ones that are not over, the newest first."""
        query = (
            select(LoginSession)
            .where(col(LoginSession.expires_at) > self._clock())
            .order_by(col(LoginSession.id).desc())
        )
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
        shown = [SessionOut.model_validate(row) for row in rows]
        return [one.model_copy(update={"current": one.id == caller.session_id}) for one in shown]

    async def end(self, caller: Caller) -> None:
        """Log out. One that is over already is no error."""
        async with self._db.session() as session:
            await session.exec(delete(LoginSession).where(col(LoginSession.id) == caller.session_id))
        self._credentials.forget()

    async def revoke(self, session_id: int) -> None:
        async with self._db.session() as session:
            gone = await session.exec(delete(LoginSession).where(col(LoginSession.id) == session_id))
            if not gone.rowcount:
                raise NotFound(f"There is no session with the id {session_id}.")
        self._credentials.forget()

    async def purge(self) -> int:
        """Delete the expired ones; how many went."""
        async with self._db.session() as session:
            return (
                await session.exec(delete(LoginSession).where(col(LoginSession.expires_at) <= self._clock()))
            ).rowcount

    async def _make_room(self, session: AsyncSession, user: User) -> None:
        """Whoever logs in by a program and never out does not fill the table: the oldest sessions end."""
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


def _opened(user: User, token: str, created_at: datetime, expires_at: datetime) -> Opened:
    return Opened(user.username, expires_at, created_at, token, csrf_of(token))

"""Who a key or a session belongs to: asked for every request, answered from memory for a second at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlmodel import col, select, update

from app.auth.callers import Caller, CallerKind, Scope
from app.auth.limits import LocalWindow, by_address
from app.auth.models import ApiKey, LoginSession, User
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import HuntarrError, TooManyRequests
from app.secrets.box import same_key

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 1.0  # how long another process may still let in what was revoked
NOTED_EVERY: Final = timedelta(minutes=1)
WRONG_KEYS: Final = 30
MAX_KEPT: Final = 1000
ENVIRONMENT_KEY: Final = Caller(CallerKind.API_KEY, "HUNTARR_API_KEY", Scope.FULL)


@dataclass(frozen=True, slots=True)
class Found:
    """A credential that is in the database; `noted_at` is when its last use was written down."""

    caller: Caller
    table: type[ApiKey] | type[LoginSession]
    row_id: int
    expires_at: datetime | None
    noted_at: datetime | None


class Credentials:
    """The keys and sessions of the database, and the one key of the environment.

    A right answer is kept for a second, in which the database is not asked; `forget` ends that at once in this
    process. The last use is written at most once a minute, behind the request and never in its way.
    """

    def __init__(self, db: Database, clock: Clock, environment_key: bytes | None) -> None:
        self._db = db
        self._clock = clock
        self._environment_key = environment_key
        self._kept: dict[bytes, tuple[float, Found]] = {}
        self._generation = 0
        self._wrong = LocalWindow(WRONG_KEYS)
        self._noted: dict[tuple[type, int], datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def by_api_key(self, digest: bytes, address: str) -> Caller | None:
        now, subject = self._clock(), by_address("key", address)
        if wait := self._wrong.wait(subject, now):
            raise TooManyRequests("Too many wrong API keys came from your address: try again later.", retry_after=wait)
        if self._environment_key is not None and same_key(self._environment_key, digest):
            return ENVIRONMENT_KEY
        caller = await self._known(b"key:" + digest, lambda: self._key(digest), now)
        if caller is None:
            self._wrong.add(subject, now)
        return caller

    async def by_session(self, digest: bytes) -> Caller | None:
        return await self._known(b"session:" + digest, lambda: self._session(digest), self._clock())

    def forget(self) -> None:
        """Something was revoked or changed: ask the database again."""
        self._generation += 1
        self._kept.clear()

    async def settle(self) -> None:
        """Wait until every use that was seen is written down."""
        await asyncio.gather(*self._notes)

    async def _known(self, name: bytes, look_up: Callable[[], Awaitable[Found | None]], now: datetime) -> Caller | None:
        kept_until, found = self._kept.get(name, (0.0, None))
        if found is None or time.monotonic() > kept_until:
            self._kept.pop(name, None)
            generation = self._generation
            found = await look_up()
            if found is not None and generation == self._generation:
                self._keep(name, found)
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        self._note(found, now)
        return found.caller

    def _keep(self, name: bytes, found: Found) -> None:
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[name] = (time.monotonic() + FRESH_SECONDS, found)

    async def _key(self, digest: bytes) -> Found | None:
        async with self._db.reading() as session:
            row = (await session.exec(select(ApiKey).where(ApiKey.digest == digest.hex()))).first()
        if row is None or row.id is None:
            return None
        caller = Caller(CallerKind.API_KEY, row.name, Scope(row.scope), key_id=row.id)
        return Found(caller, ApiKey, row.id, row.expires_at, row.last_used_at)

    async def _session(self, digest: bytes) -> Found | None:
        query = select(LoginSession, User.username).join(User).where(LoginSession.token_digest == digest.hex())
        async with self._db.reading() as session:
            found = (await session.exec(query)).first()
        if found is None or found[0].id is None:
            return None
        row, username = found
        csrf = bytes.fromhex(row.csrf_digest)
        caller = Caller(CallerKind.SESSION, username, Scope.FULL, session_id=row.id, csrf=csrf)
        return Found(caller, LoginSession, found[0].id, row.expires_at, row.last_seen_at)

    def _note(self, found: Found, now: datetime) -> None:
        """Have this use written down, unless one of the last minute was."""
        key = (found.table, found.row_id)
        last = self._noted.get(key) or found.noted_at
        if last is not None and now - last < NOTED_EVERY:
            return
        if len(self._noted) >= MAX_KEPT:
            self._noted.clear()
        self._noted[key] = now
        task = asyncio.create_task(self._write(found, now))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _write(self, found: Found, now: datetime) -> None:
        """A use that cannot be written down is not worth an error: the next one is in a minute."""
        values: dict[str, Any] = {"last_used_at" if found.table is ApiKey else "last_seen_at": now}
        try:
            async with self._db.session() as session:
                await session.exec(update(found.table).where(col(found.table.id) == found.row_id).values(**values))
        except HuntarrError as failure:
            log.warning("last use not written down", reason=failure.message)

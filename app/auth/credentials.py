"""Looks up API keys and sessions for every request; answers are cached for one second."""

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

CACHE_SECONDS: Final = 1.0  # how long a credential that another process revoked may still work
LAST_USE_INTERVAL: Final = timedelta(minutes=1)
MAX_WRONG_KEYS: Final = 30
MAX_CACHED: Final = 1000
ENVIRONMENT_KEY: Final = Caller(CallerKind.API_KEY, "HUNTARR_API_KEY", Scope.FULL)


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A key or session from the database."""

    caller: Caller
    table: type[ApiKey] | type[LoginSession]
    row_id: int
    expires_at: datetime | None
    last_used_at: datetime | None


class Credentials:
    """The keys and sessions of the database, and the one key of the environment.

    Valid credentials are cached for a second; `forget` empties the cache of this process at once. The last use is
    written at most once a minute, in the background.
    """

    def __init__(self, db: Database, clock: Clock, environment_key: bytes | None) -> None:
        self._db = db
        self._clock = clock
        self._environment_key = environment_key
        self._cache: dict[bytes, tuple[float, StoredCredential]] = {}
        self._generation = 0
        self._wrong = LocalWindow()
        self._last_written: dict[tuple[type, int], datetime] = {}
        self._writes: set[asyncio.Task[None]] = set()

    async def by_api_key(self, digest: bytes, address: str) -> Caller | None:
        """Only wrong keys are counted: others at the same address, behind NAT or a proxy, keep theirs."""
        if self._environment_key is not None and same_key(self._environment_key, digest):
            return ENVIRONMENT_KEY
        now, subject = self._clock(), by_address("key", address, limit=MAX_WRONG_KEYS)
        caller = await self._find(b"key:" + digest, lambda: self._read_key(digest), now)
        if caller is not None:
            return caller
        if wait := self._wrong.wait(subject, now):
            raise TooManyRequests("Too many wrong API keys came from your address: try again later.", retry_after=wait)
        self._wrong.add(subject, now)
        return None

    async def by_session(self, digest: bytes) -> Caller | None:
        return await self._find(b"session:" + digest, lambda: self._read_session(digest), self._clock())

    def forget(self) -> None:
        """Empty the cache, because something was revoked or changed."""
        self._generation += 1
        self._cache.clear()

    async def flush(self) -> None:
        """Wait until the last uses are written."""
        await asyncio.gather(*self._writes)

    async def _find(
        self, name: bytes, read: Callable[[], Awaitable[StoredCredential | None]], now: datetime
    ) -> Caller | None:
        cached_until, found = self._cache.get(name, (0.0, None))
        if found is None or time.monotonic() > cached_until:
            self._cache.pop(name, None)
            generation = self._generation
            found = await read()
            if found is not None and generation == self._generation:  # nothing was revoked meanwhile
                self._remember(name, found)
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        self._record_use(found, now)
        return found.caller

    def _remember(self, name: bytes, found: StoredCredential) -> None:
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[name] = (time.monotonic() + CACHE_SECONDS, found)

    async def _read_key(self, digest: bytes) -> StoredCredential | None:
        async with self._db.reading() as session:
            row = (await session.exec(select(ApiKey).where(ApiKey.digest == digest.hex()))).first()
        if row is None or row.id is None:
            return None
        caller = Caller(CallerKind.API_KEY, row.name, Scope(row.scope), key_id=row.id)
        return StoredCredential(caller, ApiKey, row.id, row.expires_at, row.last_used_at)

    async def _read_session(self, digest: bytes) -> StoredCredential | None:
        query = select(LoginSession, User.username).join(User).where(LoginSession.token_digest == digest.hex())
        async with self._db.reading() as session:
            found = (await session.exec(query)).first()
        if found is None or found[0].id is None:
            return None
        row, username = found
        csrf = bytes.fromhex(row.csrf_digest)
        caller = Caller(CallerKind.SESSION, username, Scope.FULL, session_id=row.id, csrf=csrf)
        return StoredCredential(caller, LoginSession, found[0].id, row.expires_at, row.last_seen_at)

    def _record_use(self, found: StoredCredential, now: datetime) -> None:
        """Write this use in the background, unless one of the last minute was written."""
        key = (found.table, found.row_id)
        last = self._last_written.get(key) or found.last_used_at
        if last is not None and now - last < LAST_USE_INTERVAL:
            return
        if len(self._last_written) >= MAX_CACHED:
            self._last_written.clear()
        self._last_written[key] = now
        task = asyncio.create_task(self._write_use(found, now))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _write_use(self, found: StoredCredential, now: datetime) -> None:
        """A failure is only logged: the next use is written in a minute."""
        values: dict[str, Any] = {"last_used_at" if found.table is ApiKey else "last_seen_at": now}
        try:
            async with self._db.session() as session:
                await session.exec(update(found.table).where(col(found.table.id) == found.row_id).values(**values))
        except HuntarrError as failure:
            log.warning("last use of a credential not written", error=failure.message)

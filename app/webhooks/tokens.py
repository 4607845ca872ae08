"""Whose token a call brings: the app's of an instance, or a hook's. Wrong ones are counted by address."""

import re
import secrets
from datetime import datetime
from typing import Final

from sqlmodel import select

from app.auth.callers import Caller, CallerKind, Scope
from app.auth.limits import LocalWindow, by_address
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import TooManyRequests
from app.secrets.box import API_KEY_PREFIX, key_digest, same_key
from app.webhooks.models import AppWebhook, Hook

# Our own prefix, by which a log line that held one by accident would lose it (`core/logging.py`).
APP_TOKEN: Final = f"{API_KEY_PREFIX}app_"
HOOK_TOKEN: Final = f"{API_KEY_PREFIX}hook_"
SHAPE: Final = re.compile(rf"(?:{APP_TOKEN}|{HOOK_TOKEN})[A-Za-z0-9_-]{{43}}")
WRONG_TOKENS: Final = 30
NOBODYS: Final = key_digest("").hex()


def new_token(prefix: str) -> str:
    """The prefix and 43 url-safe characters (256 random bits)."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    return key_digest(token).hex()


class WebhookTokens:
    """Finds who calls. Whether there is such an instance or hook, a wrong token does not learn."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._wrong = LocalWindow(WRONG_TOKENS)

    async def of_app(self, token: str, instance_id: int, address: str) -> Caller | None:
        """The app of the instance; `TooManyRequests` for an address that tried too many wrong tokens."""
        now, subject = self._begin(address)
        async with self._db.reading() as session:
            row = await session.get(AppWebhook, instance_id)
        if _is_same(row.digest if row is not None else NOBODYS, token):
            return Caller(CallerKind.WEBHOOK, f"the app of instance {instance_id}", Scope.FULL)
        self._wrong.add(subject, now)
        return None

    async def of_hook(self, token: str, address: str) -> Caller | None:
        """The same for a hook."""
        now, subject = self._begin(address)
        async with self._db.reading() as session:
            row = (await session.exec(select(Hook).where(Hook.digest == digest_of(token)))).first()
        if row is not None:
            return Caller(CallerKind.WEBHOOK, row.name, Scope.FULL, hook_id=row.id)
        self._wrong.add(subject, now)
        return None

    def _begin(self, address: str) -> tuple[datetime, str]:
        now, subject = self._clock(), by_address("webhook", address)
        if wait := self._wrong.wait(subject, now):
            raise TooManyRequests("Too many wrong tokens came from your address: try again later.", retry_after=wait)
        return now, subject


def _is_same(stored: str, token: str) -> bool:
    return same_key(bytes.fromhex(stored), key_digest(token))

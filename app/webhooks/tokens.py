"""Finds the caller that a webhook token belongs to: an app or a hook. Wrong tokens are counted by address."""

import re
import secrets
from typing import Final

from sqlmodel import select

from app.auth.callers import Caller, CallerKind, Scope
from app.auth.limits import LocalWindow, by_address
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import TooManyRequests
from app.secrets.box import API_KEY_PREFIX, key_digest, same_key
from app.webhooks.models import AppWebhook, Hook

# With our own prefix, so that the log removes a token that gets into a line by accident (`core/logging.py`).
APP_TOKEN: Final = f"{API_KEY_PREFIX}app_"
HOOK_TOKEN: Final = f"{API_KEY_PREFIX}hook_"
TOKEN_PATTERN: Final = re.compile(rf"(?:{APP_TOKEN}|{HOOK_TOKEN})[A-Za-z0-9_-]{{43}}")
MAX_WRONG_TOKENS: Final = 30
NO_DIGEST: Final = key_digest("").hex()


def new_token(prefix: str) -> str:
    """The prefix and 43 url-safe characters (256 random bits)."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    return key_digest(token).hex()


class WebhookTokens:
    """Finds callers by their token. A wrong token does not reveal whether the instance or hook exists."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._wrong = LocalWindow()

    async def of_app(self, token: str, instance_id: int, address: str) -> Caller | None:
        """The app of the instance; `TooManyRequests` for a wrong token of an address that tried too many."""
        async with self._db.reading() as session:
            row = await session.get(AppWebhook, instance_id)
        if _is_same(row.digest if row is not None else NO_DIGEST, token):
            return Caller(CallerKind.WEBHOOK, f"the app of instance {instance_id}", Scope.FULL)
        self._count_wrong(address)
        return None

    async def of_hook(self, token: str, address: str) -> Caller | None:
        """The same for a hook."""
        async with self._db.reading() as session:
            row = (await session.exec(select(Hook).where(Hook.digest == digest_of(token)))).first()
        if row is not None:
            return Caller(CallerKind.WEBHOOK, row.name, Scope.FULL, hook_id=row.id)
        self._count_wrong(address)
        return None

    def _count_wrong(self, address: str) -> None:
        now, subject = self._clock(), by_address("webhook", address, limit=MAX_WRONG_TOKENS)
        if wait := self._wrong.wait(subject, now):
            raise TooManyRequests("Too many wrong tokens came from your address: try again later.", retry_after=wait)
        self._wrong.add(subject, now)


def _is_same(stored: str, token: str) -> bool:
    return same_key(bytes.fromhex(stored), key_digest(token))

"""Who can call: what the API's kernel is told of a key or a session, and by whom."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Scope(StrEnum):
    """`read` may only GET."""

    READ = "read"
    FULL = "full"


class CallerKind(StrEnum):
    """By what somebody was let in."""

    API_KEY = "api_key"
    SESSION = "session"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in. `csrf` is the digest of the token that a session's changes must carry."""

    kind: CallerKind
    name: str
    scope: Scope
    key_id: int | None = None
    session_id: int | None = None
    csrf: bytes | None = None
    hook_id: int | None = None

    @property
    def identity(self) -> str:
        """One text a caller, under which idempotent replies are kept."""
        return f"{self.kind}:{self.key_id or self.hook_id or self.name}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from. `is_local`: from this machine itself, and through no proxy."""

    address: str
    user_agent: str = ""
    is_local: bool = False


class CredentialStore(Protocol):
    """Looks keys and sessions up by the SHA-256 digest of what the caller sent (`key_digest`); None = not valid.

    `address` is who tries; `TooManyRequests` for one that tried too many wrong keys.
    """

    async def by_api_key(self, digest: bytes, address: str) -> Caller | None: ...

    async def by_session(self, digest: bytes) -> Caller | None: ...

"""Who calls: the caller that an API key, a session or a webhook token stands for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Scope(StrEnum):
    """`read` may only GET."""

    READ = "read"
    FULL = "full"


class CallerKind(StrEnum):
    """How a caller was authenticated."""

    API_KEY = "api_key"
    SESSION = "session"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `csrf` is the digest of the token that every change of a session must send."""

    kind: CallerKind
    name: str
    scope: Scope
    key_id: int | None = None
    session_id: int | None = None
    csrf: bytes | None = None
    hook_id: int | None = None

    @property
    def identity(self) -> str:
        """A text that is different for every caller; idempotent replies are stored under it."""
        return f"{self.kind}:{self.key_id or self.hook_id or self.name}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from."""

    address: str
    user_agent: str = ""


class CredentialStore(Protocol):
    """Finds callers by the SHA-256 digest of the key or token they sent (`key_digest`); None when it is not valid.

    `TooManyRequests` for a wrong key when `address` sent too many of them.
    """

    async def by_api_key(self, digest: bytes, address: str) -> Caller | None: ...

    async def by_session(self, digest: bytes) -> Caller | None: ...

"""Who can call: what the API's kernel is told of a key or a session, and by whom."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.core.security import same_key


class Scope(StrEnum):
    """`read` may only GET."""

    READ = "read"
    FULL = "full"


class CallerKind(StrEnum):
    """By what somebody was let in."""

    API_KEY = "api_key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in. `csrf` is the digest of the token that a session's changes must carry."""

    kind: CallerKind
    name: str
    scope: Scope
    key_id: int | None = None
    csrf: bytes | None = None

    @property
    def identity(self) -> str:
        """One text a caller, under which idempotent replies are kept."""
        return f"{self.kind}:{self.name if self.key_id is None else self.key_id}"


class CredentialStore(Protocol):
    """Looks keys and sessions up by the SHA-256 digest of what the caller sent (`key_digest`); None = not valid."""

    async def by_api_key(self, digest: bytes) -> Caller | None: ...

    async def by_session(self, digest: bytes) -> Caller | None: ...


@dataclass(frozen=True, slots=True)
class OneKey:
    """The store of an installation without managed keys: one API key of full scope, no sessions."""

    digest: bytes

    async def by_api_key(self, digest: bytes) -> Caller | None:
        if not same_key(self.digest, digest):
            return None
        return Caller(CallerKind.API_KEY, "api key", Scope.FULL)

    async def by_session(self, digest: bytes) -> Caller | None:
        return None

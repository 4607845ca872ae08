"""What a route asks and allows, declared once on its function: `@RoutePolicy(Access.READ, etag=True)`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from starlette.requests import Request

from app.auth.callers import Caller

REPLY_SECONDS: Final = 120.0
MAX_BODY_BYTES: Final = 1024 * 1024
_POLICY: Final = "__huntarr_policy__"

Resolver = Callable[[Request], Awaitable[Caller | None]]
"""Finds the caller by a token of the route's own; None when none is given, `NotAuthenticated` for a wrong one."""

F = TypeVar("F", bound=Callable[..., Any])


class Access(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    READ = "read"
    FULL = "full"
    SESSION_ONLY = "session_only"
    APP_TOKEN = "app_token"  # noqa: S105 - a word, not a secret
    """The token of the instance in the path, else an API key as for `FULL`."""
    HOOK_TOKEN = "hook_token"  # noqa: S105 - a word, not a secret
    """The token in the path, and nothing else. A GET changes things too."""


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """The policy of an endpoint; as a decorator, which stands below the router's, it declares it."""

    access: Access
    resolve: Resolver | None = None
    etag: bool = False
    """A GET whose replies carry an ETag and answer `If-None-Match`."""
    audited: bool = True
    """False for a change that is not worth a row in the audit trail."""
    reveals: bool = False
    """A GET that shows a secret or lets it be taken along: it has a row in the audit trail too."""
    html: bool = False
    """A page for people: a browser without credentials is redirected to `/login`, where a program gets 401."""
    timeout_seconds: float | None = REPLY_SECONDS
    upload_bytes: int | None = None
    """The size limit of a body that is streamed and not JSON; such a route takes no `Idempotency-Key`."""

    def __post_init__(self) -> None:
        if self.access in (Access.APP_TOKEN, Access.HOOK_TOKEN) and self.resolve is None:
            raise TypeError(f"{self.access} needs `resolve`")

    def __call__(self, endpoint: F) -> F:
        if hasattr(endpoint, _POLICY):
            raise TypeError(f"{endpoint.__name__} must declare one policy, it declares several")
        setattr(endpoint, _POLICY, self)
        return endpoint

    @property
    def is_public(self) -> bool:
        return self.access is Access.PUBLIC

    @property
    def is_open(self) -> bool:
        """Whether it is for callers without an API key or a session too."""
        return self.access in (Access.PUBLIC, Access.APP_TOKEN, Access.HOOK_TOKEN)


def policy_of(endpoint: Callable[..., Any]) -> RoutePolicy:
    """`TypeError` when the endpoint declares none: no route is open by mistake."""
    policy = getattr(endpoint, _POLICY, None)
    if not isinstance(policy, RoutePolicy):
        raise TypeError(f"{getattr(endpoint, '__name__', endpoint)} must declare one policy, it declares none")
    return policy

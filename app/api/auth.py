"""Who calls and what they may do: decided from headers, query and cookies alone, before a byte of the body is read."""

from collections.abc import Awaitable, Callable
from enum import StrEnum

from starlette.requests import Request

from app.api.context import client_address
from app.auth.callers import Caller, CallerKind, CredentialStore, Scope
from app.core.errors import Forbidden, NotAuthenticated
from app.secrets.box import key_digest, same_key

API_KEY_HEADER = "X-Api-Key"
API_KEY_QUERY = "apikey"
SESSION_COOKIE = "huntarr_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD"})


class Permission(StrEnum):
    """What a route asks of its caller; every route declares exactly one."""

    PUBLIC = "public"
    READ = "read"
    FULL = "full"
    SESSION_ONLY = "session_only"
    APP_TOKEN = "app_token"  # noqa: S105 - a word, not a secret
    """The token of the instance in the path, else an API key as for `FULL`."""
    HOOK_TOKEN = "hook_token"  # noqa: S105 - a word, not a secret
    """The token in the path, and nothing else."""


LookUp = Callable[[bytes], Awaitable[Caller | None]]


class Authenticator:
    """Finds the caller by the first credential that is present; a wrong one is not made good by another."""

    def __init__(self, store: CredentialStore) -> None:
        self._store = store

    async def caller(self, request: Request) -> Caller:
        """Who calls; `NotAuthenticated` for nobody, for a wrong credential and for one that was given twice.

        `TooManyRequests` for an address that tried too many wrong keys.
        """
        if keys := request.headers.getlist(API_KEY_HEADER) or request.query_params.getlist(API_KEY_QUERY):
            address = client_address(request)
            found = await self._known(keys, lambda digest: self._store.by_api_key(digest, address))
        elif tokens := session_tokens(request):
            found = await self._known(tokens, self._store.by_session)
        else:
            raise NotAuthenticated("This call needs an API key (header X-Api-Key) or a session.")
        if found is None:
            raise NotAuthenticated("The API key or session is not valid.")
        return found

    async def _known(self, given: list[str], look_up: LookUp) -> Caller | None:
        if len(given) != 1 or not given[0]:
            return None
        return await look_up(key_digest(given[0]))


def authorise(request: Request, caller: Caller, permission: Permission) -> None:
    """`Forbidden` unless `caller` may do this; a session's change must carry its CSRF token."""
    if caller.kind is CallerKind.WEBHOOK:  # which the route itself has found, and which finds no other route
        return
    is_change = request.method not in SAFE_METHODS
    if permission is Permission.SESSION_ONLY and caller.kind is not CallerKind.SESSION:
        raise Forbidden("Only a session can do this: log in, an API key is not enough.")
    if caller.scope is Scope.READ and (is_change or permission is Permission.FULL):
        raise Forbidden("This API key may only read.")
    if is_change and caller.kind is CallerKind.SESSION and not _carries(request, caller.csrf):
        raise Forbidden("The header X-CSRF-Token is missing or wrong.")


def has_credentials(request: Request) -> bool:
    """Whether any credential is present, right or wrong."""
    return bool(
        request.headers.getlist(API_KEY_HEADER)
        or request.query_params.getlist(API_KEY_QUERY)
        or session_tokens(request)
    )


def _carries(request: Request, csrf: bytes | None) -> bool:
    tokens = request.headers.getlist(CSRF_HEADER)
    return csrf is not None and len(tokens) == 1 and same_key(csrf, key_digest(tokens[0]))


def session_tokens(request: Request) -> list[str]:
    """Every value of the session's cookie: Starlette's own parser keeps only the last of two."""
    values = []
    for header in request.headers.getlist("cookie"):
        for chunk in header.split(";"):
            key, _, value = chunk.partition("=")
            if key.strip() == SESSION_COOKIE:
                values.append(value.strip())
    return values

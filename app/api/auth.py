"""Who calls and what they may do: decided from headers, query and cookies alone, before a byte of the body is read."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.api.body import BoundedRequest, Handler
from app.api.context import admit, client_address
from app.api.deps import container_of
from app.api.policy import Access, RoutePolicy
from app.auth.callers import Caller, CallerKind, CredentialStore, Scope
from app.core.errors import Forbidden, NotAuthenticated
from app.secrets.box import key_digest, same_key

API_KEY_HEADER = "X-Api-Key"
API_KEY_QUERY = "apikey"
SESSION_COOKIE = "huntarr_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD"})


def authorise(inner: Handler, policy: RoutePolicy) -> Handler:
    """`inner` for callers that the policy admits; who it is stands in the request's context from then on."""

    async def handle(request: BoundedRequest) -> Response:
        caller = await policy.resolve(request) if policy.resolve is not None else None
        if caller is None:
            caller = await Authenticator(container_of(request).auth.credentials).caller(request)
        check_access(request, caller, policy.access)
        admit(request.scope, caller)
        return await inner(request)

    return handle


def redirect_to_login(inner: Handler) -> Handler:
    """`inner`, or the login page for a browser without credentials. A wrong API key still gets 401."""

    async def handle(request: BoundedRequest) -> Response:
        try:
            return await inner(request)
        except NotAuthenticated:
            if api_keys(request) or "text/html" not in request.headers.get("accept", ""):
                raise
            return RedirectResponse(f"{request.scope.get('root_path', '')}/login", 303)

    return handle


class Authenticator:
    """Finds the caller by the first kind of credential that is present; no other kind is tried after a wrong one."""

    def __init__(self, store: CredentialStore) -> None:
        self._store = store

    async def caller(self, request: Request) -> Caller:
        """Who calls; `NotAuthenticated` for no credential, a wrong one and one that was given twice.

        `TooManyRequests` for an address that tried too many wrong keys.
        """
        if keys := api_keys(request):
            address = client_address(request)
            found = await _resolve(keys, lambda digest: self._store.by_api_key(digest, address))
        elif tokens := session_tokens(request):
            found = await _resolve(tokens, self._store.by_session)
        else:
            raise NotAuthenticated("This call needs an API key (header X-Api-Key) or a session.")
        if found is None:
            raise NotAuthenticated("The API key or session is not valid.")
        return found


async def _resolve(given: list[str], resolve: Callable[[bytes], Awaitable[Caller | None]]) -> Caller | None:
    if len(given) != 1 or not given[0]:
        return None
    return await resolve(key_digest(given[0]))


def check_access(request: Request, caller: Caller, access: Access) -> None:
    """`Forbidden` unless `caller` may do this; a session's change must carry its CSRF token."""
    if caller.kind is CallerKind.WEBHOOK:  # found by the route's own resolver; its token fits no other route
        return
    is_change = request.method not in SAFE_METHODS
    if access is Access.SESSION_ONLY and caller.kind is not CallerKind.SESSION:
        raise Forbidden("Only a session can do this: log in, an API key is not enough.")
    if caller.scope is Scope.READ and (is_change or access is Access.FULL):
        raise Forbidden("This API key may only read.")
    if is_change and caller.kind is CallerKind.SESSION and not _has_csrf_token(request, caller.csrf):
        raise Forbidden("The header X-CSRF-Token is missing or wrong.")


def has_credentials(request: Request) -> bool:
    """Whether any credential is present, right or wrong."""
    return bool(api_keys(request) or session_tokens(request))


def api_keys(request: Request) -> list[str]:
    """What is given as API key, in the first place that has any: our header, `Authorization: Bearer`, the query."""
    return (
        request.headers.getlist(API_KEY_HEADER)
        or _bearer_tokens(request)
        or request.query_params.getlist(API_KEY_QUERY)
    )


def _bearer_tokens(request: Request) -> list[str]:
    """Other schemes are none of ours: a proxy in front may ask for a password of its own."""
    given = (header.strip().partition(" ") for header in request.headers.getlist("authorization"))
    return [token.strip() for scheme, _, token in given if scheme.lower() == "bearer"]


def session_tokens(request: Request) -> list[str]:
    """Every value of the session's cookie: Starlette's own parser keeps only the last of two."""
    values = []
    for header in request.headers.getlist("cookie"):
        for chunk in header.split(";"):
            key, _, value = chunk.partition("=")
            if key.strip() == SESSION_COOKIE:
                values.append(value.strip())
    return values


def _has_csrf_token(request: Request, csrf: bytes | None) -> bool:
    tokens = request.headers.getlist(CSRF_HEADER)
    return csrf is not None and len(tokens) == 1 and same_key(csrf, key_digest(tokens[0]))

"""Routes that declare what they ask: permission, ETag and upload hang on the function, never on the text of a path."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fastapi import APIRouter, params
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.api.asset_token import TICKET_COOKIE, by_ticket
from app.api.audit import told
from app.api.auth import API_KEY_HEADER, API_KEY_QUERY, Authenticator, Permission, authorise
from app.api.body import BODY_BYTES, BoundedRequest
from app.api.context import Handler, context_of
from app.api.deps import container_of
from app.api.etag import tagged
from app.api.idempotency import answer_once
from app.api.tags import Tag
from app.auth.callers import Caller
from app.core.errors import BadRequest, NotAuthenticated, Unavailable

REPLY_SECONDS: Final = 120.0
_DECLARED: Final = "__huntarr_route__"

TokenLookUp = Callable[[Request], Awaitable[Caller | None]]
"""Finds the caller by a token of the route's own; `None` when none is given, `NotAuthenticated` for a wrong one."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Declaration:
    """What the decorators below say about one endpoint."""

    permissions: list[Permission] = field(default_factory=list)
    look_up: "TokenLookUp | None" = None
    has_etag: bool = False
    takes_ticket: bool = False
    is_page: bool = False
    is_told: bool = True
    upload_bytes: int | None = None
    is_patient: bool = False


def declaration_of(endpoint: Callable[..., Any]) -> Declaration:
    found = getattr(endpoint, _DECLARED, None)
    if isinstance(found, Declaration):
        return found
    fresh = Declaration()
    setattr(endpoint, _DECLARED, fresh)
    return fresh


def _permission(permission: Permission) -> Callable[[F], F]:
    def declare(endpoint: F) -> F:
        declaration_of(endpoint).permissions.append(permission)
        return endpoint

    return declare


# Each goes below the router's decorator: `@router.get(…)` first, then `@read`.
public = _permission(Permission.PUBLIC)
read = _permission(Permission.READ)
full = _permission(Permission.FULL)
session_only = _permission(Permission.SESSION_ONLY)


def app_token(look_up: TokenLookUp) -> Callable[[F], F]:
    """For the calls of an app: whom `look_up` finds, else whoever has an API key of full scope."""
    return _by_token(Permission.APP_TOKEN, look_up)


def hook_token(look_up: TokenLookUp) -> Callable[[F], F]:
    """For the calls of a hook: whom `look_up` finds, and nobody else. Such a GET changes something."""
    return _by_token(Permission.HOOK_TOKEN, look_up)


def _by_token(permission: Permission, look_up: TokenLookUp) -> Callable[[F], F]:
    def declare(endpoint: F) -> F:
        declaration_of(endpoint).look_up = look_up
        return _permission(permission)(endpoint)

    return declare


def etag(endpoint: F) -> F:
    """A GET whose replies carry an ETag and answer `If-None-Match`."""
    declaration_of(endpoint).has_etag = True
    return endpoint


def untold(endpoint: F) -> F:
    """A POST that changes nothing worth a row in the audit trail (`trail.py`)."""
    declaration_of(endpoint).is_told = False
    return endpoint


def ticket(endpoint: F) -> F:
    """A file of a page: a caller without credentials may show the ticket that the page gave out (`docs.py`)."""
    declaration_of(endpoint).takes_ticket = True
    return endpoint


def page(endpoint: F) -> F:
    """Made for people: a browser that is not logged in is led to `/login`, where a program is told 401."""
    declaration_of(endpoint).is_page = True
    return endpoint


def patient(endpoint: F) -> F:
    """Work that is long where the data is: no time limit of ours."""
    declaration_of(endpoint).is_patient = True
    return endpoint


def upload(max_bytes: int) -> Callable[[F], F]:
    """A body that is streamed and not JSON: its own size limit, no time limit, no `Idempotency-Key`."""

    def declare(endpoint: F) -> F:
        declaration_of(endpoint).upload_bytes = max_bytes
        return endpoint

    return declare


class ApiRoute(APIRoute):
    """A route that lets nobody in unasked. FastAPI reads the body before dependencies, so the check sits around it."""

    methods: set[str]

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.declaration = declaration_of(endpoint)
        self.permission = _only(self.declaration, f"{path} ({getattr(endpoint, '__name__', endpoint)})")
        super().__init__(path, endpoint, **options)
        if self.declaration.has_etag and self.methods != {"GET"}:
            raise TypeError(f"{path}: only a GET can have an ETag")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A wrong method is no match: the router's last resort asks who calls before it answers 405."""
        match, child = super().matches(scope)
        if scope["path"].endswith("\n"):  # Starlette's pattern ends in `$`, which overlooks a last line feed
            return Match.NONE, {}
        if match is Match.PARTIAL and scope["method"] == "HEAD" and self.takes_head:
            match = Match.FULL
        return (match, child) if match is Match.FULL else (Match.NONE, {})

    @property
    def takes_head(self) -> bool:
        """Whether HEAD goes where GET goes; not where that would do what only a GET may."""
        return "GET" in self.methods and self.permission is not Permission.HOOK_TOKEN

    @property
    def changes_things(self) -> bool:
        return self.methods != {"GET"} or self.permission is Permission.HOOK_TOKEN

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """HEAD goes where GET goes; Starlette itself would refuse it here."""
        if scope["method"] == "HEAD":
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    def takes_path(self, scope: Scope) -> bool:
        """Whether the path is this route's, whatever the method."""
        return super().matches(scope)[0] is not Match.NONE

    def get_route_handler(self) -> Handler:
        declared, permission = self.declaration, self.permission
        limit = BODY_BYTES if declared.upload_bytes is None else declared.upload_bytes
        seconds = REPLY_SECONDS if declared.upload_bytes is None and not declared.is_patient else None
        answer = self._answer(super().get_route_handler())

        async def handle(given: Request) -> Response:
            request = BoundedRequest(given.scope, given.receive, limit=limit)
            try:
                async with asyncio.timeout(seconds) as clock:
                    if permission is not Permission.PUBLIC:
                        await _let_in(request, permission, declared)
                    response = await answer(request)
                    return response if request.method != "HEAD" else _head_of(response)
            except NotAuthenticated:
                if not declared.is_page or not _is_browsing(request):
                    raise
                return RedirectResponse(f"{request.scope.get('root_path', '')}/login", 303)
            except ClientDisconnect:
                raise BadRequest("The connection ended before the body did.") from None
            except TimeoutError:
                if not clock.expired():
                    raise
                raise Unavailable(f"The reply was not ready within {REPLY_SECONDS:.0f} seconds.") from None

        return handle

    def _answer(self, inner: Handler) -> Callable[[BoundedRequest], Awaitable[Response]]:
        """Everything after the permission: limits, JSON, idempotency, the handler, the ETag."""
        has_etag, is_upload = self.declaration.has_etag, self.declaration.upload_bytes is not None
        body = self.body_field
        has_json = body is not None and not isinstance(body.field_info, params.Form) and not is_upload
        if self.permission is not Permission.PUBLIC and self.declaration.is_told and self.changes_things:
            inner = told(inner, self.name, frozenset(one.alias for one in self.dependant.query_params))
        is_replayable = self.methods == {"POST"} and self.permission is not Permission.PUBLIC and not is_upload

        async def answer(request: BoundedRequest) -> Response:
            if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
                raise BadRequest("The address holds a NUL character.")
            request.check_length()
            if has_json:
                await request.read_json()
            if is_replayable:
                return await answer_once(request, container_of(request).idempotency, inner)
            response = await inner(request)
            return tagged(request, response) if has_etag else response

        return answer


async def unmatched(scope: Scope, receive: Receive, send: Send) -> None:
    """The router's last resort: strangers learn nothing, callers are told 404, or 405 with what the path takes."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    request = Request(scope)
    await Authenticator(container_of(request).auth.credentials).caller(request)
    allowed: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, ApiRoute) and route.takes_path(scope):
            allowed |= route.methods | ({"HEAD"} if route.takes_head else set())
    if not allowed:
        raise HTTPException(404)
    raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})


class ApiRouter(APIRouter):
    """A router of one chapter of the API; its functions' names are the operation ids."""

    def __init__(self, *, tag: Tag, prefix: str = "") -> None:
        super().__init__(
            prefix=prefix,
            tags=[tag],
            route_class=ApiRoute,
            redirect_slashes=False,
            generate_unique_id_function=_operation_id,
        )


async def _let_in(request: BoundedRequest, permission: Permission, declared: Declaration) -> None:
    container = container_of(request)
    caller = await declared.look_up(request) if declared.look_up is not None else None
    if declared.takes_ticket and TICKET_COOKIE in request.cookies:
        caller = by_ticket(request, container.infra.box, container.infra.clock())
    if caller is None:
        caller = await Authenticator(container.auth.credentials).caller(request)
    authorise(request, caller, permission)
    context_of(request.scope).caller = caller


def _is_browsing(request: Request) -> bool:
    """A person at a browser, who shows no key: one that is wrong must be told so."""
    has_key = API_KEY_HEADER in request.headers or API_KEY_QUERY in request.query_params
    return "text/html" in request.headers.get("accept", "") and not has_key


def _head_of(response: Response) -> Response:
    """The same headers without the body; a stream is not even begun."""
    head = Response(status_code=response.status_code)
    head.raw_headers = response.raw_headers
    return head


def _only(declaration: Declaration, name: str) -> Permission:
    if len(declaration.permissions) != 1:
        raise TypeError(f"{name} must declare one permission, it declares {len(declaration.permissions)}")
    return declaration.permissions[0]


def _operation_id(route: APIRoute) -> str:
    return route.name

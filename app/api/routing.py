"""Routes with a policy: who may call and how the reply is made stand on the function, never in the text of a path."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, params
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.api.audit import audit
from app.api.auth import Authenticator, authorise, redirect_to_login
from app.api.body import BoundedRequest, Handler, bound_body, check_request
from app.api.context import admit
from app.api.deps import container_of
from app.api.etag import etag
from app.api.idempotency import idempotent
from app.api.policy import MAX_BODY_BYTES, Access, policy_of
from app.api.tags import Tag
from app.api.timeouts import limit_time
from app.core.errors import NotAuthenticated, NotFound


class ApiRoute(APIRoute):
    """FastAPI reads the body before it runs dependencies; so the checks form a chain around its handler."""

    methods: set[str]

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.policy = policy_of(endpoint)
        super().__init__(path, endpoint, **options)
        if self.policy.etag and self.methods != {"GET"}:
            raise TypeError(f"{path}: only a GET can have an ETag")

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The chain around the endpoint, from the inside out: what is added last runs first."""
        policy = self.policy
        handler: Handler = super().get_route_handler()
        if policy.etag:
            handler = etag(handler)
        if self.is_audited:
            handler = audit(handler, self.name, frozenset(field.alias for field in self.dependant.query_params))
        if self.is_idempotent:
            handler = idempotent(handler)
        handler = check_request(handler, has_json=self.has_json_body)
        if "GET" in self.methods:
            handler = answer_head(handler)
        if not policy.is_public:
            handler = authorise(handler, policy)
        handler = limit_time(handler, policy.timeout_seconds)
        if policy.html:
            handler = redirect_to_login(handler)
        return bound_body(handler, MAX_BODY_BYTES if policy.upload_bytes is None else policy.upload_bytes)

    @property
    def is_change(self) -> bool:
        return self.methods != {"GET"} or self.policy.access is Access.HOOK_TOKEN

    @property
    def is_audited(self) -> bool:
        return self.policy.reveals or (self.is_change and self.policy.audited and not self.policy.is_public)

    @property
    def is_idempotent(self) -> bool:
        """Whether the route takes an `Idempotency-Key`."""
        return self.methods == {"POST"} and not self.policy.is_public and self.policy.upload_bytes is None

    @property
    def has_json_body(self) -> bool:
        body = self.body_field
        return body is not None and not isinstance(body.field_info, params.Form) and self.policy.upload_bytes is None

    @property
    def allowed_methods(self) -> set[str]:
        """HEAD goes where GET goes, except where a GET changes something."""
        return self.methods | ({"HEAD"} if "GET" in self.methods and not self.is_change else set())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A wrong method is no match: `unmatched` authenticates the caller before it answers 405."""
        match, child = super().matches(scope)
        if scope["path"].endswith("\n"):  # Starlette's pattern ends in `$`, which overlooks a last line feed
            return Match.NONE, {}
        is_match = match is not Match.NONE and scope["method"] in self.allowed_methods
        return (Match.FULL, child) if is_match else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """HEAD goes where GET goes; FastAPI itself would refuse it here."""
        if scope["method"] == "HEAD":
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    def has_path(self, scope: Scope) -> bool:
        """Whether the path is this route's, whatever the method."""
        return super().matches(scope)[0] is not Match.NONE


def answer_head(inner: Handler) -> Handler:
    """`inner`, whose reply to HEAD has the same headers and no body; a stream is not even started."""

    async def handle(request: BoundedRequest) -> Response:
        response = await inner(request)
        if request.method != "HEAD":
            return response
        head = Response(status_code=response.status_code)
        head.raw_headers = response.raw_headers
        return head

    return handle


async def unmatched(scope: Scope, receive: Receive, send: Send) -> None:
    """The router's fallback: 401 for strangers; for callers 404, or 405 with the methods that the path takes."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    request = Request(scope)
    authenticator = Authenticator(container_of(request).auth.credentials)
    routes = [route for route in request.app.routes if isinstance(route, ApiRoute)]
    if meant := _without_slash(scope, routes):
        address = f"{scope.get('root_path', '')}{meant[0].path}"  # the template: the path itself may hold a token
        sentence = f"There is nothing at this address; {address} has no slash at its end."
        try:
            admit(scope, await authenticator.caller(request))
        except NotAuthenticated:
            if any(route.policy.is_open for route in meant):  # whoever needs no key there must learn it too
                raise NotAuthenticated(sentence) from None
            raise
        raise NotFound(sentence)
    admit(scope, await authenticator.caller(request))
    allowed: set[str] = set()
    for route in routes:
        if route.has_path(scope):
            allowed |= route.allowed_methods
    if not allowed:
        raise HTTPException(404)
    raise HTTPException(405, headers={"Allow": ", ".join(sorted(allowed))})


def _without_slash(scope: Scope, routes: Sequence[ApiRoute]) -> list[ApiRoute]:
    """The routes that the path would have without the slash at its end.

    Such a request is not served: the slash may be what is left of an id that a client forgot, as in
    `DELETE /api/history/`. A redirect would lose the body.
    """
    path: str = scope["path"]
    if not path.endswith("/") or path.endswith("//"):
        return []
    shorter = {**scope, "path": path[:-1]}
    return [route for route in routes if route.has_path(shorter)]


class ApiRouter(APIRouter):
    """A router of one chapter of the API; the names of its functions are the operation ids."""

    def __init__(self, *, tag: Tag, prefix: str = "") -> None:
        super().__init__(
            prefix=prefix,
            tags=[tag],
            route_class=ApiRoute,
            redirect_slashes=False,
            generate_unique_id_function=lambda route: route.name,
        )

"""What the kernel knows of one request: made by the outermost middleware, read by whoever answers."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope

from app.auth.callers import Caller
from app.core.errors import NotAuthenticated

FRAME = "huntarr.frame"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(slots=True)
class RequestContext:
    """`caller` is None until the route has let somebody in, and stays so on public routes."""

    request_id: str
    client_address: str
    is_https: bool = False
    caller: Caller | None = None


def context_of(scope: Scope) -> RequestContext:
    return cast(RequestContext, scope[FRAME])


def client_address(request: HTTPConnection) -> str:
    """Who calls, as an IP address; forwarded headers count only from trusted proxies (see `peer.py`)."""
    return context_of(request.scope).client_address


def current_caller(request: HTTPConnection) -> Caller:
    """Who was let in; `NotAuthenticated` on a public route, where nobody was asked."""
    caller = context_of(request.scope).caller
    if caller is None:
        raise NotAuthenticated("This call needs an API key or a session.")
    return caller

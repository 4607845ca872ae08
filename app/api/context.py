"""What is known of one request: made by the outermost middleware, read by everything that handles the request."""

from dataclasses import dataclass
from typing import Final, cast

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.auth.callers import Caller
from app.core.errors import NotAuthenticated

CONTEXT: Final = "huntarr.context"


@dataclass(slots=True)
class RequestContext:
    """`caller` is None until the route has authorised somebody, and stays None on public routes."""

    request_id: str
    client_address: str
    is_https: bool = False
    caller: Caller | None = None


def context_of(scope: Scope) -> RequestContext:
    return cast(RequestContext, scope[CONTEXT])


def client_address(request: HTTPConnection) -> str:
    """The caller's IP address; forwarded headers count only from trusted proxies (`client_address.py`)."""
    return context_of(request.scope).client_address


def current_caller(request: HTTPConnection) -> Caller:
    """The caller; `NotAuthenticated` on a public route, where nobody is asked."""
    caller = context_of(request.scope).caller
    if caller is None:
        raise NotAuthenticated("This call needs an API key or a session.")
    return caller

"""What is known of one request: made by the outermost middleware, read by everything that handles the request."""

from collections import Counter
from dataclasses import dataclass
from typing import Final, cast

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.auth.callers import Caller
from app.core.errors import NotAuthenticated, TooManyRequests
from app.core.heavy_reads import CALLER

CONTEXT: Final = "huntarr.context"
MAX_OPEN_REQUESTS: Final = 300
"""Of one caller, of the 900 connections that there may be: streams, waits for a hunt, downloads."""


@dataclass(slots=True)
class RequestContext:
    """`caller` is None until the route has authorised somebody, and stays None on public routes."""

    request_id: str
    client_address: str
    open_requests: Counter[str]
    """Of each caller of this process."""
    is_https: bool = False
    caller: Caller | None = None


def context_of(scope: Scope) -> RequestContext:
    return cast(RequestContext, scope[CONTEXT])


def admit(scope: Scope, caller: Caller) -> None:
    """From here on the request is the caller's; `TooManyRequests` where too many others of his are not over."""
    context = context_of(scope)
    if context.open_requests[caller.identity] >= MAX_OPEN_REQUESTS:
        raise TooManyRequests(f"{MAX_OPEN_REQUESTS} of your requests are waiting for their end already.")
    context.open_requests[caller.identity] += 1
    context.caller = caller
    CALLER.set(caller.identity)


def dismiss(context: RequestContext) -> None:
    """The request is over."""
    if context.caller is not None:
        context.open_requests[context.caller.identity] -= 1
        if not context.open_requests[context.caller.identity]:
            del context.open_requests[context.caller.identity]


def client_address(request: HTTPConnection) -> str:
    """The caller's IP address; forwarded headers count only from trusted proxies (`client_address.py`)."""
    return context_of(request.scope).client_address


def current_caller(request: HTTPConnection) -> Caller:
    """The caller; `NotAuthenticated` on a public route, where nobody is asked."""
    caller = context_of(request.scope).caller
    if caller is None:
        raise NotAuthenticated("This call needs an API key or a session.")
    return caller

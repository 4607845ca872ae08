"""Webhook tokens: read from the head and the path of a request alone, like every credential."""

import base64
import binascii

from starlette.requests import Request

from app.api.context import client_address
from app.api.deps import MAX_ID, container_of
from app.auth.callers import Caller
from app.core.errors import NotAuthenticated
from app.webhooks.tokens import TOKEN_PATTERN

TOKEN_QUERY = "token"  # noqa: S105 - a name, not a secret
TOKEN_HEADER = "X-Webhook-Token"  # noqa: S105 - a name, not a secret


async def app_caller(request: Request) -> Caller | None:
    """The app of the instance in the path; None when there is no token, so that an API key may be used instead.

    The first place with a token decides: the query, our header, the password of `Authorization: Basic`.
    """
    given = request.query_params.getlist(TOKEN_QUERY) or request.headers.getlist(TOKEN_HEADER) or _passwords(request)
    if not given:
        return None
    number = request.path_params["instance_id"]
    is_number = number.isascii() and number.isdigit() and len(number) < 12 and int(number) <= MAX_ID
    token = _only(given)
    if not is_number or token is None:
        raise _wrong()
    caller = await container_of(request).webhooks.tokens.of_app(token, int(number), client_address(request))
    if caller is None:
        raise _wrong()
    return caller


async def hook_caller(request: Request) -> Caller:
    """The hook whose token ends the path."""
    token = _only([request.path_params["hook"]])
    caller = None
    if token is not None:
        caller = await container_of(request).webhooks.tokens.of_hook(token, client_address(request))
    if caller is None:
        raise _wrong()
    return caller


def _only(given: list[str]) -> str | None:
    """The token, if exactly one well-formed token is given."""
    return given[0] if len(given) == 1 and TOKEN_PATTERN.fullmatch(given[0]) else None


def _passwords(request: Request) -> list[str]:
    """Passwords of `Authorization: Basic`. The user name does not matter, but the apps ask for one."""
    found = []
    for header in request.headers.getlist("authorization"):
        scheme, _, packed = header.partition(" ")
        if scheme.lower() != "basic":
            continue
        try:
            found.append(base64.b64decode(packed.strip(), validate=True).decode().partition(":")[2])
        except (binascii.Error, ValueError):
            found.append("")
    return found


def _wrong() -> NotAuthenticated:
    return NotAuthenticated("The token is not valid.")

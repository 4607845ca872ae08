"""Calls of a client, whose replies are read as JSON."""

import pytest

from app.http.bodies import Json, parse_json
from app.http.client import HttpClient
from app.http.errors import HttpError
from app.http.failures import status_code
from app.http.messages import Endpoint, HttpReply, HttpRequest, Method

KEY = "0123456789abcdef0123456789abcdef"


def at(port: int, *, scheme: str = "http", timeout_seconds: float = 20.0) -> Endpoint:
    """A server on this machine."""
    return Endpoint(f"{scheme}://127.0.0.1:{port}", {"X-Api-Key": KEY}, timeout_seconds=timeout_seconds)


async def ask(client: HttpClient, endpoint: Endpoint, method: Method = "GET", *, tries: int = 3) -> Json:
    return await client.request(endpoint, HttpRequest(method, "/api/v3/command"), _read_json, tries=tries)


async def failure_of(client: HttpClient, endpoint: Endpoint, method: Method = "GET", *, tries: int = 1) -> HttpError:
    with pytest.raises(HttpError) as caught:
        await ask(client, endpoint, method, tries=tries)
    assert KEY not in caught.value.message
    return caught.value


def _read_json(reply: HttpReply) -> Json:
    if not 200 <= reply.status < 300:
        raise HttpError(status_code(reply.status), "No.", may_have_reached=False, http_status=reply.status)
    return parse_json(reply.body or b"")

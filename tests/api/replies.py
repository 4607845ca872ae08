"""Reading replies: every one is held to the envelope on the way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from httpx import Response

SECONDS = 10.0


def data(reply: Response, status: int = 200) -> Any:
    """What a success carries."""
    body = reply.json()
    assert reply.status_code == status, body
    assert set(body) == {"success", "data", "message"}
    assert body["success"] is True
    return body["data"]


def error(reply: Response, status: int) -> str:
    """The sentence of an error."""
    body = reply.json()
    assert reply.status_code == status, body
    assert body["success"] is False
    assert set(body) <= {"success", "error", "details", "request_id"}
    assert ("request_id" in body) is (status in (500, 503))
    sentence: str = body["error"]
    assert sentence
    return sentence


def field(reply: Response) -> str:
    """The one field that a 422 names."""
    assert reply.status_code == 422, reply.json()
    [detail] = reply.json()["details"]
    name: str = detail["field"]
    return name


async def eventually(ask: Callable[[], Awaitable[Any]], is_right: Callable[[Any], bool]) -> Any:
    """Ask until the answer is right; the last one if it never is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SECONDS
    while True:
        found = await ask()
        if is_right(found) or loop.time() > deadline:
            return found
        await asyncio.sleep(0.05)

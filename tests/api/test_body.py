"""Bodies are bounded, and only JSON is taken for JSON."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from app.api import body
from app.api.body import MAX_JSON_DEPTH, is_json, parse_json
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.errors import BadRequest
from app.core.schemas import In, MessageReply
from tests.api.kernel import FULL, kernel

JSON = FULL | {"Content-Type": "application/json"}


class Anything(In):
    value: Any


def echoes() -> ApiRouter:
    router = ApiRouter(tag=Tag.SYSTEM, prefix="/api/echo")

    @router.put("")
    @RoutePolicy(Access.FULL)
    async def update_echo(body: Anything) -> MessageReply:
        return MessageReply(message=str(body.value)[:20])

    @router.post("/nothing")
    @RoutePolicy(Access.FULL)
    async def create_nothing() -> MessageReply:
        return MessageReply(message="done")

    @router.post("/file")
    @RoutePolicy(Access.FULL, upload_bytes=3_000_000, timeout_seconds=None)
    async def upload_file(request: Request) -> MessageReply:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        return MessageReply(message=str(size))

    return router


async def chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"value": 1}', "application/json", 200),
        (b'{"value": 1}', "application/json; charset=utf-8", 200),
        (b'{"value": 1}', "Application/JSON", 200),
        (b'{"value": 1}', "application/merge-patch+json", 200),
        (b'{"value": 1}', "text/plain", 415),
        (b'{"value": 1}', "text/json", 415),
        (b'{"value": 1}', "", 415),
        (b"value=1", "application/x-www-form-urlencoded", 415),
        (b"", "application/json", 422),
        (b"{", "application/json", 400),
        (b'{"value": "\xff"}', "application/json", 400),
        (b'\xef\xbb\xbf{"value": 1}', "application/json", 200),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"value": 1}', "application/json", 400),
        (b'{"value": 1}\xef\xbb\xbf', "application/json", 400),
        (b"\xef\xbb\xbf", "application/json", 400),
        ('{"value": 1}'.encode("utf-16"), "application/json", 400),
        (b'{"value": NaN}', "application/json", 400),
        (b'{"value": Infinity}', "application/json", 400),
        (b'{"value": "\\ud800"}', "application/json", 400),
        (b'{"value": "a\\u0000"}', "application/json", 400),
        (b'{"value": "\\\\u0000"}', "application/json", 200),
        (b'{"value": 1} 2', "application/json", 400),
        (b'{"value": ' + b"[" * 31 + b"]" * 31 + b"}", "application/json", 200),
        (b'{"value": ' + b"[" * 32 + b"]" * 32 + b"}", "application/json", 400),
        (b"[" * 500_000, "application/json", 400),
        (b'{"value": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"value": "' + b"x" * 1_048_560 + b'"}', "application/json", 200),
        (b'{"value": "' + b"x" * 1_048_570 + b'"}', "application/json", 413),
    ],
)
async def test_which_content_types_a_json_route_takes(tmp_path: Path, content: bytes, kind: str, status: int) -> None:
    headers = FULL | ({"Content-Type": kind} if kind else {})
    async with kernel(tmp_path, echoes()) as k:
        reply = await k.client.put("/api/echo", content=content, headers=headers)
    assert reply.status_code == status, reply.text
    assert reply.json()["success"] is (status == 200)


@pytest.mark.asyncio
async def test_a_chunked_body_is_limited(tmp_path: Path) -> None:
    async with kernel(tmp_path, echoes()) as k:
        reply = await k.client.put("/api/echo", content=chunks(500_000, 1000), headers=JSON)
        assert reply.status_code == 413
        reply = await k.client.put("/api/echo", headers=JSON | {"Content-Length": "-1"}, content=b"{}")
        assert reply.status_code == 400
        reply = await k.client.put("/api/echo", headers=JSON | {"Content-Encoding": "gzip"}, content=b"{}")
        assert reply.status_code == 415


@pytest.mark.asyncio
async def test_uploads_have_their_own_limit(tmp_path: Path) -> None:
    async with kernel(tmp_path, echoes()) as k:
        reply = await k.client.post("/api/echo/file", content=chunks(500_000, 6), headers=FULL)
        assert reply.json()["message"] == "3000000"
        reply = await k.client.post("/api/echo/file", content=chunks(500_000, 7), headers=FULL)
        assert (reply.status_code, reply.json()["error"]) == (413, "The body is too large.")
        reply = await k.client.post("/api/echo/file", content=b"x" * 3_000_001, headers=FULL)
        assert reply.status_code == 413
        assert (await k.client.post("/api/echo/nothing", headers=FULL)).status_code == 200


@pytest.mark.asyncio
async def test_a_stalled_body_is_400(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    monkeypatch.setattr(body, "BODY_SECONDS", 0.05)
    async with kernel(tmp_path, echoes()) as k:
        reply = await k.client.put("/api/echo", content=stalling(), headers=JSON)
    assert reply.status_code == 400
    assert "did not arrive" in reply.json()["error"]


@pytest.mark.asyncio
async def test_nul_in_the_address_is_refused(tmp_path: Path) -> None:
    async with kernel(tmp_path, echoes()) as k:
        reply = await k.client.post("/api/echo/nothing?a=%00", headers=FULL)
    assert reply.status_code == 400


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


values = st.recursive(
    st.none() | st.booleans() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=60,
)


@given(values, st.integers(0, 40))
def test_depth_is_measured_exactly(value: Any, wrapped: int) -> None:
    for _ in range(wrapped):
        value = [value]
    content = to_json(value)
    if depth(value) > MAX_JSON_DEPTH:
        with pytest.raises(BadRequest):
            parse_json(content)
    else:
        assert parse_json(content) == value


@given(st.binary(max_size=60))
def test_any_bytes_parse_or_are_refused(content: bytes) -> None:
    try:
        parse_json(content)
    except BadRequest:
        return


@given(st.text(max_size=30))
def test_any_content_type_can_be_checked(text: str) -> None:
    assert is_json(text) in (True, False)

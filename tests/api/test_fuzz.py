"""Nothing that a caller sends makes a 500, and nothing lets a stranger in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from app.api.deps import Paging, RowId
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.config import Config
from app.core.schemas import In, MessageReply
from tests.api.kernel import FULL_KEY, kernel

HEADERS = """X-Api-Key Cookie Content-Type Content-Length Content-Encoding X-Request-Id X-CSRF-Token If-None-Match
Idempotency-Key X-Forwarded-For X-Forwarded-Proto Origin Accept Range Expect Host"""
PATHS = ["/api/things", "/api/things/a", "/api/things/1/rows", "/docs", "/docs/start.js", "/api/openapi.json"]
QUERIES = [b"size=1", b"size=a", b"apikey=", b"size=%00", b"size=%ff&size", b"page=99999999999999999999", b"page=1e5"]
BODIES = [b'{"name": "a"}', b'{"name": "\\ud800"}', b'{"size": 1e999}', b'{"name": "a", "size": 1e400}']

pieces = st.sampled_from(["", "api", "things", "ping", "docs", "..", "."]) | st.text(max_size=20)
calls = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "BREW"]),
    st.sampled_from(PATHS) | st.lists(pieces).map(lambda parts: "/" + "/".join(parts)),
    st.binary(max_size=40) | st.sampled_from(QUERIES),
    st.lists(
        st.tuples(st.sampled_from(HEADERS.lower().split()), st.text(st.characters(max_codepoint=255), max_size=60)),
        max_size=6,
    ),
    st.binary(max_size=30) | st.sampled_from(BODIES),
)


class Thing(In):
    name: str
    size: int = 0


def things() -> ApiRouter:
    router = ApiRouter(tag=Tag.SYSTEM, prefix="/api/things")

    @router.get("/{name}")
    @RoutePolicy(Access.READ, etag=True)
    async def get_thing(name: str, request: Request, size: int = 0) -> MessageReply:
        return MessageReply(message=f"{name} {size}", data={"path": request.url.path})

    @router.get("/{thing_id}/rows")
    @RoutePolicy(Access.READ)
    async def list_rows(thing_id: RowId, paging: Paging) -> MessageReply:
        return MessageReply(message=str(paging.offset))

    @router.post("")
    @RoutePolicy(Access.FULL)
    async def create_thing(body: Thing) -> MessageReply:
        return MessageReply(message=body.name)

    return router


async def status_of(app: FastAPI, call: tuple[Any, ...], *, is_let_in: bool) -> int:
    method, path, query, headers, body = call
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    if is_let_in:
        sent = [*(pair for pair in sent if pair[0] != b"x-api-key"), (b"x-api-key", FULL_KEY.encode())]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": sent,
        "client": ("198.51.100.9", 1),
        "server": ("huntarr", 80),
        "scheme": "http",
    }
    statuses: list[int] = []
    is_read = asyncio.Event()

    async def receive() -> Message:
        if is_read.is_set():
            await asyncio.Event().wait()  # as a server does: nothing more comes until the caller hangs up
        is_read.set()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("is_let_in", [True, False])
@pytest.mark.process
async def test_odd_requests_are_answered(tmp_path: Path, is_let_in: bool) -> None:
    odd = Config(data_dir=tmp_path, cors_origins="https://a.example", trusted_proxies="198.51.100.0/24")
    cases: list[tuple[Any, ...]] = []

    @settings(max_examples=600, database=None, deadline=None)
    @given(calls)
    def collect(call: tuple[Any, ...]) -> None:
        cases.append(call)

    collect()
    open_paths = {"/ping", "/api/health"}
    async with kernel(tmp_path, things(), config=odd) as k:
        for call in cases:
            status = await status_of(k.app, call, is_let_in=is_let_in)
            assert status < 500, call
            if not is_let_in and call[1] not in open_paths and status < 300:
                assert call[0] == "OPTIONS", call

"""What every reply has around it."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from structlog.testing import capture_logs

from app.api.context import client_address, context_of
from app.api.middleware import MAX_HEADERS, MAX_QUERY_BYTES
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.config import Config
from app.core.schemas import In, MessageReply
from tests.api.kernel import FULL, FULL_KEY, client_of, kernel

pytestmark = pytest.mark.asyncio


class Thing(In):
    name: str
    size: int = 0


def things() -> ApiRouter:
    router = ApiRouter(tag=Tag.SYSTEM, prefix="/api/things")

    @router.get("/{name}")
    @RoutePolicy(Access.READ)
    async def get_thing(name: str, request: Request, size: int = 0) -> MessageReply:
        context = context_of(request.scope)
        return MessageReply(
            data={"client": client_address(request), "https": context.is_https, "path": request.url.path}
        )

    @router.post("")
    @RoutePolicy(Access.FULL)
    async def create_thing(body: Thing) -> MessageReply:
        return MessageReply(message=body.name)

    return router


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/things/a", FULL, 200),
        ("/api/things/a", {}, 401),
        ("/nothing", FULL, 404),
        ("/ping", {}, 200),
        ("/ping?x" + "x" * MAX_QUERY_BYTES, {}, 400),
        ("/docs", FULL, 200),
    ],
)
async def test_replies_have_the_security_headers(
    tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    async with kernel(tmp_path, things()) as k:
        reply = await k.client.get(path, headers=headers)
    assert reply.status_code == status
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert len(reply.headers.get_list("x-request-id")) == 1
    assert "server" not in reply.headers
    assert not any(name.startswith("access-control") for name in reply.headers)


@pytest.mark.parametrize(
    ("given_id", "is_taken"),
    [
        ("abc-1_2.3", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("", False),
        ("ä", False),
        ("a\n", False),
    ],
)
async def test_request_ids(tmp_path: Path, given_id: str, is_taken: bool) -> None:
    async with kernel(tmp_path) as k:
        reply = await k.client.get("/ping", headers=[(b"X-Request-Id", given_id.encode())])
        twice = await k.client.get("/ping", headers=[(b"X-Request-Id", b"a"), (b"X-Request-Id", b"a")])
    found = reply.headers["x-request-id"]
    assert (found == given_id) is is_taken
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", found)
    assert twice.headers["x-request-id"] != "a"


async def test_limits_of_the_head(tmp_path: Path) -> None:
    async with kernel(tmp_path, things()) as k:
        for headers in (
            [(f"X-{number}", "a") for number in range(MAX_HEADERS)],
            [(f"X-{number}", "a" * 4000) for number in range(10)],
        ):
            reply = await k.client.get("/api/things/a", headers=[*FULL.items(), *headers])
            assert (reply.status_code, reply.json()["success"]) == (400, False)
        reply = await k.client.get("/api/things/a?q=" + "x" * (MAX_QUERY_BYTES - 2), headers=FULL)
        assert reply.status_code == 200


async def test_the_log_line_has_the_template_and_no_secret(tmp_path: Path) -> None:
    async with kernel(tmp_path, things()) as k:
        with capture_logs() as lines:
            await k.client.get(f"/api/things/private?apikey={FULL_KEY}", headers={"X-Request-Id": "r-1"})
            await k.client.get(f"/api/nothing/private?apikey={FULL_KEY}x")
    first, second = lines
    assert (first["method"], first["route"], first["status"]) == ("GET", "/api/things/{name}", 200)
    assert (first["log_level"], first["client"]) == ("debug", "198.51.100.9")
    assert (second["route"], second["status"], second["log_level"]) == (None, 401, "info")
    assert "private" not in str(lines)
    assert FULL_KEY not in str(lines)


async def test_forwarded_headers_count_from_trusted_proxies_only(tmp_path: Path) -> None:
    believing = Config(data_dir=tmp_path, trusted_proxies="10.0.0.0/8")
    headers = FULL | {"X-Forwarded-For": "6.6.6.6, 203.0.113.5", "X-Forwarded-Proto": "https"}
    async with kernel(tmp_path, things(), config=believing) as k:
        seen = (await k.client.get("/api/things/a", headers=headers)).json()["data"]
        assert (seen["client"], seen["https"]) == ("198.51.100.9", False)
        async with client_of(k.app, "10.1.2.3") as proxied:
            seen = (await proxied.get("/api/things/a", headers=headers)).json()["data"]
            assert (seen["client"], seen["https"]) == ("203.0.113.5", True)


async def test_all_routes_are_under_the_sub_path(tmp_path: Path) -> None:
    below = Config(data_dir=tmp_path, base_url="/huntarr")
    async with kernel(tmp_path, things(), config=below) as k:
        assert (await k.client.get("/huntarr/ping")).status_code == 200
        reply = await k.client.get("/huntarr/api/things/a", headers=FULL)
        assert reply.json()["data"]["path"] == "/huntarr/api/things/a"
        assert (await k.client.get("/huntarr/api/things/a")).status_code == 401
        assert (await k.client.get("/huntarr", headers=FULL)).status_code == 404
        assert (await k.client.get("/huntarr/huntarr/ping")).status_code == 401
        for outside in ("/ping", "/api/things/a", "/huntarrx/ping", "/"):
            reply = await k.client.get(outside, headers=FULL)
            assert (reply.status_code, reply.json()["success"]) == (404, False)
        made = (await k.client.get("/huntarr/api/openapi.json", headers=FULL)).json()
        assert made["servers"] == [{"description": "Where this document comes from.", "url": "/huntarr"}]
        page = await k.client.get("/huntarr/docs", headers=FULL)
        assert "Path=/huntarr/docs;" in page.headers["set-cookie"]


async def test_cors_is_for_the_configured_origins(tmp_path: Path) -> None:
    origin = {"Origin": "https://dash.example"}
    asked = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    allowed = Config(data_dir=tmp_path, cors_origins="https://dash.example")
    async with kernel(tmp_path, things(), config=allowed) as k:
        preflight = await k.client.options("/api/things", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://dash.example"
        assert "access-control-allow-credentials" not in preflight.headers
        for headers, status in ((FULL, 200), ({}, 401)):
            reply = await k.client.get("/api/things/a", headers=origin | headers)
            assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (status, "https://dash.example")
        other = await k.client.get("/api/things/a", headers=FULL | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        assert (await k.client.options("/api/things", headers=origin)).status_code == 401


async def test_there_are_no_websockets(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        sent: list[Any] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "websocket",
            "path": "/ping",
            "headers": [],
            "query_string": b"",
            "client": None,
        }
        await k.app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]

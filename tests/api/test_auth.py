"""Authentication and permissions, decided before the body is read."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from asgi_lifespan import LifespanManager
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient
from starlette.types import Message

from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRoute, ApiRouter
from app.api.tags import Tag
from app.core.config import Config
from app.core.schemas import In, MessageReply
from app.main import create_app
from tests.api.kernel import CSRF, FULL, FULL_KEY, READ, READ_KEY, SESSION, WITH_SESSION, Store, client_of, kernel

pytestmark = pytest.mark.asyncio

OPEN = {
    ("GET", "/ping"),
    ("GET", "/api/health"),
    ("GET", "/api/setup/status"),
    ("POST", "/api/setup"),
    ("POST", "/api/auth/login"),
    ("GET", "/login"),
    ("GET", "/setup"),
    ("GET", "/pages/{asset}"),
}


class Note(In):
    text: str


def notes() -> ApiRouter:
    router = ApiRouter(tag=Tag.SYSTEM, prefix="/api/notes")

    @router.get("")
    @RoutePolicy(Access.READ)
    async def list_notes() -> MessageReply:
        return MessageReply(message="read")

    @router.post("")
    @RoutePolicy(Access.FULL)
    async def create_note(body: Note) -> MessageReply:
        return MessageReply(message=body.text)

    @router.get("/export")
    @RoutePolicy(Access.FULL)
    async def export_notes() -> MessageReply:
        return MessageReply(message="full")

    @router.delete("/keys")
    @RoutePolicy(Access.SESSION_ONLY)
    async def delete_note_key() -> MessageReply:
        return MessageReply(message="session")

    return router


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ([], "", 401),
        ([("X-Api-Key", FULL_KEY)], "", 200),
        ([("x-API-key", FULL_KEY)], "", 200),
        ([("X-Api-Key", READ_KEY)], "", 200),
        ([], f"apikey={FULL_KEY}", 200),
        ([], f"%61pikey={FULL_KEY}", 200),
        ([], f"ApiKey={FULL_KEY}", 401),
        ([("Cookie", f"huntarr_session={SESSION}")], "", 200),
        ([("Cookie", f"a=b; huntarr_session={SESSION}")], "", 200),
        # The first one present decides.
        ([("X-Api-Key", "wrong")], f"apikey={FULL_KEY}", 401),
        ([("X-Api-Key", "")], f"apikey={FULL_KEY}", 401),
        ([("X-Api-Key", FULL_KEY)], "apikey=wrong", 200),
        ([("Cookie", f"huntarr_session={SESSION}")], "apikey=", 401),
        ([("Cookie", "huntarr_session=wrong")], f"apikey={FULL_KEY}", 200),
        # Twice is wrong, even if both are right.
        ([("X-Api-Key", FULL_KEY), ("X-Api-Key", FULL_KEY)], "", 401),
        ([], f"apikey={FULL_KEY}&apikey={FULL_KEY}", 401),
        ([("Cookie", f"huntarr_session={SESSION}; huntarr_session={SESSION}")], "", 401),
        ([("Cookie", "huntarr_session=")], "", 401),
        ([("X-Api-Key", f"{FULL_KEY},{FULL_KEY}")], "", 401),
        ([("X-Api-Key", "\xe9" * 40)], "", 401),
        # A bearer token is the second of four.
        ([("Authorization", f"Bearer {FULL_KEY}")], "", 200),
        ([("authorization", f"bearer  {FULL_KEY} ")], "", 200),
        ([("Authorization", f"Bearer {READ_KEY}")], "apikey=wrong", 200),
        ([("Authorization", f"Bearer {FULL_KEY}"), ("Cookie", "huntarr_session=wrong")], "", 200),
        ([("Authorization", f"Bearer {FULL_KEY}"), ("X-Api-Key", "wrong")], "", 401),
        ([("Authorization", "Bearer wrong"), ("X-Api-Key", FULL_KEY)], "", 200),
        ([("Authorization", "Bearer wrong")], f"apikey={FULL_KEY}", 401),
        ([("Authorization", "Bearer")], f"apikey={FULL_KEY}", 401),
        ([("Authorization", "Bearer wrong"), ("Cookie", f"huntarr_session={SESSION}")], "", 401),
        ([("Authorization", f"Bearer {FULL_KEY}"), ("Authorization", f"Bearer {FULL_KEY}")], "", 401),
        ([("Authorization", f"Bearer {FULL_KEY}, Bearer {FULL_KEY}")], "", 401),
        # What a proxy in front is told is none of ours.
        ([("Authorization", "Basic b3duZXI6cGFzc3dvcmQ=")], "", 401),
        ([("Authorization", "Basic b3duZXI6cGFzc3dvcmQ=")], f"apikey={FULL_KEY}", 200),
        ([("Authorization", FULL_KEY)], "", 401),
    ],
)
async def test_first_credential_present_decides(
    tmp_path: Path, headers: list[tuple[str, str]], query: str, status: int
) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    async with kernel(tmp_path, notes()) as k:
        reply = await k.client.get(f"/api/notes?{query}", headers=sent)
    assert reply.status_code == status
    if status == 401:
        assert reply.json()["success"] is False
        assert reply.headers["www-authenticate"].startswith("ApiKey")


async def test_what_each_access_level_allows(tmp_path: Path) -> None:
    async with kernel(tmp_path, notes()) as k:

        async def status(method: str, path: str, headers: dict[str, str]) -> int:
            body = {"text": "a"} if method == "POST" else None
            return (await k.client.request(method, f"/api/notes{path}", headers=headers, json=body)).status_code

        assert await status("POST", "", FULL) == 200
        assert await status("POST", "", READ) == 403
        assert await status("GET", "/export", READ) == 403
        assert await status("GET", "/export", FULL) == 200
        assert await status("DELETE", "/keys", FULL) == 403
        assert await status("DELETE", "/keys", WITH_SESSION) == 403
        assert await status("DELETE", "/keys", WITH_SESSION | {"X-CSRF-Token": "wrong"}) == 403
        assert await status("DELETE", "/keys", WITH_SESSION | {"X-CSRF-Token": CSRF}) == 200
        assert await status("POST", "", WITH_SESSION) == 403
        assert await status("GET", "", WITH_SESSION) == 200


async def test_callers_without_credentials_are_refused_before_the_body_is_read(tmp_path: Path) -> None:
    async with kernel(tmp_path, notes()) as k:
        for content, kind in ((b"{", "application/json"), (b"x" * 3_000_000, "text/plain"), (b"", "")):
            reply = await k.client.post("/api/notes", content=content, headers={"Content-Type": kind})
            assert reply.status_code == 401
        sent: list[Message] = []

        async def receive() -> Message:
            raise AssertionError("the body was read")

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/api/notes",
            "raw_path": b"/api/notes",
            "query_string": b"",
            "headers": [(b"content-length", b"99999999999")],
            "client": ("198.51.100.9", 1),
            "server": ("huntarr", 80),
            "scheme": "http",
        }
        await k.app(scope, receive, send)
        assert sent[0]["status"] == 401


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/notes/",
        "/api//notes",
        "/API/notes",
        "/api/notes/nothing",
        "/ping/",
        "/Ping",
        "/api/health/../notes",
        "/api/health/",
        "/docs/../api/notes",
        "/api/notes;apikey=1",
        "/ping/%2e%2e/api/notes",
        "/docs/start.js",
        "/docs",
        "/openapi.json",
        "/redoc",
    ],
)
async def test_unknown_paths_need_credentials(tmp_path: Path, path: str) -> None:
    async with kernel(tmp_path, notes()) as k:
        for method in ("GET", "POST", "DELETE", "OPTIONS", "HEAD", "BREW"):
            reply = await k.client.request(method, path, follow_redirects=False)
            assert reply.status_code == 401, (method, path)


async def test_wrong_methods_need_credentials_too(tmp_path: Path) -> None:
    async with kernel(tmp_path, notes()) as k:
        assert (await k.client.put("/ping")).status_code == 401
        reply = await k.client.put("/api/notes", headers=FULL)
    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, HEAD, POST"
    assert reply.json() == {"success": False, "error": "This address does not take this method."}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PUT"])
async def test_a_slash_at_the_end_is_named_and_nothing_is_done(tmp_path: Path, method: str) -> None:
    """What ends in a slash may have lost its id: `DELETE /api/history/` must not delete the history."""
    async with kernel(tmp_path, notes(), config=Config(data_dir=tmp_path, base_url="/huntarr")) as k:

        async def sentence(path: str, status: int, **headers: str) -> str:
            reply = await k.client.request(method, f"/huntarr{path}", headers=headers, follow_redirects=False)
            assert (reply.status_code, "location" in reply.headers) == (status, False)
            return "" if method == "HEAD" else str(reply.json()["error"])

        for path, template in (
            ("/api/notes", "/api/notes"),
            ("/ping", "/ping"),
            ("/api/webhooks/hooks/a-token", "/api/webhooks/hooks/{hook}"),
        ):
            said = await sentence(f"{path}/", 404, **FULL)
            assert said in ("", f"There is nothing at this address; /huntarr{template} has no slash at its end.")
        assert "no slash" not in await sentence("/api/notes//", 404, **FULL)
        assert "no slash" not in await sentence("/api/unknown/", 404, **FULL)
        assert "no slash" not in await sentence("/api/notes/", 401)
        # Whoever has no key must learn it too, where none is needed.
        assert "no slash" in await sentence("/api/auth/login/", 401) or method == "HEAD"


class Untouchable:
    """A container that only authenticates callers: a handler that ran would fail."""

    def __init__(self) -> None:
        self.auth = SimpleNamespace(credentials=Store())

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a stranger's request reached {name}")


async def test_every_route_has_a_policy_and_refuses_callers_without_credentials(tmp_path: Path) -> None:
    app = create_app(Config(data_dir=tmp_path))
    app.state.container = Untouchable()
    seen = 0
    async with LifespanManager(app) as alive, client_of(alive.app) as client:
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            assert isinstance(route, ApiRoute), f"{context.path} is no route of ours"
            for method in route.methods:
                seen += 1
                await _check_closed(client, route, method)
    assert seen >= 7


async def _check_closed(client: AsyncClient, route: ApiRoute, method: str) -> None:
    if route.policy.access is Access.PUBLIC:
        assert (method, route.path) in OPEN
        return
    path = route.path
    for name in route.param_convertors:
        path = path.replace(f"{{{name}}}", "1")
    forged: dict[str, str]
    for forged in ({}, {"X-Api-Key": "x" * 51}, {"Cookie": "huntarr_session=forged"}, {"X-Forwarded-For": "127.0.0.1"}):
        reply = await client.request(method, path, headers=forged, content=b"{")
        assert reply.status_code == 401, (method, path)


async def get_thing() -> MessageReply:
    return MessageReply()


async def test_a_route_must_declare_a_policy() -> None:
    with pytest.raises(TypeError, match="must declare one policy, it declares none"):
        ApiRouter(tag=Tag.SYSTEM).get("/api/thing")(get_thing)


async def test_a_route_must_not_declare_two_policies() -> None:
    once = RoutePolicy(Access.READ)(lambda: None)
    with pytest.raises(TypeError, match="must declare one policy, it declares several"):
        RoutePolicy(Access.FULL)(once)


async def test_a_token_route_must_say_how_its_token_is_resolved() -> None:
    with pytest.raises(TypeError, match="needs `resolve`"):
        RoutePolicy(Access.HOOK_TOKEN)


async def test_a_read_needs_only_the_credentials_of_the_container(tmp_path: Path) -> None:
    """Authentication needs only the credentials of the container."""
    app = create_app(Config(data_dir=tmp_path), routers=[notes()])
    app.state.container = SimpleNamespace(auth=SimpleNamespace(credentials=Store()))

    async with client_of(app) as client:
        assert (await client.get("/api/notes", headers=FULL)).status_code == 200
        assert (await client.get("/api/notes", headers={"X-Api-Key": "wrong"})).status_code == 401

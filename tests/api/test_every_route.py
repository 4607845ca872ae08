"""Every route of the application against every kind of caller: who is refused, and that no handler ran for them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager
from fastapi.routing import iter_route_contexts
from httpx import ASGITransport, AsyncClient

from app.api.policy import Access
from app.api.routing import ApiRoute
from app.core.config import Config
from app.main import create_app
from tests.support.rig import KEY
from tests.support.served_app import ServedApp

pytestmark = pytest.mark.asyncio

# What the kernel needs (None: all of it). The rest of the container is out of reach, so a handler that ran shows.
KERNEL: dict[str, Any] = {
    "auth": {"credentials": None},
    "infra": {"clock": None, "config": None, "box": None},
    "idempotency": None,
}


@dataclass
class Sealed:
    """A container in which only the kernel's parts work; whatever else is touched is noted, and fails."""

    inner: Any
    allowed: dict[str, Any] = field(default_factory=lambda: KERNEL)
    touched: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name not in self.allowed:
            self.touched.append(name)
            raise AssertionError(f"a handler reached for {name}")
        part, allowed = getattr(self.inner, name), self.allowed[name]
        return part if allowed is None else Sealed(part, allowed, self.touched)


@dataclass
class Somebody:
    """One kind of caller: headers, and with which status which permission refuses it."""

    name: str
    headers: dict[str, str]
    refused: dict[Access, int]
    change: dict[Access, int] | None = None

    def expected(self, access: Access, method: str) -> int | None:
        table = self.refused if method in ("GET", "HEAD") or self.change is None else self.change
        return table.get(access)


ASKING = (Access.READ, Access.FULL, Access.SESSION_ONLY, Access.APP_TOKEN)
NOT_THE_TOKEN = {Access.HOOK_TOKEN: 401}  # the address of a hook is its token: nothing else opens it
NOBODY = dict.fromkeys(ASKING, 401) | NOT_THE_TOKEN
NOTHING_DONE = dict.fromkeys(ASKING, 403) | NOT_THE_TOKEN
ONLY_KEY = {Access.SESSION_ONLY: 403} | NOT_THE_TOKEN
ONLY_READING = {Access.FULL: 403, Access.SESSION_ONLY: 403} | NOT_THE_TOKEN


async def everybody(served: ServedApp) -> list[Somebody]:
    owner, revoked, other = await served.owner(), await served.owner(), await served.owner()
    full, reading = (await owner.key("full"))["key"], (await owner.key("read"))["key"]
    expired = (await owner.key("full", expires_at="2026-11-23T12:01:00Z"))["key"]
    deleted = await owner.key("full")
    await owner.delete(f"/api/auth/api-keys/{deleted['id']}")
    dead = revoked.token
    await revoked.post("/api/auth/logout")
    served.rig.clock.forward(minutes=2)
    cookie = {"Cookie": f"huntarr_session={owner.token}"}
    return [
        Somebody("nothing", {}, NOBODY),
        Somebody("an invented address", {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}, NOBODY),
        Somebody("a wrong key", {"X-Api-Key": "huntarr_" + "x" * 43}, NOBODY),
        Somebody("an expired key", {"X-Api-Key": expired}, NOBODY),
        Somebody("a deleted key", {"X-Api-Key": deleted["key"]}, NOBODY),
        Somebody("a forged cookie", {"Cookie": "huntarr_session=forged"}, NOBODY),
        Somebody("a session that was ended", {"Cookie": f"huntarr_session={dead}"}, NOBODY),
        Somebody("a wrong key beside a session", {"X-Api-Key": "wrong"} | cookie, NOBODY),
        Somebody("a reading key", {"X-Api-Key": reading}, ONLY_READING, NOTHING_DONE),
        Somebody("a full key", {"X-Api-Key": full}, ONLY_KEY),
        Somebody("the key of the environment", {"X-Api-Key": KEY}, ONLY_KEY),
        Somebody("a session", cookie | {"X-CSRF-Token": str(owner.csrf)}, NOT_THE_TOKEN),
        Somebody("a session without its token", cookie, NOT_THE_TOKEN, NOTHING_DONE),
        Somebody(
            "a session with another's token", cookie | {"X-CSRF-Token": str(other.csrf)}, NOT_THE_TOKEN, NOTHING_DONE
        ),
    ]


@dataclass
class Walk:
    client: AsyncClient
    sealed: Sealed
    routes: list[ApiRoute]
    callers: list[Somebody]


@pytest_asyncio.fixture
async def walk(served: ServedApp) -> AsyncIterator[Walk]:
    callers = await everybody(served)
    sealed = Sealed(served.rig.container)
    app = create_app(Config(data_dir=served.rig.config.data_dir))
    app.state.container = sealed
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    assert all(isinstance(route, ApiRoute) for route in routes)
    async with LifespanManager(app) as alive:
        asgi: Any = alive.app

        async def from_anywhere(scope: Any, receive: Any, send: Any) -> None:
            """Each call from an address of its own: the limit on wrong keys is not what this is about."""
            number = next(addresses)
            await asgi(
                scope | {"client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1)}, receive, send
            )

        addresses = iter(range(1, 1 << 24))
        transport = ASGITransport(app=from_anywhere, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://huntarr") as client:
            yield Walk(client, sealed, [route for route in routes if isinstance(route, ApiRoute)], callers)


def address_of(route: ApiRoute) -> str:
    path = route.path
    for name in route.param_convertors:
        path = path.replace(f"{{{name}}}", "sonarr" if name == "app_type" else "1")
    return path


@pytest.mark.process
async def test_every_route_with_every_kind_of_caller(walk: Walk) -> None:
    refused = allowed = 0
    for route in walk.routes:
        for method in sorted(route.allowed_methods):
            for somebody in walk.callers:
                walk.sealed.touched.clear()
                walk.client.cookies.clear()  # the page `/docs` sets an asset token
                # Broken JSON: whoever is let in gets no further than the body, or to a handler that is sealed off.
                reply = await walk.client.request(method, address_of(route), headers=somebody.headers, content=b"{")
                expected = somebody.expected(route.policy.access, method)
                where = (method, route.path, somebody.name, reply.status_code)
                if expected is None:
                    allowed += 1
                    assert reply.status_code not in (401, 403, 429), where
                else:
                    refused += 1
                    assert reply.status_code == expected, where
                    assert walk.sealed.touched == [], where
    assert refused > 300
    assert allowed > 100


async def test_callers_are_refused_before_the_body_is_read(walk: Walk) -> None:
    """Whatever the body is: too large, not JSON, not there."""
    for route in walk.routes:
        if route.policy.access is Access.PUBLIC or route.methods == {"GET"}:
            continue
        [method] = route.methods
        for content, kind in ((b"x" * 2_000_000, "application/json"), (b"a=b", "text/plain"), (b"", "")):
            headers = {"Content-Type": kind}
            reply = await walk.client.request(method, address_of(route), headers=headers, content=content)
            assert reply.status_code == 401, (method, route.path, kind)

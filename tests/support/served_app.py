"""The whole application as its callers see it: visitors with addresses, cookies and secrets that must not leak."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyotp
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlmodel import select
from structlog.testing import capture_logs

from app.auth.models import ApiKey, Audit, LoginSession, RecoveryCode, User
from app.auth.services import AuthServices
from app.container import Container
from app.core.config import Config
from app.main import create_app
from tests.support.rig import KEY, Rig

OWNER = "Ada Lovelace"
PASSWORD = "correct horse battery"
COOKIE = "huntarr_session"


@dataclass
class ServedApp:
    """One application, and everybody who knocks."""

    rig: Rig
    app: FastAPI
    asgi: Any
    stack: AsyncExitStack
    lines: list[Any]
    secrets: set[str] = field(default_factory=lambda: {KEY, PASSWORD})
    calls: int = 0

    @property
    def trust(self) -> AuthServices:
        return self.rig.container.auth

    @property
    def setup_token(self) -> str:
        return self.trust.accounts.setup_token()

    async def visitor(self, peer: str = "203.0.113.7", host: str = "huntarr.example", **headers: str) -> "Visitor":
        """Somebody with an address and an empty cookie jar."""
        transport = ASGITransport(app=self.asgi, raise_app_exceptions=False, client=(peer, 40000))
        client = AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers)
        return Visitor(self, await self.stack.enter_async_context(client))

    async def local(self, **headers: str) -> "Visitor":
        """Somebody on the machine itself."""
        return await self.visitor("127.0.0.1", "localhost:9705", **headers)

    async def make_owner(self) -> None:
        given = {"username": OWNER, "password": PASSWORD, "setup_token": self.setup_token}
        reply = await (await self.visitor()).post("/api/setup", given)
        assert reply.status_code == 201, reply.text

    async def owner(self, peer: str = "203.0.113.7") -> "Visitor":
        """The owner, logged in; made if there is none."""
        if not await self.trust.accounts.has_owner():
            await self.make_owner()
        visitor = await self.visitor(peer)
        assert (await visitor.login()).status_code == 200
        return visitor

    async def rows(self, table: type[Any]) -> list[Any]:
        async with self.rig.container.infra.db.reading() as session:
            return list((await session.exec(select(table).order_by(table.id))).all())

    async def actions(self) -> list[str]:
        """What the audit trail tells, the oldest first."""
        return [row.action for row in await self.rows(Audit)]


@dataclass
class Visitor:
    """A browser or a program: keeps cookies, sends the CSRF token it was told."""

    served: ServedApp
    client: AsyncClient
    csrf: str | None = None

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        if self.csrf is not None:
            headers.setdefault("X-CSRF-Token", self.csrf)
        self.served.calls += 1
        reply = await self.client.request(method, path, json=body, headers=headers)
        self._learn(reply)
        return reply

    async def get(self, path: str, **headers: str) -> Response:
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Response:
        return await self.call("POST", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> Response:
        return await self.call("DELETE", path, **headers)

    async def data(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self.call(method, path, body)
        assert reply.status_code < 300, (path, reply.text)
        return reply.json()["data"]

    async def login(self, password: str = PASSWORD, *, name: str = OWNER, code: str | None = None) -> Response:
        self.served.secrets.add(password)
        given = {"username": name, "password": password} | ({"totp_code": code} if code is not None else {})
        return await self.post("/api/auth/login", given)

    async def key(self, scope: str = "full", **given: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.data("POST", "/api/auth/api-keys", {"name": "n", "scope": scope, **given})
        return made

    async def two_factor(self) -> tuple["Device", list[str]]:
        """Turn it on: the device, and the recovery codes."""
        begun = await self.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
        device = Device(self.served, begun["secret"])
        codes = (await self.data("POST", "/api/auth/2fa/enable", {"code": device.code()}))["recovery_codes"]
        self.served.rig.clock.forward(seconds=30)
        return device, codes

    @property
    def token(self) -> str:
        return self.client.cookies[COOKIE]

    def _learn(self, reply: Response) -> None:
        """Note every secret that was shown; none of them may be found anywhere else."""
        data = reply.json().get("data") if reply.headers.get("content-type") == "application/json" else None
        found = data if isinstance(data, dict) else {}
        self.csrf = found.get("csrf_token") or self.csrf
        shown = [found.get(name) for name in ("csrf_token", "key", "secret")] + [reply.cookies.get(COOKIE)]
        self.served.secrets |= {text for text in [*shown, *found.get("recovery_codes", [])] if text}


@dataclass
class Device:
    """An authenticator app that lives by the clock of the test."""

    served: ServedApp
    secret: str

    def code(self, *, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.served.rig.clock.now + timedelta(seconds=30 * steps))


@asynccontextmanager
async def open_served_app(rig: Rig, *, beside: ServedApp | None = None, **changes: Any) -> AsyncIterator[ServedApp]:
    """The application on `rig`; `changes` are settings of the gateway. `beside`: both write into one log."""
    config = rig.config.model_copy(update=changes)

    @asynccontextmanager
    async def opened(_settings: Config) -> AsyncIterator[Container]:
        yield rig.container

    with capture_logs() if beside is None else nullcontext(beside.lines) as lines:
        app = create_app(config, open_container=opened)
        async with AsyncExitStack() as stack, LifespanManager(app) as alive:
            served = ServedApp(rig, app, alive.app, stack, lines)
            served.secrets.add(rig.container.auth.accounts.setup_token())
            yield served
            await _assert_discreet(served)


async def _assert_discreet(served: ServedApp) -> None:
    """No secret of any visitor in a log line, before stars are put over anything, nor in clear in a table."""
    await served.trust.credentials.flush()
    # Proof that lines were caught at all: loggers may have been bound to another chain of processors before.
    assert not served.calls or any(line["event"] == "request" for line in served.lines)
    logged = repr(served.lines)
    stored = json.dumps(
        [
            row.model_dump(mode="json")
            for table in (Audit, User, LoginSession, ApiKey, RecoveryCode)
            for row in await served.rows(table)
        ]
    )
    for secret in served.secrets:
        assert secret not in logged, "a secret stands in the logs"
        assert secret not in stored, "a secret is stored in clear"

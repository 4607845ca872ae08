"""The kernel under test: the real application over ASGI, a real SQLite file, routes that a test makes itself."""

import asyncio
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from arq.connections import RedisSettings
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlmodel import SQLModel

from app.api.routing import ApiRouter
from app.arr.http import ArrHttp
from app.auth.callers import Caller, CallerKind, Scope
from app.auth.credentials import Credentials
from app.container import Container, build_container
from app.core.bells import Bells
from app.core.config import Config
from app.core.db import Database
from app.core.embedded_redis import find_server
from app.core.queue import ArqQueue
from app.core.redis import make_redis
from app.infra import Infra
from app.main import ROUTERS, create_app
from app.metrics.traffic import AppTraffic
from app.secrets.box import SecretBox, key_digest
from tests.support.rig import ManualClock

FULL_KEY = "huntarr_full-0123456789012345678901234567890"
READ_KEY = "huntarr_read-0123456789012345678901234567890"
SESSION = "session-token"
CSRF = "csrf-token"
FULL = {"X-Api-Key": FULL_KEY}
READ = {"X-Api-Key": READ_KEY}
WITH_SESSION = {"Cookie": f"huntarr_session={SESSION}"}


class Store:
    """Two keys and a session, without a database behind them."""

    def __init__(self) -> None:
        self.keys = {
            key_digest(FULL_KEY): Caller(CallerKind.API_KEY, "full", Scope.FULL, key_id=1),
            key_digest(READ_KEY): Caller(CallerKind.API_KEY, "read", Scope.READ, key_id=2),
        }
        self.sessions = {
            key_digest(SESSION): Caller(CallerKind.SESSION, "owner", Scope.FULL, csrf=key_digest(CSRF)),
        }

    async def by_api_key(self, digest: bytes, address: str) -> Caller | None:
        return self.keys.get(digest)

    async def by_session(self, digest: bytes) -> Caller | None:
        return self.sessions.get(digest)


@dataclass
class Kernel:
    app: FastAPI
    client: AsyncClient
    container: Container
    clock: ManualClock


async def make_database(folder: Path) -> Database:
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    db = Database(f"sqlite+aiosqlite:///{folder / 'kernel.db'}")
    async with db.engines[0].begin() as connection:
        tables = [SQLModel.metadata.tables[name] for name in ("replays", "audit")]
        await connection.run_sync(SQLModel.metadata.create_all, tables=tables)
    return db


@asynccontextmanager
async def kernel(
    folder: Path, *routers: ApiRouter, redis: RedisSettings | None = None, config: Config | None = None
) -> AsyncIterator[Kernel]:
    """The application with `routers` besides its own, and a client that sends no credentials by itself."""
    clock = ManualClock()
    config = config or Config(data_dir=folder)
    async with AsyncExitStack() as opened:
        db = await make_database(folder)
        opened.push_async_callback(db.close)
        pool = make_redis(redis or RedisSettings(unix_socket_path=str(folder / "nobody.sock")))
        opened.push_async_callback(pool.aclose)
        http = await opened.enter_async_context(ArrHttp("test"))
        infra = Infra(config, clock, db, pool, ArqQueue(pool, Bells()), SecretBox("k" * 32), http)
        container = build_container(infra, AppTraffic(db, pool))
        container = replace(container, auth=replace(container.auth, credentials=cast(Credentials, Store())))
        app = create_app(config, open_container=lambda _: nullcontext(container), routers=[*routers, *ROUTERS])
        async with LifespanManager(app) as alive, client_of(alive.app) as client:
            yield Kernel(app, client, container, clock)


def client_of(app: object, peer: str = "198.51.100.9") -> AsyncClient:
    transport = ASGITransport(app=app, raise_app_exceptions=False, client=(peer, 40000))  # type: ignore[arg-type] # LifespanManager's type of an app is wider
    return AsyncClient(transport=transport, base_url="http://huntarr")


@asynccontextmanager
async def redis_server() -> AsyncIterator[RedisSettings]:
    """A real server of its own on a short path."""
    with tempfile.TemporaryDirectory(prefix="hr") as folder:
        socket = f"{folder}/s"
        server = await asyncio.create_subprocess_exec(
            find_server(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder, stdout=DEVNULL
        )
        try:
            async with asyncio.timeout(10):
                while not Path(socket).exists():  # noqa: ASYNC110, ASYNC240 - a file has no event
                    await asyncio.sleep(0.01)
            yield RedisSettings(unix_socket_path=socket)
        finally:
            server.terminate()
            await server.wait()

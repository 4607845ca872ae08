"""The door under test, with waits that are noted instead of slept."""

import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from app.arr.base import ArrClient
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection, Variant
from app.arr.registry import make_client
from app.http.messages import Exchange
from app.http.pools import PoolPerOrigin
from tests.arr.apps import App
from tests.arr.stage import SHAPES, Stage, standing

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Noted:
    """What the door did besides answering."""

    waits: list[float] = field(default_factory=list)
    requests: list[tuple[str, str, int | None, int]] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def observe(self, exchange: Exchange) -> None:
        self.requests.append((exchange.method, exchange.path, exchange.status, exchange.received_bytes))


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """One for all tests: making it is slow."""
    return ssl.create_default_context()


@pytest_asyncio.fixture
async def http(noted: Noted, tls: ssl.SSLContext) -> AsyncIterator[ArrHttp]:
    """On the real network, as a process has it."""
    pools = PoolPerOrigin(tls)
    async with ArrHttp(
        "1.2.3", observer=noted.observe, transport=pools, sleep=noted.sleep, clock=lambda: NOW, jitter=lambda: 0.5
    ) as door:
        yield door


Made = Callable[[AppType, Variant | None], ArrClient]


@pytest.fixture
def app() -> App:
    return App()


@pytest_asyncio.fixture
async def door(app: App) -> AsyncIterator[ArrHttp]:
    """To `app` and nowhere else."""

    async def no_wait(_seconds: float) -> None: ...

    async with ArrHttp("1", transport=httpx.MockTransport(app.handle), sleep=no_wait) as opened:
        yield opened


@pytest.fixture
def client_of(door: ArrHttp) -> Made:
    return lambda app_type, variant: make_client(app_type, door, Connection("http://app.test/tv", "key"), variant)


@pytest.fixture
def sonarr(client_of: Made) -> ArrClient:
    return client_of(AppType.SONARR, None)


@pytest.fixture
def radarr(client_of: Made) -> ArrClient:
    return client_of(AppType.RADARR, None)


def _named(shape: tuple[str, str, str]) -> str:
    return "-".join(shape).replace("/", "")


@pytest_asyncio.fixture(params=SHAPES, ids=_named)
async def stage(request: pytest.FixtureRequest, http: ArrHttp) -> AsyncIterator[Stage]:
    """Each simulated app; both databases, with and without a base."""
    async with standing(request.param, http) as stage:
        yield stage


@pytest_asyncio.fixture(params=[shape for shape in SHAPES if shape[0] != "whisparr3old"], ids=_named)
async def listed(request: pytest.FixtureRequest, http: ArrHttp) -> AsyncIterator[Stage]:
    """Each that has wanted lists."""
    async with standing(request.param, http) as stage:
        yield stage


def at(port: int, base: str = "", *, scheme: str = "http", timeout_seconds: float = 20.0) -> Connection:
    """An app on this machine."""
    return Connection(url=f"{scheme}://127.0.0.1:{port}{base}", api_key=KEY, timeout_seconds=timeout_seconds)

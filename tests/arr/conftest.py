"""The apps' clients under test, with waits that are recorded instead of slept."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from app.arr.base import ArrClient
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection, Variant
from app.arr.registry import make_client
from tests.arr.scripted_app import ScriptedApp
from tests.arr.simulated import CASES, SimulatedApp, simulated_app
from tests.http.recorder import Recorder

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest_asyncio.fixture
async def http(recorder: Recorder) -> AsyncIterator[ArrHttp]:
    """On the real network."""
    async with ArrHttp(
        "1.2.3", observer=recorder.observe, sleep=recorder.sleep, clock=lambda: NOW, jitter=lambda: 0.5
    ) as made:
        yield made


ClientMaker = Callable[[AppType, Variant | None], ArrClient]


@pytest.fixture
def app() -> ScriptedApp:
    return ScriptedApp()


@pytest_asyncio.fixture
async def app_http(app: ScriptedApp) -> AsyncIterator[ArrHttp]:
    """Every request goes to `app`."""

    async def no_wait(_seconds: float) -> None: ...

    async with ArrHttp("1", transport=httpx.MockTransport(app.handle), sleep=no_wait) as opened:
        yield opened


@pytest.fixture
def client_of(app_http: ArrHttp) -> ClientMaker:
    return lambda app_type, variant: make_client(app_type, app_http, Connection("http://app.test/tv", "key"), variant)


@pytest.fixture
def sonarr(client_of: ClientMaker) -> ArrClient:
    return client_of(AppType.SONARR, None)


@pytest.fixture
def radarr(client_of: ClientMaker) -> ArrClient:
    return client_of(AppType.RADARR, None)


def _named(case: tuple[str, str, str]) -> str:
    return "-".join(case).replace("/", "")


@pytest_asyncio.fixture(params=CASES, ids=_named)
async def sim(request: pytest.FixtureRequest, http: ArrHttp) -> AsyncIterator[SimulatedApp]:
    """Each simulated app; both databases, with and without a base."""
    async with simulated_app(request.param, http) as sim:
        yield sim


@pytest_asyncio.fixture(params=[case for case in CASES if case[0] != "whisparr3old"], ids=_named)
async def listed(request: pytest.FixtureRequest, http: ArrHttp) -> AsyncIterator[SimulatedApp]:
    """Each simulated app with wanted lists."""
    async with simulated_app(request.param, http) as sim:
        yield sim


def at(port: int, base: str = "", *, scheme: str = "http", timeout_seconds: float = 20.0) -> Connection:
    """An app on this machine."""
    return Connection(url=f"{scheme}://127.0.0.1:{port}{base}", api_key=KEY, timeout_seconds=timeout_seconds)

"""The service under test as one object: real database, real Redis, simulated apps over real HTTP, one moved clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asgi_lifespan import LifespanManager
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from app.arr.models import AppType
from app.container import Container, open_container
from app.core.config import Config
from app.core.schemas import Page
from app.history.filters import HistoryFilter
from app.hunting.running.timing import Timing
from app.hunting.schemas import HuntDetailOut, HuntIn, SearchOut
from app.instances.schemas import InstanceIn, InstanceOut
from app.main import create_app
from app.settings.hunting import HuntingIn
from app.settings.prowlarr import ProwlarrIn
from tests.simulator import LibrarySpec, SimApp, SimClock, SimProwlarr, SimSettings, serve
from tests.simulator.definitions import AppKind
from worker.main import make_worker

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "huntarr_test-key-0123456789012345678901234567890"
SECRET = "a-secret-key-for-tests-0123456789"


@dataclass
class ManualClock:
    """The time of day for Huntarr and for the simulated apps; it moves when a test, or a waiting hunt, says so."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)

    def monotonic(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Rig:
    """What a test of the engine works with."""

    config: Config
    container: Container
    clock: ManualClock
    _stack: AsyncExitStack
    apps: dict[int, SimApp] = field(default_factory=dict)

    async def add(
        self,
        app: SimApp,
        *,
        name: str | None = None,
        enabled: bool = True,
        **hunting: Any,
    ) -> InstanceOut:
        """Serve `app` on loopback and make an instance of it."""
        url = await self._stack.enter_async_context(serve(app))
        app_type = AppType(app.definition.app_type)
        given = InstanceIn(
            name=name or f"{app_type} {len(self.apps) + 1}",
            enabled=enabled,
            url=f"{url}{app.url_base}",
            api_key=app.settings.api_key,
            hunting=HuntingIn.model_validate(hunting),
        )
        made = await self.container.instances.create(app_type, given)
        self.apps[made.id] = app
        return made

    async def add_prowlarr(self, prowlarr: SimProwlarr, **settings: Any) -> InstanceOut:
        """Serve a simulated Prowlarr, make an instance of it and read it for the first time."""
        url = await self._stack.enter_async_context(serve(prowlarr))
        given = InstanceIn(
            name="Prowlarr", url=url, api_key=prowlarr.api_key, prowlarr=ProwlarrIn.model_validate(settings)
        )
        made = await self.container.instances.create(AppType.PROWLARR, given)
        await self.container.prowlarr.refresher.refresh(made.id)
        return made

    def prowlarr(self) -> SimProwlarr:
        """A simulated Prowlarr that lives by our clock."""
        return SimProwlarr(SimClock(self.clock))

    def sonarr(self, library: LibrarySpec | None = None, **config: Any) -> SimApp:
        """A simulated Sonarr that lives by our clock."""
        return self.simulated("sonarr", library, **config)

    def radarr(self, library: LibrarySpec | None = None, **config: Any) -> SimApp:
        return self.simulated("radarr", library, **config)

    def simulated(self, definition: AppKind, library: LibrarySpec | None = None, **config: Any) -> SimApp:
        return SimApp(definition, SimSettings(**config), library=library, clock=SimClock(self.clock))

    async def hunt(self, instance: InstanceOut, **given: Any) -> HuntDetailOut:
        """Queue one hunt and run it here, as a worker would."""
        [hunt] = await self.container.hunting.service.start(HuntIn(instance_id=instance.id, **given))
        await self.container.hunting.runner.run(hunt.id)
        return await self.container.hunting.service.get(hunt.id)

    async def history(self, instance: InstanceOut, *, page_size: int = 500) -> Page[SearchOut]:
        """The searches of the instance, newest first."""
        return await self.container.history.history(HistoryFilter(instance_id=instance.id), page=1, page_size=page_size)

    async def work(self) -> None:
        """Let a real worker empty the queue."""
        worker = make_worker(self.container, burst=True, poll_delay=0.01, cron_jobs=[])
        try:
            await worker.async_run()
        finally:
            await worker.close()

    @asynccontextmanager
    async def gateway(self, key: str | None = KEY) -> AsyncIterator[AsyncClient]:
        """A client of the real application, on this rig's container."""

        @asynccontextmanager
        async def opened(_settings: Config) -> AsyncIterator[Container]:
            yield self.container

        app = create_app(self.config, open_container=opened)
        headers = {"X-Api-Key": key} if key else {}
        async with LifespanManager(app) as alive:
            transport = ASGITransport(app=alive.app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url="http://huntarr", headers=headers) as client:
                yield client


@asynccontextmanager
async def open_rig(
    database_url: str,
    redis_url: str,
    folder: Path,
    *,
    lease_seconds: float = 5,
    polls: tuple[float, ...] = (1, 2, 4),
    push: float | None = None,
    secret: str = SECRET,
    **more: Any,
) -> AsyncIterator[Rig]:
    """`more`: settings of the process.

    `push`: as in `Timing`; hunts then wait for real, and something must move the clock meanwhile."""
    clock = ManualClock()
    config = Config(
        data_dir=folder,
        database_url=database_url,
        redis_url=SecretStr(redis_url),
        secret_key=SecretStr(secret),
        api_key=SecretStr(KEY),
        **{"tmdb_url": "http://127.0.0.1:9", **more},
    )
    timing = Timing(sleep=clock.sleep, monotonic=clock.monotonic, polls=polls, push=push)
    async with (
        AsyncExitStack() as stack,
        open_container(config, clock=clock, lease_seconds=lease_seconds, timing=timing) as container,
    ):
        yield Rig(config, container, clock, stack)

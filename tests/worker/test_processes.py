"""Worker processes that get SIGTERM. (Killed ones: tests/chaos.)"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.arr.models import AppType
from app.container import Container, open_container
from app.hunting.schemas import HuntDetailOut, HuntIn
from app.hunting.store.lease import Leases
from app.hunting.store.models import OPEN, HuntStatus
from app.instances.schemas import InstanceIn
from app.settings.hunting import HuntingIn
from tests.hunting.libraries import searches_of
from tests.simulator import LibrarySpec, SimApp, SimClock, SimSettings, serve
from tests.support.huntarr_process import LEASE_SECONDS, FastClock, HuntarrProcess, Stores

pytestmark = [pytest.mark.process, pytest.mark.asyncio, pytest.mark.timeout(240)]


@pytest.fixture
def stores(database_url: str, redis_url: str, tmp_path: Path) -> Stores:
    return Stores(database_url, redis_url, tmp_path)


@asynccontextmanager
async def hunted(stores: Stores, app: SimApp, clock: FastClock) -> AsyncIterator[tuple[Container, int]]:
    async with (
        serve(app) as url,
        open_container(stores.config, clock=clock, lease_seconds=LEASE_SECONDS, timing=clock.timing) as container,
    ):
        hunting = {"missing_batch": 6, "cutoff_batch": 0, "min_gap_seconds": 0}
        given = InstanceIn(
            name="slow", url=url, api_key=app.settings.api_key, hunting=HuntingIn.model_validate(hunting)
        )
        yield container, (await container.instances.create(AppType.RADARR, given)).id


async def until(container: Container, hunt_id: int, *, searched: int = 0, over: bool = False) -> HuntDetailOut:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        hunt = await container.hunting.service.get(hunt_id)
        if hunt.status not in OPEN or (not over and hunt.searched >= searched):
            return hunt
        await asyncio.sleep(0.02)
    raise TimeoutError(f"hunt {hunt_id} hangs")


async def test_after_sigterm_the_next_worker_continues_the_hunt(stores: Stores) -> None:
    clock = FastClock(time.time())
    settings = SimSettings(command_seconds=0.6, grab_share=0)
    app = SimApp("radarr", settings, library=LibrarySpec.with_missing(50), clock=SimClock(clock))
    worker = HuntarrProcess("worker", stores, clock)
    async with hunted(stores, app, clock) as (container, instance_id):
        [hunt] = await container.hunting.service.start(HuntIn(instance_id=instance_id))
        worker.start()
        try:
            found = await until(container, hunt.id, searched=2)
            assert found.status is HuntStatus.RUNNING
            assert await worker.stop(20) == 0, worker.output
            handed_back = await container.hunting.service.get(hunt.id)
            assert handed_back.status is HuntStatus.RUNNING
            assert await Leases(container.infra.redis, seconds=5).held([instance_id]) == set()
            worker.start()
            ended = await until(container, hunt.id, over=True)
        finally:
            worker.kill()
    assert (ended.status, ended.searched) == (HuntStatus.COMPLETED, 6)
    assert len(searches_of(app)) == 6
    assert set(searches_of(app).values()) == {1}


async def test_sigterm_ends_an_idle_worker(stores: Stores) -> None:
    worker = HuntarrProcess("worker", stores, FastClock(time.time()))
    worker.start()
    try:
        await asyncio.to_thread(worker.wait_for, "worker started")
        assert await worker.stop(20) == 0, worker.output
    finally:
        worker.kill()
    assert "Traceback" not in worker.output

"""Pausing and resuming all hunting over HTTP."""

import asyncio

import pytest
from httpx import AsyncClient

from tests.api.replies import data, eventually, field
from tests.simulator import Fault, LibrarySpec
from tests.support.rig import Rig, open_rig

pytestmark = pytest.mark.asyncio

PAUSE, RESUME = "/api/hunting/pause", "/api/hunting/resume"


async def is_paused(api: AsyncClient) -> bool:
    paused: bool = data(await api.get("/api/settings/general"))["hunting_paused"]
    return paused


@pytest.mark.storage
async def test_pause_holds_until_somebody_resumes(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=5))
    made = await rig.add(app)
    assert data(await api.post(PAUSE)) == {"paused": True, "until": None}
    assert await is_paused(api)
    hunt = await rig.hunt(made)
    assert (hunt.status, hunt.reason, hunt.message) == ("skipped", "paused", "All hunting is paused.")
    plan = data(await api.get("/api/hunts/plan", params={"instance_id": made.id}))
    assert (plan["would_run"], plan["reason"]) == (False, "paused")
    rig.clock.forward(days=400)
    assert await is_paused(api)
    assert data(await api.post(RESUME)) == {"paused": False, "until": None}
    assert data(await api.post(RESUME)) == {"paused": False, "until": None}
    assert not await is_paused(api)
    assert (await rig.hunt(made)).searched
    assert app.searcher.records


async def test_pause_with_minutes_ends_by_itself(rig: Rig, api: AsyncClient) -> None:
    assert data(await api.post(PAUSE, json={"minutes": 90})) == {"paused": True, "until": "2026-11-23T13:30:00.000Z"}
    rig.clock.forward(minutes=89)
    assert await is_paused(api)
    assert data(await api.post(PAUSE, json={"minutes": 10}))["until"] == "2026-11-23T13:39:00.000Z"
    rig.clock.forward(minutes=10)
    assert not await is_paused(api)


@pytest.mark.storage
async def test_pause_survives_a_restart(rig: Rig, api: AsyncClient, redis_url: str) -> None:
    data(await api.post(PAUSE, json={"minutes": 30}))
    folder = rig.config.data_dir
    async with open_rig(rig.config.database, redis_url, folder) as again, again.gateway() as client:
        assert await is_paused(client)
        again.clock.forward(minutes=30)
        assert not await is_paused(client)


async def test_the_setting_and_the_call_are_one_thing(rig: Rig, api: AsyncClient) -> None:
    data(await api.post(PAUSE, json={"minutes": 5}))
    data(await api.post("/api/settings/general", json={"hunting_paused": True}))
    rig.clock.forward(minutes=6)
    assert await is_paused(api)  # said without an end
    data(await api.post("/api/settings/general", json={"hunting_paused": False}))
    assert not await is_paused(api)


@pytest.mark.parametrize("minutes", [0, -1, 525601, 10**30, "soon"])
async def test_minutes_have_bounds(api: AsyncClient, minutes: object) -> None:
    assert field(await api.post(PAUSE, json={"minutes": minutes})) == "body.minutes"
    assert not await is_paused(api)


async def test_a_running_hunt_stops_before_its_next_search(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(100))
    made = await rig.add(app, missing_mode="episode", missing_batch=40, min_gap_seconds=0)
    app.faults.add(Fault("latency", path="command", method="POST", seconds=0.2))
    [hunt] = data(await api.post("/api/hunts", json={"instance_id": made.id}), 202)["hunts"]
    worker = asyncio.create_task(rig.work())
    await eventually(lambda: api.get("/api/hunts"), lambda _: bool(app.searcher.records))
    data(await api.post(PAUSE))
    await worker
    found = data(await api.get(f"/api/hunts/{hunt['id']}"))
    assert found["reason"] == "paused"
    assert len(app.searcher.records) <= 3

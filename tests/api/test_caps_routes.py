"""Caps over HTTP: what is used, what is left, and when it is free again."""

import pytest
from httpx import AsyncClient

from tests.api.replies import data
from tests.simulator import Fault, LibrarySpec
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

CAPS = "/api/caps"


@pytest.mark.storage
async def test_nothing_is_used_at_first(rig: Rig, api: AsyncClient) -> None:
    tv = await rig.add(rig.sonarr(LibrarySpec(series=1)), name="TV", daily_cap=100)
    films = await rig.add(rig.radarr(LibrarySpec(movies=1)), name="Films", hourly_cap=7)
    assert data(await api.get(CAPS)) == [
        {
            "instance_id": tv.id,
            "name": "TV",
            "app_type": "sonarr",
            "hour": {"used": 0, "cap": 20, "left": 20, "resets_at": None},
            "day": {"used": 0, "cap": 100, "left": 100, "resets_at": None},
            "budget": None,
        },
        {
            "instance_id": films.id,
            "name": "Films",
            "app_type": "radarr",
            "hour": {"used": 0, "cap": 7, "left": 7, "resets_at": None},
            "day": {"used": 0, "cap": 0, "left": None, "resets_at": None},
            "budget": None,
        },
    ]


@pytest.mark.storage
async def test_the_windows_slide(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(100))
    made = await rig.add(app, missing_mode="episode", missing_batch=2, cutoff_batch=0, hourly_cap=3, daily_cap=4)

    async def shown() -> tuple[int, int]:
        [found] = data(await api.get(CAPS))
        stats = (await rig.container.stats.read()).apps[made.app_type].instances[0]
        assert (stats.searches_this_hour, stats.searches_today) == (found["hour"]["used"], found["day"]["used"])
        assert found["hour"]["left"] == max(0, 3 - found["hour"]["used"])
        return found["hour"]["used"], found["day"]["used"]

    await rig.hunt(made)
    assert await shown() == (2, 2)
    [first, _] = reversed(data(await api.get("/api/history"))["items"])
    [caps] = data(await api.get(CAPS))
    assert caps["hour"]["resets_at"] == first["searched_at"].replace("T12", "T13")
    assert caps["day"]["resets_at"] == first["searched_at"].replace("-23T", "-24T")
    rig.clock.forward(minutes=30)
    hunt = await rig.hunt(made)
    assert (hunt.searched, await shown()) == (1, (3, 3))
    assert (await rig.hunt(made)).reason == "hourly_cap"
    rig.clock.forward(minutes=31)
    assert await shown() == (1, 3)
    assert (await rig.hunt(made)).searched == 1
    assert (await rig.hunt(made)).reason == "daily_cap"
    rig.clock.forward(hours=24)
    assert await shown() == (0, 0)
    assert len(app.searcher.records) == 4


async def test_a_refused_search_uses_no_unit(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(10))
    made = await rig.add(app, missing_mode="episode")
    app.faults.add(Fault("status", path="command", method="POST", status=401))
    await rig.hunt(made)
    [caps] = data(await api.get(CAPS))
    assert caps["hour"] == {"used": 0, "cap": 20, "left": 20, "resets_at": None}
    assert [row["outcome"] for row in data(await api.get("/api/history"))["items"]] == ["search_failed"]


async def test_a_cap_lowered_below_what_is_used_leaves_nothing(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec.with_missing(10)), missing_mode="episode", missing_batch=5)
    await rig.hunt(made)
    data(await api.patch(f"/api/instances/sonarr/{made.id}", json={"hunting": {"hourly_cap": 2}}))
    [caps] = data(await api.get(CAPS))
    assert (caps["hour"]["used"], caps["hour"]["cap"], caps["hour"]["left"]) == (5, 2, 0)

"""Reading a Prowlarr: at most four requests, its own clock, and figures that grow old."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from sqlmodel import select

from app.arr.models import AppType
from app.instances.schemas import InstancePatch
from app.prowlarr.models import ProwlarrState
from tests.api.replies import data, error, field
from tests.simulator import SimProwlarr
from tests.simulator.messages import Reply, Request
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

FIGURES = ["indexerstatus", "indexerstats"]


@pytest_asyncio.fixture
async def api(rig: Rig) -> Any:
    async with rig.gateway() as client:
        yield client


@pytest.fixture
def prowlarr(rig: Rig) -> SimProwlarr:
    found = rig.prowlarr()
    found.add("Daily", query_limit=100, grab_limit=10)
    found.add("Hourly", query_limit=30, hourly=True, privacy="public", protocol="usenet")
    found.add("Free")
    return found


async def refreshed(rig: Rig, prowlarr: SimProwlarr, **forward: float) -> list[str]:
    """What a refresh asks after so much time."""
    rig.clock.forward(**forward)
    prowlarr.requests.clear()
    await rig.container.prowlarr.refresher.refresh_due()
    return list(prowlarr.requests)


async def written(rig: Rig) -> ProwlarrState:
    async with rig.container.infra.db.reading() as session:
        return (await session.exec(select(ProwlarrState))).one()


async def test_a_refresh_makes_four_requests_at_most(rig: Rig, prowlarr: SimProwlarr) -> None:
    for number in range(200):
        prowlarr.add(f"More {number}", hourly=True, query_limit=10)
    await rig.add_prowlarr(prowlarr)
    seen = []
    for _ in range(40):
        asked = await refreshed(rig, prowlarr, minutes=5)
        assert len(asked) <= 4
        assert set(FIGURES) <= set(asked)
        seen += asked
    assert {name: seen.count(name) for name in ("indexer", "applications", "system/status")} == {
        "indexer": 3,
        "applications": 4,
        "system/status": 3,
    }


@pytest.mark.parametrize("name", ["indexer", "applications", "indexerstatus", "indexerstats"])
async def test_a_refresh_that_fails_makes_no_more_requests(rig: Rig, prowlarr: SimProwlarr, name: str) -> None:
    await rig.add_prowlarr(prowlarr)
    prowlarr.failing = {name: 503}
    seen = []
    for minutes in (5, 70, 5, 70):
        asked = await refreshed(rig, prowlarr, minutes=minutes)
        assert len(asked) <= 4
        seen += asked
    assert name in seen


async def test_the_last_request_of_four_may_fail(
    rig: Rig, prowlarr: SimProwlarr, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await rig.add_prowlarr(prowlarr)
    assert await refreshed(rig, prowlarr, minutes=5) == ["applications", *FIGURES, "indexerstats"]
    handle = prowlarr.handle

    def fails_at_the_fourth(request: Request) -> Reply:
        prowlarr.failing = {"indexerstats": 503} if len(prowlarr.requests) == 3 else {}
        return handle(request)

    monkeypatch.setattr(prowlarr, "handle", fails_at_the_fourth)
    rig.clock.forward(hours=1)
    seen = [await refreshed(rig, prowlarr, minutes=5) for _ in range(4)]
    assert ["indexer", *FIGURES, "indexerstats"] in seen
    assert all(len(asked) <= 4 for asked in seen)
    assert (await rig.container.instances.get(AppType.PROWLARR, made.id)).online is True


async def test_a_prowlarr_is_read_when_its_time_has_come(rig: Rig, prowlarr: SimProwlarr, api: AsyncClient) -> None:
    made = await rig.add_prowlarr(prowlarr, refresh_minutes=10)
    assert await refreshed(rig, prowlarr)  # the first time by the clock
    assert await refreshed(rig, prowlarr, minutes=1) == []
    assert await refreshed(rig, prowlarr, minutes=10)
    rig.clock.forward(seconds=1)
    data(await api.patch(f"/api/instances/prowlarr/{made.id}", json={"prowlarr": {"refresh_minutes": 5}}))
    assert await refreshed(rig, prowlarr), "changed settings count at once"
    data(await api.patch(f"/api/instances/prowlarr/{made.id}", json={"enabled": False}))
    assert await refreshed(rig, prowlarr, hours=1) == []


async def test_two_workers_read_it_once(rig: Rig, prowlarr: SimProwlarr) -> None:
    await rig.add_prowlarr(prowlarr)
    await refreshed(rig, prowlarr)
    rig.clock.forward(minutes=5)
    prowlarr.requests.clear()
    await asyncio.gather(*(rig.container.prowlarr.refresher.refresh_due() for _ in range(5)))
    assert prowlarr.requests.count("indexerstatus") == 1


async def test_the_same_figures_are_written_every_half_hour(rig: Rig, prowlarr: SimProwlarr) -> None:
    await rig.add_prowlarr(prowlarr)
    await refreshed(rig, prowlarr, minutes=5)  # the applications
    first = await written(rig)
    for _ in range(5):
        await refreshed(rig, prowlarr, minutes=5)
    assert (await written(rig)).measured_at == first.measured_at
    await refreshed(rig, prowlarr, minutes=5)
    assert (await written(rig)).measured_at == first.measured_at + timedelta(minutes=30)
    prowlarr.ask(prowlarr.indexers[1], "Sonarr")
    await refreshed(rig, prowlarr, minutes=5)
    assert (await written(rig)).measured_at == first.measured_at + timedelta(minutes=35)


async def test_an_indexer_that_stays_disabled_costs_no_write(rig: Rig, prowlarr: SimProwlarr) -> None:
    await rig.add_prowlarr(prowlarr)
    prowlarr.indexers[1].disabled_until = prowlarr.now() + 24 * 3600
    await refreshed(rig, prowlarr, minutes=5)
    first = await written(rig)
    assert first.indexers[0]["disabled_until"] is not None
    for _ in range(5):  # Prowlarr tells whole seconds, so that the difference of the clocks seems to vary
        await refreshed(rig, prowlarr, minutes=5, milliseconds=137)
    assert (await written(rig)).measured_at == first.measured_at
    prowlarr.indexers[1].disabled_until += 60
    await refreshed(rig, prowlarr, minutes=5)
    assert (await written(rig)).measured_at > first.measured_at


@pytest.mark.parametrize("ahead", [0, 3600 * 5, -3600 * 5])
async def test_windows_and_blocks_are_in_prowlarrs_time(
    rig: Rig, prowlarr: SimProwlarr, api: AsyncClient, ahead: int
) -> None:
    prowlarr.ahead_seconds = ahead
    daily, hourly, _ = prowlarr.indexers.values()
    prowlarr.ask(daily, "Sonarr", times=3)
    rig.clock.forward(hours=23)
    prowlarr.ask(daily, "Radarr", times=2)
    prowlarr.ask(hourly, "Radarr", times=7)
    rig.clock.forward(minutes=59)
    prowlarr.indexers[3].disabled_until = prowlarr.now() + 1800
    made = await rig.add_prowlarr(prowlarr)
    await refreshed(rig, prowlarr)
    found = data(await api.get(f"/api/prowlarr/{made.id}/indexers"))
    assert [each["queries"] for each in found["indexers"]] == [5, 7, 0]
    assert found["indexers"][2]["disabled_until"] == (rig.clock() + timedelta(minutes=30)).strftime(
        "%Y-%m-%dT%H:%M:%S.000Z"
    )
    await refreshed(rig, prowlarr, minutes=5)
    found = data(await api.get(f"/api/prowlarr/{made.id}/indexers"))
    assert [each["queries"] for each in found["indexers"]] == [2, 0, 0]


async def test_indexers_say_what_is_used_and_by_whom(rig: Rig, prowlarr: SimProwlarr, api: AsyncClient) -> None:
    daily, hourly, _ = prowlarr.indexers.values()
    prowlarr.ask(daily, "Sonarr", times=22)
    prowlarr.ask(daily, "Radarr", times=8, kind="rss")
    prowlarr.ask(daily, "Sonarr", times=2, kind="grab")
    daily.asked[0].successful = False
    made = await rig.add_prowlarr(prowlarr)
    found = data(await api.get(f"/api/prowlarr/{made.id}/indexers"))
    assert found["is_fresh"] is True
    assert found["agents"] == [
        {"user_agent": "Sonarr", "queries": 22, "grabs": 2},
        {"user_agent": "Radarr", "queries": 8, "grabs": 0},
    ]
    first = found["indexers"][0]
    assert {name: first[name] for name in ("queries", "rss_queries", "grabs", "failed", "success_percent")} == {
        "queries": 30,
        "rss_queries": 8,
        "grabs": 2,
        "failed": 1,
        "success_percent": 96.9,
    }
    assert (first["query_limit"], first["queries_left"], first["grabs_left"], first["window"]) == (100, 70, 8, "day")
    second = found["indexers"][1]
    assert (second["privacy"], second["protocol"], second["window"]) == ("public", "usenet", "hour")
    assert (found["indexers"][2]["query_limit"], found["indexers"][2]["success_percent"]) == (None, None)
    assert hourly.refused == 0


async def test_statistics_of_any_period_are_asked_now(rig: Rig, prowlarr: SimProwlarr, api: AsyncClient) -> None:
    made = await rig.add_prowlarr(prowlarr)
    prowlarr.ask(prowlarr.indexers[1], "Sonarr", times=4)
    prowlarr.requests.clear()
    path = f"/api/prowlarr/{made.id}/stats"
    found = data(await api.get(path, params={"hours": 48}))
    assert [(each["name"], each["queries"]) for each in found["indexers"]] == [("Daily", 4)]
    assert data(await api.get(path, params={"hours": 48})) == found
    assert prowlarr.requests == ["indexerstats"], "for half a minute it is not asked again"
    rig.clock.forward(seconds=31)
    data(await api.get(path, params={"hours": 48}))
    assert len(prowlarr.requests) == 2
    assert field(await api.get(path, params={"hours": 721})) == "query.hours"


async def test_a_prowlarr_that_fails_says_so(rig: Rig, prowlarr: SimProwlarr, api: AsyncClient) -> None:
    made = await rig.add_prowlarr(prowlarr)
    prowlarr.failing = dict.fromkeys(("indexerstats", "system/status"), 500)
    await refreshed(rig, prowlarr, minutes=5)
    shown = data(await api.get(f"/api/instances/prowlarr/{made.id}"))
    assert (shown["online"], shown["error_code"]) == (False, "bad_response")
    error(await api.get(f"/api/prowlarr/{made.id}/stats", params={"hours": 3}), 502)
    assert data(await api.get(f"/api/prowlarr/{made.id}/indexers"))["is_fresh"] is True
    rig.clock.forward(hours=2)
    assert data(await api.get(f"/api/prowlarr/{made.id}/indexers"))["is_fresh"] is False
    prowlarr.failing = {}
    await refreshed(rig, prowlarr, minutes=5)
    assert data(await api.get(f"/api/instances/prowlarr/{made.id}"))["online"] is True
    assert data(await api.get(f"/api/prowlarr/{made.id}/indexers"))["is_fresh"] is True


async def test_figures_of_another_address_do_not_count(rig: Rig, prowlarr: SimProwlarr, api: AsyncClient) -> None:
    made = await rig.add_prowlarr(prowlarr)
    change = InstancePatch(url="http://127.0.0.1:9", api_key="k" * 32)
    await rig.container.instances.update(AppType.PROWLARR, made.id, change)
    found = data(await api.get(f"/api/prowlarr/{made.id}/indexers"))
    assert (found["measured_at"], found["indexers"]) == (None, [])


async def test_what_is_no_prowlarr_has_no_indexers(rig: Rig, api: AsyncClient) -> None:
    movies = await rig.add(rig.radarr())
    for part in ("indexers", "stats", "budget"):
        assert "There is no prowlarr with the id" in error(await api.get(f"/api/prowlarr/{movies.id}/{part}"), 404)


async def test_settings_of_prowlarr_belong_to_prowlarr(rig: Rig, prowlarr: SimProwlarr, api: AsyncClient) -> None:
    made = await rig.add_prowlarr(prowlarr, reserve_percent=30)
    path = f"/api/instances/prowlarr/{made.id}"
    shown = data(await api.get(path))
    assert shown["prowlarr"] == {"refresh_minutes": 5, "reserve_percent": 30, "enforce_budget": True}
    assert shown["hunting"] is None
    changed = data(await api.patch(path, json={"prowlarr": {"reserve_percent": None, "enforce_budget": False}}))
    assert changed["overrides"] == {"enforce_budget": False}
    assert changed["prowlarr"]["reserve_percent"] == 20
    for wrong in ({"reserve_percent": 91}, {"refresh_minutes": 0}, {"no_such": 1}):
        assert field(await api.patch(path, json={"prowlarr": wrong})) == f"body.prowlarr.{next(iter(wrong))}"
    assert field(await api.patch(path, json={"hunting": {"hourly_cap": 5}})) == "body.hunting"
    movies = await rig.add(rig.radarr())
    other = await api.patch(f"/api/instances/radarr/{movies.id}", json={"prowlarr": {"reserve_percent": 5}})
    assert field(other) == "body.prowlarr"
    assert data(await api.get(f"/api/instances/radarr/{movies.id}"))["prowlarr"] is None

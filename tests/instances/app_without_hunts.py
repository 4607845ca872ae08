"""What an instance of an app that does not hunt has, and what does not appear for it.

`test_app_without_hunts.py` runs these tests, in a process in which the app type `throwaway` exists.
"""

import json
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from prometheus_client.parser import text_string_to_metric_families
from sqlmodel import func, select

from app.arr.models import AppType
from app.arr.registry import all_apps, hunting_apps
from app.core.errors import Conflict
from app.home_assistant.messages import retained_messages
from app.hunting.schemas import HuntIn, StateResetIn
from app.hunting.store.models import CapEntry, Hunt, HuntState, ItemState
from app.instances.models import InstanceState
from app.settings.hunting import modes_by_app
from tests.api.replies import data, error, field
from tests.home_assistant.publishing import snapshots_of
from tests.home_assistant.test_entities import TARGET
from tests.http.servers import answer, replying, serve
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

THROWAWAY = AppType("throwaway")
PATH = "/api/instances/throwaway"
STATUS = b'{"appName": "Throwaway", "version": "1.2.3.4", "databaseType": "sqLite", "urlBase": ""}'
OF_ANY_INSTANCE = {
    "huntarr_instance_enabled",
    "huntarr_instance_online",
    "huntarr_instance_info",
    "huntarr_instance_failures",
    "huntarr_instance_checked_timestamp_seconds",
}
"""The metrics that do not speak of hunts."""
OF_ANY_DEVICE = {"enabled", "online", "error", "event"}


@pytest_asyncio.fixture
async def api(rig: Rig) -> Any:
    async with rig.gateway() as client:
        yield client


async def created(api: AsyncClient, url: str = "http://127.0.0.1:9") -> dict[str, Any]:
    made: dict[str, Any] = data(await api.post(PATH, json={"name": "Other", "url": url, "api_key": "k" * 32}), 201)
    return made


async def rows(rig: Rig, table: Any) -> int:
    async with rig.container.infra.db.reading() as session:
        return (await session.exec(select(func.count()).select_from(table))).one()


async def test_it_is_an_app_type_and_no_hunting_one() -> None:
    assert THROWAWAY in set(all_apps()) - set(hunting_apps())
    assert "Throwaway" not in modes_by_app()


async def test_it_is_created_tested_changed_and_deleted(rig: Rig, api: AsyncClient) -> None:
    async with serve(replying(answer(STATUS))) as port:
        made = await created(api, f"http://127.0.0.1:{port}")
        assert (made["app_type"], made["hunting"], made["overrides"]) == ("throwaway", None, {})
        assert data(await api.post(f"{PATH}/{made['id']}/test"))["ok"] is True
    shown = data(await api.get(f"{PATH}/{made['id']}"))
    assert (shown["online"], shown["version"], shown["hunting"]) == (True, "1.2.3.4", None)
    assert data(await api.get(PATH)) == [shown]
    assert data(await api.patch(f"{PATH}/{made['id']}", json={"name": "New"}))["name"] == "New"
    assert data(await api.put(f"{PATH}/{made['id']}", json={"name": "Newer", "url": shown["url"]}))["hunting"] is None
    data(await api.delete(f"{PATH}/{made['id']}"))
    assert await rows(rig, InstanceState) == 0


async def test_it_takes_no_hunting_settings(api: AsyncClient) -> None:
    made = await created(api)
    for reply in (
        await api.patch(f"{PATH}/{made['id']}", json={"hunting": {"hourly_cap": 5}}),
        await api.post(PATH, json={"name": "B", "url": "http://b", "api_key": "k", "hunting": {}}),
    ):
        assert field(reply) == "body.hunting"
        assert "Huntarr does not hunt in Throwaway" in reply.text
    assert set(data(await api.get("/api/settings"))) == {"general", "mqtt", *hunting_apps()}
    error(await api.get("/api/settings/throwaway"), 404)
    error(await api.post("/api/settings/throwaway", json={"hourly_cap": 5}), 404)


async def test_no_hunt_of_it_is_planned_due_or_started(rig: Rig, api: AsyncClient) -> None:
    made = await created(api)
    data(await api.post(f"{PATH}/{made['id']}/test"))  # it is offline, and its rest plans no hunt
    rig.clock.forward(days=400)
    assert await rig.container.hunting.dispatcher.start_due() == 0
    await rig.container.hunting.dispatcher.enqueue_follow_ups()
    await rig.work()
    await rig.container.hunting.follow_up.run(made["id"])
    for target in ({"instance_id": made["id"]}, {"app_type": "throwaway"}, {}):
        assert error(await api.post("/api/hunts", json=target), 409) == "Huntarr does not hunt in Throwaway."
    plan = await api.get("/api/hunts/plan", params={"instance_id": made["id"]})
    assert error(plan, 409) == "Huntarr does not hunt in Throwaway."
    with pytest.raises(Conflict, match="does not hunt"):
        await rig.container.history.reset_state(StateResetIn(instance_id=made["id"], media_key="movie:1"))
    assert [await rows(rig, table) for table in (Hunt, HuntState, ItemState, CapEntry)] == [0] * 4


async def test_a_hunt_of_everything_leaves_it_out(rig: Rig, api: AsyncClient) -> None:
    await created(api)
    movies = await rig.add(rig.radarr())
    assert [hunt.instance_id for hunt in await rig.container.hunting.service.start(HuntIn())] == [movies.id]
    assert [caps["instance_id"] for caps in data(await api.get("/api/caps"))] == [movies.id]
    assert data(await api.get("/api/state"))["items"] == []


async def test_no_cap_statistic_button_or_metric_of_hunts_appears(rig: Rig, api: AsyncClient) -> None:
    async with serve(replying(answer(STATUS))) as port:
        made = await created(api, f"http://127.0.0.1:{port}")
        data(await api.post(f"{PATH}/{made['id']}/test"))
    assert data(await api.get("/api/caps")) == []
    stats = await rig.container.stats.read()
    assert set(stats.apps) == set(all_apps())
    assert not any(stats.apps[app].instances for app in hunting_apps())
    [shown] = stats.apps[THROWAWAY].instances
    assert (shown.id, shown.online, shown.hourly_cap, shown.next_hunt_at) == (made["id"], True, 0, None)
    topics = retained_messages(TARGET, await snapshots_of(rig).read(), "1")
    config = json.loads(topics[f"homeassistant/device/huntarr_instance_{made['id']}/config"])
    assert {key.rpartition(f"_{made['id']}_")[2] for key in config["components"]} == OF_ANY_DEVICE
    [events] = [entity["event_types"] for entity in config["components"].values() if "event_types" in entity]
    assert events == ["instance.offline", "instance.online"]
    state = json.loads(topics[f"huntarr/instances/{made['id']}/state"])
    assert state == {"enabled": True, "online": "ON", "error": None}
    families = text_string_to_metric_families((await api.get("/metrics")).text)
    found = {
        sample.name
        for family in families
        for sample in family.samples
        if sample.labels.get("instance_id") == str(made["id"]) and not sample.name.startswith("huntarr_app_")
    }
    assert found == OF_ANY_INSTANCE


async def test_actions_on_everything_pass_over_it(rig: Rig, api: AsyncClient) -> None:
    made, movies = await created(api), await rig.add(rig.radarr())
    body = {"name": "cap", "action": "set_hourly_cap", "params": {"hourly_cap": 7}, "interval_minutes": 60}
    schedule = data(await api.post("/api/schedules", json={**body, "app_type": "all"}), 201)
    run = data(await api.post(f"/api/schedules/{schedule['id']}/run"), 202)
    await rig.work()
    [done] = data(await api.get(f"/api/schedules/{schedule['id']}/runs"))["items"]
    assert (done["id"], done["message"]) == (run["id"], "Hourly cap of 1 instance set to 7.")
    assert data(await api.get(f"/api/instances/radarr/{movies.id}"))["hunting"]["hourly_cap"] == 7
    assert data(await api.get(f"{PATH}/{made['id']}"))["overrides"] == {}


async def test_log_entries_belong_to_it_as_to_any_app(api: AsyncClient) -> None:
    assert "throwaway" in data(await api.get("/api/logs/stats"))["by_app"]

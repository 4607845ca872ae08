"""Item states over HTTP, and their reset."""

from typing import Any

import pytest
from httpx import AsyncClient

from app.instances.schemas import InstanceOut
from tests.api.replies import data, error, field
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

STATE, RESET = "/api/state", "/api/state/reset"


async def states(api: AsyncClient, **params: Any) -> list[dict[str, Any]]:
    page = data(await api.get(STATE, params=params))
    assert page["total"] == len(page["items"])
    found: list[dict[str, Any]] = page["items"]
    return found


async def hunted(rig: Rig, **hunting: Any) -> tuple[SimApp, InstanceOut]:
    """A Sonarr of ten episodes, two of which were searched and not found."""
    app = rig.sonarr(LibrarySpec.with_missing(10))
    made = await rig.add(app, missing_mode="episode", cutoff_batch=0, **hunting)
    for item_id in app.library.missing_ids():
        app.searcher.force(item_id, "nothing")
    await rig.hunt(made)
    return app, made


@pytest.mark.storage
async def test_cooldowns_and_backoff_are_shown_and_end(rig: Rig, api: AsyncClient) -> None:
    _, made = await hunted(rig, missing_cooldown_hours=24)
    found = await states(api)
    assert len(found) == 2
    assert set(found[0]) == {
        "instance_id",
        "pass",
        "media_key",
        "unit",
        "title",
        "status",
        "last_searched_at",
        "cooldown_until",
        "fruitless",
        "last_outcome",
    }
    assert {row["status"] for row in found} == {"cooldown"}
    assert {row["fruitless"] for row in found} == {1}
    assert {row["last_outcome"] for row in found} == {"nothing_found"}
    assert found[0]["last_searched_at"] >= found[1]["last_searched_at"]
    assert await states(api, status="cooldown") == found
    assert await states(api, status="ready") == []
    assert await states(api, instance_id=made.id) == found
    assert await states(api, instance_id=99) == []
    rig.clock.forward(hours=47)
    assert len(await states(api, status="cooldown")) == 2
    rig.clock.forward(hours=2)
    [ready, _] = await states(api, status="ready")
    assert (ready["status"], ready["cooldown_until"]) == ("ready", None)
    assert await states(api, status="cooldown") == []


async def test_the_settings_of_now_decide(rig: Rig, api: AsyncClient) -> None:
    _, made = await hunted(rig)
    rig.clock.forward(hours=2)
    assert len(await states(api, status="cooldown")) == 2
    data(await api.patch(f"/api/instances/sonarr/{made.id}", json={"hunting": {"missing_cooldown_hours": 1}}))
    data(await api.patch(f"/api/instances/sonarr/{made.id}", json={"hunting": {"backoff_factor": 1}}))
    assert len(await states(api, status="ready")) == 2


@pytest.mark.storage
@pytest.mark.parametrize("scope", ["instance", "type", "item", "all"])
@pytest.mark.process
async def test_reset_makes_items_searchable_although_the_app_remembers(rig: Rig, api: AsyncClient, scope: str) -> None:
    app, made = await hunted(rig, missing_batch=10)
    searched = {record.item_ids for record in app.searcher.records}
    assert len(searched) == 10
    rig.clock.forward(minutes=5)
    assert (await rig.hunt(made)).searched == 0
    caps, history = data(await api.get("/api/caps")), data(await api.get("/api/history"))
    key = (await states(api))[0]["media_key"]
    body = {
        "instance": {"instance_id": made.id},
        "type": {"app_type": "sonarr"},
        "item": {"instance_id": made.id, "media_key": key},
        "all": {},
    }[scope]
    data(await api.post(RESET, json=body))
    ready = await states(api, status="ready")
    assert (len(ready), len(await states(api))) == ((1, 10) if scope == "item" else (10, 10))
    assert {row["fruitless"] for row in ready} == {0}
    assert data(await api.get("/api/caps")) == caps
    assert data(await api.get("/api/history")) == history
    rig.clock.forward(minutes=1)
    hunt = await rig.hunt(made)
    assert hunt.searched == len(ready)
    if scope == "item":
        assert [item.media_key for item in hunt.items if item.search_id] == [key]


@pytest.mark.storage
async def test_an_item_that_only_the_app_searched_can_be_reset(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(1, searched_share=1.0))
    made = await rig.add(app, missing_mode="episode", missing_cooldown_hours=8760, backoff_max_days=3650)
    [item] = (await rig.hunt(made)).items
    assert item.decision == "cooldown"
    reset = {"instance_id": made.id, "media_key": item.media_key}
    assert data(await api.post(RESET, json=reset)) == {"instances": 0, "items": 3}
    assert await states(api) == []
    assert (await rig.hunt(made)).searched == 1


async def test_a_reset_of_another_instance_changes_nothing_here(rig: Rig, api: AsyncClient) -> None:
    _, made = await hunted(rig)
    other = await rig.add(rig.radarr(LibrarySpec(movies=3)))
    before = await states(api, instance_id=made.id)
    assert data(await api.post(RESET, json={"instance_id": other.id})) == {"instances": 1, "items": 0}
    assert data(await api.post(RESET, json={"app_type": "radarr"})) == {"instances": 1, "items": 0}
    assert await states(api, instance_id=made.id) == before
    assert error(await api.post(RESET, json={"instance_id": 99}), 404) == "There is no instance with the id 99."
    assert error(await api.post(RESET, json={"instance_id": made.id, "app_type": "radarr"}), 404)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"media_key": ""}, "body.media_key"),
        ({"media_key": "episode"}, "body.media_key"),
        ({"media_key": "track:1"}, "body.media_key"),
        ({"media_key": "episode:x"}, "body.media_key"),
        ({"media_key": "episode:" + "1" * 90}, "body.media_key"),
        ({"instance_id": 2**31}, "body.instance_id"),
        ({"app_type": "all"}, "body.app_type"),
        ({"all": True}, "body.all"),
    ],
)
async def test_a_wrong_field_is_named(api: AsyncClient, body: dict[str, Any], wrong: str) -> None:
    assert field(await api.post(RESET, json=body)) == wrong


async def test_a_reset_says_what_it_resets(api: AsyncClient) -> None:
    error(await api.post(RESET), 422)
    assert field(await api.get(STATE, params={"status": "parked?"})) == "query.status"


async def test_pages_are_stable(rig: Rig, api: AsyncClient) -> None:
    await hunted(rig, missing_batch=10, min_gap_seconds=0)
    everything = await states(api)
    pages = [data(await api.get(STATE, params={"page": n, "page_size": 3})) for n in (1, 2, 3, 4)]
    assert [row for page in pages for row in page["items"]] == everything
    assert {page["total"] for page in pages} == {10}

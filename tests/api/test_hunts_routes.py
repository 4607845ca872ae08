"""Hunts over HTTP: start, watch, wait, cancel."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient

from app.core.queue import RUN_HUNT
from tests.api.replies import data, error, eventually, field
from tests.simulator import Fault, LibrarySpec
from tests.support.rig import Rig, open_rig

pytestmark = pytest.mark.asyncio

HUNTS = "/api/hunts"


async def queued(api: AsyncClient, **body: Any) -> list[dict[str, Any]]:
    hunts: list[dict[str, Any]] = data(await api.post(HUNTS, json=body), 202)["hunts"]
    return hunts


@pytest.mark.storage
async def test_a_hunt_is_queued_and_run(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=10, cutoff_share=0.3)), name="TV", missing_mode="episode")
    [hunt] = await queued(api, instance_id=made.id)
    assert hunt == {
        "id": 1,
        "instance_id": made.id,
        "instance_name": "TV",
        "app_type": "sonarr",
        "trigger": "manual",
        "status": "queued",
        "reason": None,
        "message": None,
        "passes": ["missing", "cutoff", "upgrade"],
        "limit": None,
        "dry_run": False,
        "queued_at": "2026-11-23T12:00:00.000Z",
        "started_at": None,
        "ended_at": None,
        "searched": 0,
        "errors": 0,
        "skipped": {},
        "unseen": {},
        "warnings": [],
    }
    await rig.work()
    found = data(await api.get(f"{HUNTS}/1"))
    assert (found["status"], found["searched"], found["errors"]) == ("completed", 3, 0)
    assert found["ended_at"] >= found["started_at"] >= found["queued_at"]
    searched = [item for item in found["items"] if item["decision"] == "search"]
    assert [item["pass"] for item in searched] == ["missing", "missing", "cutoff"]
    assert all(item["outcome"] and item["command_id"] and item["search_id"] for item in searched)
    passed_over = [item for item in found["items"] if item["decision"] != "search"]
    counts: dict[str, dict[str, int]] = {}
    for item in passed_over:
        reasons = counts.setdefault(item["pass"], {})
        reasons[item["decision"]] = reasons.get(item["decision"], 0) + 1
    assert {name: reasons for name, reasons in found["skipped"].items() if reasons} == counts


@pytest.mark.storage
async def test_an_open_hunt_is_returned_and_not_doubled(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(100))
    made = await rig.add(app, missing_mode="episode")
    replies = await asyncio.gather(*(api.post(HUNTS, json={"instance_id": made.id}) for _ in range(8)))
    [first] = {hunt["id"] for reply in replies for hunt in data(reply, 202)["hunts"]}
    assert data(await api.get(HUNTS))["total"] == 1
    await rig.work()
    assert len(app.searcher.records) == 2
    [again] = await queued(api, instance_id=made.id)
    assert again["id"] != first


async def test_without_a_target_all_enabled_instances_hunt(rig: Rig, api: AsyncClient) -> None:
    tv = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    off = await rig.add(rig.sonarr(LibrarySpec(series=1)), enabled=False)
    films = await rig.add(rig.radarr(LibrarySpec(movies=5)))
    reply = await api.post(HUNTS)
    assert [hunt["instance_id"] for hunt in data(reply, 202)["hunts"]] == [tv.id, films.id]
    assert [hunt["instance_id"] for hunt in await queued(api, app_type="radarr")] == [films.id]
    assert error(await api.post(HUNTS, json={"instance_id": off.id}), 409).startswith("The instance is disabled")


async def test_no_match_is_404(rig: Rig, api: AsyncClient) -> None:
    assert error(await api.post(HUNTS, json={}), 404) == "There is no instance."
    assert error(await api.post(HUNTS, json={"instance_id": 7}), 404) == "There is no instance with the id 7."
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    both = {"instance_id": made.id, "app_type": "radarr"}
    assert error(await api.post(HUNTS, json=both), 404) == f"There is no radarr with the id {made.id}."
    assert error(await api.get(f"{HUNTS}/99"), 404) == "There is no hunt with the id 99."
    assert error(await api.post(f"{HUNTS}/99/cancel"), 404) == "There is no hunt with the id 99."
    assert error(await api.get(f"{HUNTS}/plan", params={"instance_id": 99}), 404)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"instance_id": 0}, "body.instance_id"),
        ({"instance_id": 2**31}, "body.instance_id"),
        ({"app_type": "plex"}, "body.app_type"),
        ({"passes": []}, "body.passes"),
        ({"passes": ["upgrades"]}, "body.passes.0"),
        ({"limit": 0}, "body.limit"),
        ({"limit": 101}, "body.limit"),
        ({"dryrun": True}, "body.dryrun"),
    ],
)
async def test_a_wrong_field_is_named(api: AsyncClient, body: dict[str, Any], wrong: str) -> None:
    assert field(await api.post(HUNTS, json=body)) == wrong


async def test_passes_limit_and_dry_run_are_applied(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=20, cutoff_share=0.4))
    made = await rig.add(app, missing_mode="episode", cutoff_batch=10)
    [dry] = await queued(api, instance_id=made.id, dry_run=True)
    await rig.work()
    assert app.searcher.records == []
    found = data(await api.get(f"{HUNTS}/{dry['id']}"))
    assert found["searched"] == 0
    assert {item["search_id"] for item in found["items"]} == {None}
    assert "search" in {item["decision"] for item in found["items"]}
    await queued(api, instance_id=made.id, passes=["cutoff"], limit=4)
    await rig.work()
    assert len(app.searcher.records) == 4
    assert {item["pass"] for item in data(await api.get("/api/history"))["items"]} == {"cutoff"}
    [both] = await queued(api, instance_id=made.id, passes=["cutoff", "missing", "cutoff"])
    assert both["passes"] == ["missing", "cutoff"]


async def test_wait_ends_with_the_hunt_or_with_its_seconds(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=2)))
    [hunt] = data(await api.post(f"{HUNTS}?wait=1", json={"instance_id": made.id}), 202)["hunts"]
    assert hunt["status"] == "queued"
    waiting = asyncio.create_task(api.post(f"{HUNTS}?wait=60", json={"instance_id": made.id}))
    await rig.work()
    [ended] = data(await waiting)["hunts"]
    assert (ended["id"], ended["status"]) == (hunt["id"], "completed")
    for wrong in ("-1", "61", "x"):
        assert field(await api.post(f"{HUNTS}?wait={wrong}", json={})) == "query.wait"


@pytest.mark.storage
async def test_a_cancelled_queued_hunt_never_starts_and_the_next_one_still_comes(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=5))
    await rig.add(app)
    rig.clock.forward(minutes=40)
    assert await rig.container.hunting.dispatcher.start_due() == 1
    [hunt] = data(await api.get(HUNTS, params={"status": "queued"}))["items"]
    assert hunt["trigger"] == "interval"
    reply = await api.post(f"{HUNTS}/{hunt['id']}/cancel")
    assert (reply.status_code, reply.json()["message"]) == (200, "Hunt cancelled")
    gone = data(reply)
    assert (gone["status"], gone["reason"], gone["message"]) == (
        "cancelled",
        "cancelled",
        "It was cancelled before it began.",
    )
    await rig.work()
    assert app.searcher.records == []
    assert error(await api.post(f"{HUNTS}/{hunt['id']}/cancel"), 409) == "The hunt is over: cancelled."
    rig.clock.forward(minutes=40)
    assert await rig.container.hunting.dispatcher.start_due() == 1


async def test_a_hunt_that_outlasts_its_interval_does_not_end_the_automatic_ones(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=5)))
    await queued(api, instance_id=made.id)
    rig.clock.forward(minutes=40)
    assert await rig.container.hunting.dispatcher.start_due() == 1  # the open one is enqueued again, no second one
    assert data(await api.get(HUNTS))["total"] == 1
    await rig.work()
    rig.clock.forward(minutes=40)
    assert await rig.container.hunting.dispatcher.start_due() == 1
    assert data(await api.get(HUNTS))["total"] == 2


async def test_a_cancelled_running_hunt_stops_before_its_next_search(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(100))
    made = await rig.add(app, missing_mode="episode", missing_batch=40, min_gap_seconds=0)
    app.faults.add(Fault("latency", path="command", method="POST", seconds=0.2))
    [hunt] = await queued(api, instance_id=made.id)
    worker = asyncio.create_task(rig.work())
    await eventually(lambda: api.get(f"{HUNTS}/{hunt['id']}"), lambda _: bool(app.searcher.records))
    reply = await api.post(f"{HUNTS}/{hunt['id']}/cancel")
    assert (reply.status_code, reply.json()["message"]) == (202, "Hunt is being cancelled")
    assert reply.json()["data"]["status"] == "running"
    await worker
    found = data(await api.get(f"{HUNTS}/{hunt['id']}"))
    assert (found["status"], found["reason"]) == ("cancelled", "cancelled")
    assert len(app.searcher.records) <= 3
    assert "cancelled" in {item["decision"] for item in found["items"]}
    assert data(await api.get("/api/instances/sonarr"))[0]["online"] is True


@pytest.mark.storage
async def test_the_list_is_newest_first_paged_and_filtered(rig: Rig, api: AsyncClient) -> None:
    tv = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    films = await rig.add(rig.radarr(LibrarySpec(movies=3)))
    for _ in range(3):
        for instance in (tv, films):
            await rig.hunt(instance)
    await queued(api, instance_id=tv.id)

    async def ids(**params: Any) -> list[int]:
        return [hunt["id"] for hunt in data(await api.get(HUNTS, params=params))["items"]]

    assert await ids() == [7, 6, 5, 4, 3, 2, 1]
    assert await ids(page_size=3) + await ids(page_size=3, page=2) + await ids(page_size=3, page=3) == await ids()
    assert await ids(page=4, page_size=3) == []
    assert await ids(app_type="radarr") == [6, 4, 2]
    assert await ids(instance_id=tv.id) == [7, 5, 3, 1]
    assert await ids(status="queued") == [7]
    assert await ids(instance_id=99) == []
    page = data(await api.get(HUNTS, params={"instance_id": tv.id, "page_size": 2}))
    assert (page["total"], page["page"], page["page_size"]) == (4, 1, 2)
    for name, value in (
        ("page", 0),
        ("page_size", 0),
        ("page_size", 501),
        ("page", 10**30),
        ("status", "gone"),
        ("app_type", "x"),
        ("instance_id", 0),
        ("instance_id", 2**31),
    ):
        assert field(await api.get(HUNTS, params={name: value})) == f"query.{name}"


async def test_an_unchanged_list_is_304(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    hunt = await rig.hunt(made)
    for path in (HUNTS, f"{HUNTS}/{hunt.id}"):
        tag = (await api.get(path)).headers["ETag"]
        assert (await api.get(path, headers={"If-None-Match": tag})).status_code == 304


async def test_without_redis_nothing_is_written_and_all_else_works(tmp_path: Any, database_url: str) -> None:
    nowhere = f"unix://{tmp_path / 'nobody.sock'}"
    async with open_rig(database_url, nowhere, tmp_path) as rig, rig.gateway() as api:
        made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
        assert "Redis is not available" in error(await api.post(HUNTS, json={"instance_id": made.id}), 503)
        assert data(await api.get(HUNTS))["total"] == 0
        data(await api.patch(f"/api/instances/sonarr/{made.id}", json={"name": "changed"}))
        data(await api.post("/api/settings/general", json={"api_timeout_seconds": 5}))
        data(await api.post("/api/hunting/pause"))
        data(await api.post("/api/hunting/resume"))
        data(await api.get("/api/hunts/plan", params={"instance_id": made.id}))
        assert data(await api.get("/api/stats"))["queue"] == {"queued": 0, "running": 0, "workers": 0}
        assert data(await api.post(f"/api/instances/sonarr/{made.id}/test"))["ok"] is True


async def test_a_lost_job_is_enqueued_again(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    [hunt] = await queued(api, instance_id=made.id)
    await rig.container.infra.redis.flushall()
    await rig.work()
    assert data(await api.get(f"{HUNTS}/{hunt['id']}"))["status"] == "queued"
    rig.clock.forward(minutes=1)
    await rig.container.hunting.dispatcher.reconcile()
    await rig.work()
    assert data(await api.get(f"{HUNTS}/{hunt['id']}"))["status"] == "completed"
    assert await rig.container.infra.redis.keys(f"*{RUN_HUNT}*") == []


async def test_a_repeated_post_with_its_key_is_the_same_hunt(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    headers = {"Idempotency-Key": "one"}
    first = await api.post(HUNTS, json={"instance_id": made.id}, headers=headers)
    await rig.work()
    again = await api.post(HUNTS, json={"instance_id": made.id}, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replay"] == "true"
    assert data(await api.get(HUNTS))["total"] == 1

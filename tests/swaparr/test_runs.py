"""A policy at work: stuck downloads are struck, removed once and searched again once; nothing else is touched."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from app.instances.schemas import InstanceOut
from app.swaparr.totals import SwaparrTotals
from tests.api.replies import data, error, field
from tests.events.samples import stored_events
from tests.home_assistant.publishing import snapshots_of
from tests.simulator import LibrarySpec, SimApp
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

POLICIES = "/api/instances/swaparr"
HUNTING: dict[str, Any] = {"missing_batch": 1, "cutoff_batch": 0, "upgrade_batch": 0, "min_gap_seconds": 0}
QUICK: dict[str, Any] = {"min_stuck_minutes": 30, "dry_run": False}
STUCK: dict[str, Any] = {"size": 10**9, "size_left": 5 * 10**8, "seconds_left": None}


@pytest_asyncio.fixture
async def api(rig: Rig) -> Any:
    async with rig.gateway() as client:
        yield client


async def watched(rig: Rig, api: AsyncClient, app: SimApp, **swaparr: Any) -> tuple[InstanceOut, int]:
    """The app as an instance that was tested, and the id of its policy."""
    instance = await rig.add(app, **HUNTING)
    await rig.container.instances.probe(instance.id)
    body = {"name": "Clean", "target_instance_id": instance.id, "swaparr": {**QUICK, **swaparr}}
    return instance, data(await api.post(POLICIES, json=body), 201)["id"]


async def looks(rig: Rig, policy_id: int, times: int, minutes: float = 10) -> None:
    for _ in range(times):
        rig.clock.forward(minutes=minutes)
        await rig.container.swaparr.runner.run(policy_id)


async def actions(api: AsyncClient, policy_id: int) -> list[str]:
    """What was decided, oldest first."""
    found = data(await api.get(f"/api/swaparr/{policy_id}/history", params={"page_size": 500}))
    return [entry["action"] for entry in reversed(found["items"])]


def movies(rig: Rig, **settings: Any) -> SimApp:
    return rig.radarr(LibrarySpec.with_missing(50), grab_share=0, **settings)


def missing(app: SimApp) -> list[int]:
    return sorted(app.library.missing_ids())


async def test_a_stuck_download_is_removed_once_and_searched_again_once(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    instance, policy_id = await watched(rig, api, app)
    item = missing(app)[17]
    app.downloads.add([item], grabbed=True, **STUCK)
    await looks(rig, policy_id, 3)
    assert app.downloads.all, "not before its time"
    await looks(rig, policy_id, 1)
    assert not app.downloads.all
    assert app.db.number("SELECT count(*) FROM blocklist") == 1
    assert await actions(api, policy_id) == ["strike", "strike", "strike", "removed"]
    removal = [record for record in app.log.records if record.method == "DELETE"]
    assert len(removal) == 1
    assert {"removeFromClient=True", "blocklist=True", "skipRedownload=True"} <= set(
        removal[0].query.replace("true", "True").split("&")
    )
    before = len(app.searcher.records)
    hunt = await rig.hunt(instance)
    assert [record.item_ids for record in app.searcher.records[before:]] == [(item,)]
    assert "asked for after a removal" in (hunt.items[0].picked or "")
    await rig.hunt(instance)
    assert [record.item_ids for record in app.searcher.records].count((item,)) == 1
    assert data(await api.get("/api/stats"))["swaparr"] == {"tracked": 0, "strikes": 3, "removed": 1}
    data(await api.post("/api/stats/reset", json={}))
    assert (await rig.container.stats.read()).swaparr.removed == 0
    events = [event.name for event in await stored_events(rig) if event.name.startswith("swaparr.")]
    assert events == ["swaparr.strike"] * 3 + ["swaparr.removed"]
    assert data(await api.get(f"/api/swaparr/{policy_id}/downloads"))["downloads"] == []


async def test_a_dry_run_tells_once_and_removes_nothing(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, dry_run=True)
    app.downloads.add(missing(app)[:1], **STUCK)
    await looks(rig, policy_id, 10)
    assert len(app.downloads.all) == 1
    assert await actions(api, policy_id) == ["strike", "strike", "strike", "would_remove"]
    [shown] = data(await api.get(f"/api/swaparr/{policy_id}/downloads"))["downloads"]
    assert (shown["standing"], shown["cause"], shown["strikes"]) == ("stuck", "stalled", 3)
    tested = data(await api.post(f"{POLICIES}/{policy_id}/test"))
    assert tested["would"] == [f"{shown['title']}: stalled, would tell that it should be removed."]


async def test_what_moves_waits_or_is_paused_is_never_touched(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    ids = missing(app)
    moving = app.downloads.add(ids[:1], **STUCK)
    for number, status in enumerate(("paused", "queued", "delay"), start=1):
        app.downloads.add(ids[number : number + 1], status=status, **STUCK)
    app.downloads.add(ids[5:6], status="completed", tracked_state="importPending", size_left=0)
    for step in range(40):
        moving.size_left = 5 * 10**8 - step
        await looks(rig, policy_id, 1)
    assert len(app.downloads.all) == 5
    assert await actions(api, policy_id) == []


async def test_a_season_pack_is_one_download_and_its_episodes_with_a_file_are_not_searched(
    rig: Rig, api: AsyncClient
) -> None:
    app = rig.sonarr(grab_share=0)
    series = app.library.add_series(title="Pack", ended=True)
    episodes = [app.library.add_episode(series, 1, number) for number in range(1, 5)]
    instance, policy_id = await watched(rig, api, app, failed_import={"enabled": True})
    app.downloads.add(
        episodes,
        grabbed=True,
        status="completed",
        tracked_status="warning",
        tracked_state="importBlocked",
        size_left=0,
        messages=[
            {"title": "One or more episodes expected in this release were not imported", "messages": []},
            {"title": "Pack.S01E01.mkv", "messages": ["Episode file already imported at 11/26/2026 01:15:07"]},
        ],
    )
    app.library.add_file(episodes[0], quality_id=app.definition.catalogue.usual)
    await looks(rig, policy_id, 4)
    assert sum(record.method == "DELETE" for record in app.log.records) == 1
    history = data(await api.get(f"/api/swaparr/{policy_id}/history"))["items"]
    assert (history[0]["action"], history[0]["detail"], history[0]["searches"]) == ("removed", "partly_imported", 3)
    await rig.hunt(instance, limit=10)
    searched = [item for record in app.searcher.records for item in record.item_ids]
    assert set(searched) >= set(episodes[1:])


async def test_not_an_upgrade_is_removed_without_a_search(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, failed_import={"enabled": True})
    app.downloads.add(
        missing(app)[:1],
        grabbed=True,
        status="completed",
        tracked_status="warning",
        tracked_state="importBlocked",
        size_left=0,
        messages=[{"title": "A.mkv", "messages": ["Not an upgrade for existing movie file. Existing quality: A."]}],
    )
    await looks(rig, policy_id, 4)
    [entry] = [
        each
        for each in data(await api.get(f"/api/swaparr/{policy_id}/history"))["items"]
        if each["action"] == "removed"
    ]
    assert entry["searches"] == 0


async def test_a_client_that_is_away_costs_neither_a_strike_nor_the_search(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    stuck = app.downloads.add(missing(app)[:1], grabbed=True, **STUCK)
    stuck.client_error = "Unable to connect to qBittorrent"
    await looks(rig, policy_id, 5)
    assert "removed" not in await actions(api, policy_id)
    app.health = [{"source": "DownloadClientCheck", "type": "error", "message": "gone", "wikiUrl": ""}]
    await looks(rig, policy_id, 5)
    stuck.client_error, app.health = None, []
    await looks(rig, policy_id, 2)
    found = await actions(api, policy_id)
    assert found == ["strike", "strike", "strike", "suspended", "resumed", "removed"]


async def test_an_app_that_is_away_suspends_and_says_so(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    app.downloads.add(missing(app)[:1], **STUCK)
    await looks(rig, policy_id, 1)
    app.faults.add(kind="status", status=500, path="queue")
    await looks(rig, policy_id, 2, minutes=300)
    assert data(await api.get(f"/api/swaparr/{policy_id}/downloads"))["away"] == "app_away"
    app.faults.clear()
    await looks(rig, policy_id, 2)
    assert "removed" not in await actions(api, policy_id)


async def test_so_many_are_removed_in_an_hour_and_no_more(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, max_removals_per_hour=3, name_patterns=["CAM"])
    for number, item in enumerate(missing(app)[:8]):
        app.downloads.add([item], title=f"Movie.{number}.CAM.x264", **STUCK)
    await looks(rig, policy_id, 5)
    assert len(app.downloads.all) == 5
    found = await actions(api, policy_id)
    assert (found.count("removed"), found.count("limit")) == (3, 1)
    assert any(event.name == "system.error" for event in await stored_events(rig))
    await looks(rig, policy_id, 1, minutes=60)
    assert len(app.downloads.all) == 2


async def test_an_item_whose_downloads_keep_failing_waits(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, name_patterns=["CAM"])
    item = missing(app)[:1]
    for number in range(3):
        app.downloads.add(item, title=f"Movie.{number}.CAM", **STUCK)
        await looks(rig, policy_id, 1)
        rig.clock.forward(hours=5)
    assert await actions(api, policy_id) == ["removed", "removed", "parked", "removed"]


@pytest.mark.storage
async def test_two_workers_remove_a_download_once(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, name_patterns=["CAM"])
    app.downloads.add(missing(app)[:1], title="Movie.CAM", **STUCK)
    rig.clock.forward(minutes=10)
    await asyncio.gather(*(rig.container.swaparr.runner.run(policy_id) for _ in range(4)))
    assert (await actions(api, policy_id)).count("removed") == 1


@pytest.mark.parametrize("dies_at", ["begin_removal", "removed"])
async def test_a_worker_that_dies_over_a_removal_changes_nothing(
    rig: Rig, api: AsyncClient, monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    app = movies(rig)
    instance, policy_id = await watched(rig, api, app, name_patterns=["CAM"])
    item = missing(app)[3]
    app.downloads.add([item], title="Movie.CAM", **STUCK)
    store = rig.container.swaparr.runner._store
    whole = getattr(store, dies_at)

    async def dies(*given: Any, **named: Any) -> Any:
        if dies_at == "begin_removal":
            await whole(*given, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(store), dies_at, staticmethod(dies))
    with pytest.raises(KeyboardInterrupt):
        await looks(rig, policy_id, 1)
    monkeypatch.undo()
    await looks(rig, policy_id, 2)
    assert not app.downloads.all
    assert (await actions(api, policy_id)).count("removed") == 1
    assert sum(record.method == "DELETE" for record in app.log.records) == 1
    await rig.hunt(instance)
    await rig.hunt(instance)
    assert [record.item_ids for record in app.searcher.records].count((item,)) == 1


async def test_an_idle_queue_is_not_written(rig: Rig, api: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    await looks(rig, policy_id, 2)
    asked = app.log.total
    monkeypatch.setattr(type(rig.container.infra.db), "session", None)  # a write would fail
    await looks(rig, policy_id, 10)
    assert app.log.total - asked == 40


async def test_forgiving_begins_anew(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    stuck = app.downloads.add(missing(app)[:1], **STUCK)
    await looks(rig, policy_id, 3)
    path = f"/api/swaparr/{policy_id}/forgive"
    data(await api.post(path, json={"download_id": stuck.download_id}))
    await looks(rig, policy_id, 2)
    assert app.downloads.all
    assert error(await api.post(path, json={"download_id": "none"}), 404) == "There is no download with this id."


async def test_nobody_looks_at_the_queue_of_a_disabled_instance(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    instance, policy_id = await watched(rig, api, app, name_patterns=["CAM"])
    data(await api.patch(f"/api/instances/{instance.app_type}/{instance.id}", json={"enabled": False}))
    app.log.reset()
    assert "is disabled" in error(await api.post(f"/api/swaparr/{policy_id}/run"), 409)
    await rig.work()
    assert not [record for record in app.log.records if "queue" in record.path]
    data(await api.patch(f"/api/instances/{instance.app_type}/{instance.id}", json={"enabled": True}))
    data(await api.post(f"/api/swaparr/{policy_id}/run"), 202)


async def test_a_look_on_demand_and_by_the_clock(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, name_patterns=["CAM"])
    app.downloads.add(missing(app)[:1], title="Movie.CAM", **STUCK)
    rig.clock.forward(minutes=10)
    queued = data(await api.post(f"/api/swaparr/{policy_id}/run", json={"dry_run": True}), 202)
    assert queued == {"instance_id": policy_id, "dry_run": True}
    await rig.work()
    assert await actions(api, policy_id) == ["would_remove"]
    rig.clock.forward(minutes=10)
    await rig.container.swaparr.runner.enqueue_due()
    await rig.container.swaparr.runner.enqueue_due()
    await rig.work()
    assert (await actions(api, policy_id)).count("removed") == 1
    asked = app.log.total
    rig.clock.forward(minutes=1)
    await rig.container.swaparr.runner.enqueue_due()
    await rig.work()
    assert app.log.total == asked


async def test_a_policy_is_an_instance_without_an_address(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    instance, policy_id = await watched(rig, api, app)
    shown = data(await api.get(f"{POLICIES}/{policy_id}"))
    assert (shown["app_type"], shown["url"], shown["target_instance_id"]) == ("swaparr", None, instance.id)
    assert (shown["swaparr"]["dry_run"], shown["swaparr"]["max_strikes"], shown["hunting"]) == (False, 3, None)
    assert [each["id"] for each in data(await api.get("/api/instances"))] == [instance.id, policy_id]
    changed = data(await api.patch(f"{POLICIES}/{policy_id}", json={"swaparr": {"dry_run": None, "max_strikes": 5}}))
    assert (changed["swaparr"]["dry_run"], changed["swaparr"]["max_strikes"]) == (True, 5)
    body = {"name": "Other", "target_instance_id": instance.id}
    assert error(await api.post(POLICIES, json=body), 409) == (
        f"The instance {instance.id} has a policy already: change that one."
    )
    assert field(await api.post(POLICIES, json={**body, "target_instance_id": 99})) == "body.target_instance_id"
    assert field(await api.post(POLICIES, json={**body, "target_instance_id": policy_id})) == "body.target_instance_id"
    other = await rig.add(rig.radarr(LibrarySpec(movies=1)), name="Other")
    moved = {"name": "Clean", "target_instance_id": other.id}
    assert field(await api.put(f"{POLICIES}/{policy_id}", json=moved)) == "body.target_instance_id"
    whole = data(await api.put(f"{POLICIES}/{policy_id}", json={**moved, "target_instance_id": instance.id}))
    assert (whole["overrides"], whole["swaparr"]["dry_run"]) == ({}, True)
    data(await api.delete(f"/api/instances/radarr/{other.id}"))
    wrong = await api.patch(f"{POLICIES}/{policy_id}", json={"swaparr": {"remove_from_client": False}})
    assert field(wrong) == "body.swaparr"
    assert "hides a download for good" in wrong.text
    assert field(await api.patch(f"{POLICIES}/{policy_id}", json={"swaparr": {"name_patterns": ["("]}})) == (
        "body.swaparr.name_patterns.0"
    )
    await rig.container.instances.enqueue_first_probes()
    data(await api.delete(f"/api/instances/radarr/{instance.id}"))
    assert data(await api.get("/api/instances")) == [], "the policy goes with its instance"


async def test_a_test_says_what_it_would_do_before_it_is_stored(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    instance = await rig.add(app, **HUNTING)
    body = {"target_instance_id": instance.id, "swaparr": {"name_patterns": ["CAM"], "dry_run": False}}
    assert data(await api.post(f"{POLICIES}/test", json=body))["error_code"] == "starting"
    await rig.container.instances.probe(instance.id)
    app.downloads.add(missing(app)[:1], title="Movie.CAM", **STUCK)
    found = data(await api.post(f"{POLICIES}/test", json=body))
    assert (found["ok"], found["downloads"], found["would"]) == (True, 1, ["Movie.CAM: name, would be removed."])
    assert len(app.downloads.all) == 1
    app.faults.add(kind="status", status=500, path="queue")
    assert data(await api.post(f"{POLICIES}/test", json=body))["ok"] is False


async def test_private_torrents_are_known_by_prowlarr(rig: Rig, api: AsyncClient) -> None:
    prowlarr = rig.prowlarr()
    prowlarr.add("Closed", privacy="private")
    prowlarr.add("Open", privacy="public")
    await rig.add_prowlarr(prowlarr)
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    first, second, third = missing(app)[:3]
    app.downloads.add([first], indexer="Closed (Prowlarr)", **STUCK)
    app.downloads.add([second], indexer="Open (Prowlarr)", **STUCK)
    moving = app.downloads.add([third], **STUCK)
    for step in range(8):
        moving.size_left = 5 * 10**8 - step
        await looks(rig, policy_id, 1)
    assert {each.indexer for each in app.downloads.all.values()} == {"Closed (Prowlarr)", "Simulated Indexer"}


async def test_old_decisions_are_deleted(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app, dry_run=True, name_patterns=["CAM"])
    app.downloads.add(missing(app)[:1], title="Movie.CAM", **STUCK)
    await looks(rig, policy_id, 1)
    rig.clock.now += timedelta(days=40)
    await rig.container.swaparr.service.purge(0)
    assert await actions(api, policy_id)
    await rig.container.swaparr.service.purge(30)
    assert await actions(api, policy_id) == []


async def test_a_policy_has_metrics_and_a_device(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    _, policy_id = await watched(rig, api, app)
    app.downloads.add(missing(app)[:1], **STUCK)
    await looks(rig, policy_id, 3)
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families((await api.get("/metrics")).text)
        for sample in family.samples
        if sample.name.startswith("huntarr_swaparr")
    }
    assert found == {
        "huntarr_swaparr_tracked": 1,
        "huntarr_swaparr_strikes_total": 2,
        "huntarr_swaparr_removed_total": 0,
    }
    [policy] = [each for each in (await snapshots_of(rig).read()).instances if each.id == policy_id]
    assert (policy.url, policy.swaparr) == (None, SwaparrTotals(1, 2, 0))


async def test_a_schedule_looks_and_a_policy_is_turned_off_like_any_instance(rig: Rig, api: AsyncClient) -> None:
    app = movies(rig)
    instance, policy_id = await watched(rig, api, app, name_patterns=["CAM"])
    app.downloads.add(missing(app)[:1], title="Movie.CAM", **STUCK)
    rig.clock.forward(minutes=10)
    for target in ({"app_type": "radarr"}, {"instance_id": instance.id}, {"instance_id": policy_id}, {}):
        body = {"name": "Clean", "action": "swaparr", "interval_minutes": 60, **target}
        schedule = data(await api.post("/api/schedules", json=body), 201)
        data(await api.post(f"/api/schedules/{schedule['id']}/run"), 202)
        await rig.work()
        [run] = data(await api.get(f"/api/schedules/{schedule['id']}/runs"))["items"]
        assert run["message"] == "1 look queued."
    assert (await actions(api, policy_id)).count("removed") == 1
    body = {"name": "Off", "action": "disable", "instance_id": policy_id, "interval_minutes": 60}
    schedule = data(await api.post("/api/schedules", json=body), 201)
    data(await api.post(f"/api/schedules/{schedule['id']}/run"), 202)
    await rig.work()
    assert data(await api.get(f"{POLICIES}/{policy_id}"))["enabled"] is False
    rig.clock.forward(minutes=30)
    asked = app.log.total
    await rig.container.swaparr.runner.enqueue_due()
    await rig.work()
    assert app.log.total == asked

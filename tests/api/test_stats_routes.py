"""The dashboard over HTTP: agrees with the history, is cheap to poll and asks no app."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import event

from app.arr.models import AppType
from app.core.heartbeat import beat
from tests.api.replies import data, error, eventually, field
from tests.simulator import Fault, LibrarySpec, SimApp
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

STATS, TIMELINE, RESET = "/api/stats", "/api/stats/timeline", "/api/stats/reset"
COUNTERS = ("hunted", "upgraded", "grabbed", "imported", "errors")


async def fresh(rig: Rig) -> dict[str, Any]:
    """The reply one second later."""
    found: dict[str, Any] = (await rig.container.stats.read()).model_dump(mode="json")
    return found


async def busy_library(rig: Rig) -> tuple[SimApp, SimApp]:
    """Hunts that searched, grabbed, found nothing and failed."""
    tv_app = rig.sonarr(LibrarySpec(series=20, cutoff_share=0.3))
    film_app = rig.radarr(LibrarySpec(movies=80, cutoff_share=0.3))
    tv = await rig.add(tv_app, missing_mode="episode", missing_batch=4, cutoff_batch=2)
    films = await rig.add(film_app, missing_batch=3)
    for item_id in sorted(tv_app.library.missing_ids())[::2]:
        tv_app.searcher.force(item_id, "import")
    await rig.hunt(tv)
    await rig.hunt(films)
    rig.clock.forward(days=1)
    film_app.faults.add(Fault("status", path="command", method="POST", status=500, times=1))
    await rig.hunt(tv)
    await rig.hunt(films)
    return tv_app, film_app


async def test_the_dashboard_of_an_empty_installation(api: AsyncClient) -> None:
    found = data(await api.get(STATS))
    zeros = dict.fromkeys(COUNTERS, 0)
    assert found == {
        "generated_at": "2026-11-23T12:00:00.000Z",
        "totals": zeros,
        "apps": {app_type: {**zeros, "instances": []} for app_type in AppType},
        "movie_hunt": {"movies": 0, "missing": 0, "downloading": 0, "imported": 0},
        "swaparr": {"tracked": 0, "strikes": 0, "removed": 0},
        "queue": {"queued": 0, "running": 0, "workers": 0},
    }


@pytest.mark.storage
async def test_the_totals_agree_with_the_history(rig: Rig, api: AsyncClient) -> None:
    await busy_library(rig)
    rows = data(await api.get("/api/history", params={"page_size": 500}))["items"]
    stats = await fresh(rig)

    def counted(app_type: str | None = None) -> dict[str, int]:
        mine = [row for row in rows if app_type in (None, row["app_type"])]
        sent = [row for row in mine if row["command_id"]]
        passes = [row["pass"] for row in sent]
        return {
            "hunted": passes.count("missing"),
            "upgraded": passes.count("cutoff"),
            "grabbed": sum(row["outcome"] == "grabbed" for row in mine),
            "imported": 0,
            "errors": sum(row["outcome"] == "search_failed" for row in mine),
        }

    assert counted()["grabbed"]
    assert counted()["errors"] or [row for row in rows if row["outcome"] == "unknown"]
    for app_type, app in stats["apps"].items():
        assert {name: app[name] for name in COUNTERS[:4]} == {n: counted(app_type)[n] for n in COUNTERS[:4]}
        if app_type not in ("sonarr", "radarr"):
            assert app["instances"] == []
            continue
        [instance] = app["instances"]
        assert {name: instance[name] for name in COUNTERS} == {name: app[name] for name in COUNTERS}
    assert {n: stats["totals"][n] for n in COUNTERS[:4]} == {n: counted()[n] for n in COUNTERS[:4]}
    assert stats["totals"]["errors"] >= counted()["errors"]
    days = data(await api.get(TIMELINE, params={"days": 2}))["days"]
    assert [day["day"] for day in days] == ["2026-11-23", "2026-11-24"]
    assert {name: sum(day[name] for day in days) for name in COUNTERS} == stats["totals"]
    assert all(day["hunted"] for day in days)


async def test_the_state_of_an_instance_is_shown(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=10, cutoff_share=0.3))
    made = await rig.add(app, name="TV", hourly_cap=50, daily_cap=60, missing_mode="episode")
    [before] = (await fresh(rig))["apps"]["sonarr"]["instances"]
    unknown = ("online", "version", "missing_total", "queue_total", "last_hunt_at")
    assert [before[name] for name in unknown] == [None] * 5
    await rig.hunt(made)
    [found] = (await fresh(rig))["apps"]["sonarr"]["instances"]
    assert (found["id"], found["name"], found["enabled"], found["online"], found["error"]) == (
        made.id,
        "TV",
        True,
        True,
        None,
    )
    plan = data(await api.get("/api/hunts/plan", params={"instance_id": made.id}))
    assert [found["missing_total"], found["cutoff_total"]] == [shown["total"] for shown in plan["passes"][:2]]
    assert (found["hourly_cap"], found["daily_cap"]) == (50, 60)
    assert (found["searches_this_hour"], found["searches_today"]) == (3, 3)
    assert found["last_hunt_at"] == "2026-11-23T12:00:00.000Z"
    assert found["next_hunt_at"] > found["last_hunt_at"]
    data(await api.patch(f"/api/instances/sonarr/{made.id}", json={"enabled": False}))
    [found] = (await fresh(rig))["apps"]["sonarr"]["instances"]
    assert (found["enabled"], found["next_hunt_at"]) == (False, None)


async def test_counters_outlive_their_instance(rig: Rig, api: AsyncClient) -> None:
    await busy_library(rig)
    before = await fresh(rig)
    data(await api.delete("/api/instances/sonarr/1"))
    after = await fresh(rig)
    assert after["totals"] == before["totals"]
    assert after["apps"]["sonarr"]["instances"] == []
    assert {n: after["apps"]["sonarr"][n] for n in COUNTERS} == {n: before["apps"]["sonarr"][n] for n in COUNTERS}


async def test_queued_hunts_and_live_workers_are_counted(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    data(await api.post("/api/hunts", json={"instance_id": made.id}), 202)
    await beat(rig.container.infra.redis, "one", rig.clock.now, timedelta(seconds=35))
    await beat(rig.container.infra.redis, "two", rig.clock.now, timedelta(seconds=35))
    assert (await fresh(rig))["queue"] == {"queued": 1, "running": 0, "workers": 2}
    rig.clock.forward(seconds=36)
    assert (await fresh(rig))["queue"]["workers"] == 0


@contextmanager
def statements(rig: Rig) -> Iterator[list[str]]:
    """Records the SQL statements of the block."""
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        sent.append(statement)

    for engine in rig.container.infra.db.engines:
        event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in rig.container.infra.db.engines:
            event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.mark.storage
@pytest.mark.parametrize("instances", [2, 100])
async def test_a_poll_costs_few_statements_and_no_call_to_an_app(rig: Rig, api: AsyncClient, instances: int) -> None:
    app = rig.sonarr(LibrarySpec(series=2))
    await rig.hunt(await rig.add(app))
    for number in range(1, instances):
        body = {"name": f"A{number}", "url": f"http://10.0.0.1:{number}", "api_key": "k"}
        data(await api.post("/api/instances/radarr", json=body), 201)
    asked = app.log.total
    with statements(rig) as sent:
        found = await eventually(lambda: api.get(STATS), lambda _: bool(sent))
    selects = [statement for statement in sent if statement.lstrip().upper().startswith(("SELECT", "WITH"))]
    assert 0 < len(selects) < 10
    assert sum(len(app["instances"]) for app in data(found)["apps"].values()) == instances
    assert app.log.total == asked
    with statements(rig) as sent:
        for _ in range(20):
            data(await api.get(STATS))
    assert len(sent) < 20 * len(selects)


@pytest.mark.process
async def test_an_unchanged_reply_is_304(rig: Rig, api: AsyncClient) -> None:
    first = await api.get(STATS)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert (await api.get(STATS, headers=tag)).status_code == 304
    rig.clock.forward(seconds=30)  # the time of the answer alone is no news

    async def full() -> Any:
        return await api.get(STATS)

    later = await eventually(full, lambda reply: data(reply)["generated_at"] == "2026-11-23T12:00:30.000Z")
    assert later.headers["ETag"] == first.headers["ETag"]
    assert (await api.get(STATS, headers=tag)).status_code == 304
    await rig.add(rig.sonarr(LibrarySpec(series=1)))

    async def asked() -> Any:
        return await api.get(STATS, headers=tag)

    changed = await eventually(asked, lambda reply: reply.status_code == 200)
    assert len(data(changed)["apps"]["sonarr"]["instances"]) == 1


async def test_the_timeline_has_every_day(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec.with_missing(20)), missing_mode="episode")
    await rig.hunt(made)
    rig.clock.now = START + timedelta(days=3, hours=11, minutes=59)
    days = data(await api.get(TIMELINE))["days"]
    assert [day["day"] for day in days][-5:] == [f"2026-11-{day}" for day in (22, 23, 24, 25, 26)]
    assert len(days) == 30
    assert [day["hunted"] for day in days[-5:]] == [0, 2, 0, 0, 0]
    assert [day["hunted"] for day in data(await api.get(TIMELINE, params={"days": 1}))["days"]] == [0]
    for app_type, hunted in (("sonarr", 2), ("radarr", 0)):
        found = data(await api.get(TIMELINE, params={"app_type": app_type, "days": 366}))["days"]
        assert (len(found), sum(day["hunted"] for day in found)) == (366, hunted)
    for name, value in (("days", 0), ("days", 367), ("days", "x"), ("app_type", "plex")):
        assert field(await api.get(TIMELINE, params={name: value})) == f"query.{name}"


@pytest.mark.storage
async def test_a_reset_only_sets_totals_to_zero(rig: Rig, api: AsyncClient) -> None:
    await busy_library(rig)
    before = await fresh(rig)
    timeline = data(await api.get(TIMELINE))
    history, caps = data(await api.get("/api/history")), data(await api.get("/api/caps"))
    data(await api.post(RESET, json={"app_type": "sonarr"}))
    found = data(await api.get(STATS))
    assert {found["apps"]["sonarr"][name] for name in COUNTERS} == {0}
    assert {n: found["apps"]["radarr"][n] for n in COUNTERS} == {n: before["apps"]["radarr"][n] for n in COUNTERS}
    data(await api.post(RESET, json={}))
    assert set(data(await api.get(STATS))["totals"].values()) == {0}
    assert data(await api.get(TIMELINE)) == timeline
    assert data(await api.get("/api/history")) == history
    assert data(await api.get("/api/caps")) == caps
    assert field(await api.post(RESET, json={"app_type": "plex"})) == "body.app_type"
    error(await api.post(RESET), 422)

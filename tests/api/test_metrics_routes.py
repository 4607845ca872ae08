"""Metrics over HTTP: agree with the history, are equal at every gateway, and callers cannot add labels."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from pydantic import SecretStr

from app.container import open_container
from app.core.heartbeat import GATEWAYS, beat
from app.counters.rollup import count_pass
from app.history.filters import HistoryFilter
from app.metrics.families import FAMILIES
from tests.api.replies import data, error
from tests.api.test_stats_routes import statements
from tests.metrics.scrapes import asked, hunted, parsed, renewed, scraped
from tests.simulator import Fault, LibrarySpec
from tests.support.rig import Rig
from tests.support.served_app import ServedApp

pytestmark = [pytest.mark.asyncio, pytest.mark.process]

METRICS = "/metrics"
OPENMETRICS = "application/openmetrics-text"
PASSES = ("missing", "cutoff", "upgrade")
ENDS = ("completed", "partial", "failed", "cancelled", "skipped")


@pytest.mark.storage
async def test_the_counters_agree_with_the_dashboard(rig: Rig) -> None:
    made = await hunted(rig)
    found = await scraped(rig)
    stats = (await rig.container.stats.read()).model_dump(mode="json")
    assert stats["totals"]["imported"]
    for app_type, instance_id in made.items():
        [shown] = stats["apps"][app_type]["instances"]
        mine = {"app_type": app_type, "instance_id": str(instance_id), "instance_name": f'My "{app_type}"'}
        searched = {name: found.value("huntarr_searches_total", **mine, **{"pass": name}) for name in PASSES}
        assert searched["missing"] == shown["hunted"] > 0
        assert searched["cutoff"] + searched["upgrade"] == shown["upgraded"]
        assert found.total("huntarr_grabs_total", **mine) == shown["grabbed"]
        assert found.total("huntarr_imports_total", **mine) == shown["imported"]
        assert found.value("huntarr_errors_total", **mine) == shown["errors"]
        assert found.value("huntarr_instance_missing_items", **mine) == shown["missing_total"]
        assert found.value("huntarr_instance_queue_items", **mine) == shown["queue_total"]
        used = [found.value("huntarr_cap_used", **mine, window=window) for window in ("hour", "day")]
        assert used == [shown["searches_this_hour"], shown["searches_today"]]
        assert found.value("huntarr_cap_left", **mine, window="hour") == 6 - shown["searches_this_hour"]
        assert found.values("huntarr_cap_left", **mine, window="day") == {}
        assert found.value("huntarr_instance_online", **mine) == 1
        assert found.value("huntarr_instance_info", **mine, version=shown["version"]) == 1


@pytest.mark.storage
async def test_hunts_are_counted_once_by_final_status(rig: Rig) -> None:
    app = rig.radarr(LibrarySpec(movies=40))
    made = await rig.add(app)
    await rig.hunt(made)
    data_of = {"instance_id": str(made.id)}
    app.faults.add(Fault("status", status=503))
    rig.clock.forward(hours=1)
    await rig.hunt(made)
    async with rig.gateway() as api:
        [queued] = data(await api.post("/api/hunts", json={"instance_id": made.id}), 202)["hunts"]
        data(await api.post(f"/api/hunts/{queued['id']}/cancel"))
        error(await api.post(f"/api/hunts/{queued['id']}/cancel"), 409)
        ended = [hunt["status"] for hunt in data(await api.get("/api/hunts"))["items"]]
    found = await scraped(rig)
    counted = {status: found.value("huntarr_hunts_total", **data_of, status=status) for status in ENDS}
    assert counted == {status: ended.count(status) for status in ENDS}
    assert sum(counted.values()) == 3
    began = found.total("huntarr_hunt_duration_seconds_count", app_type="radarr")
    assert began == 2  # the cancelled one took no time: it never began
    assert found.total("huntarr_hunt_duration_seconds_bucket", le="+Inf") == began
    assert found.total("huntarr_hunt_duration_seconds_sum") > 0
    assert found.value("huntarr_instance_online", **data_of) == 0
    assert found.value("huntarr_instance_failures", **data_of) == 1


async def test_a_reset_of_the_dashboard_does_not_change_counters(rig: Rig) -> None:
    await hunted(rig)
    before = await scraped(rig)
    await rig.container.stats.reset(None)
    after = await scraped(rig)
    for name in ("huntarr_searches_total", "huntarr_grabs_total", "huntarr_imports_total", "huntarr_hunts_total"):
        assert after.values(name) == before.values(name)
        assert before.total(name)


async def test_withdrawn_searches_have_a_counter_of_their_own(rig: Rig) -> None:
    """Prometheus takes a counter that falls for a restart and adds its whole value again."""
    made = await hunted(rig)
    before = await scraped(rig)
    async with rig.container.infra.db.session() as session:
        await count_pass(session, "radarr", made["radarr"], "missing", rig.clock.now, searches=-1)
    after = await scraped(rig)
    of_pass = {"instance_id": str(made["radarr"]), "pass": "missing"}
    assert after.value("huntarr_searches_total", **of_pass) == before.value("huntarr_searches_total", **of_pass)
    assert before.values("huntarr_searches_withdrawn_total") == {}
    assert after.value("huntarr_searches_withdrawn_total", **of_pass) == 1


async def test_deleted_instances_have_no_metrics(rig: Rig) -> None:
    made = await hunted(rig)
    durations = (await scraped(rig)).total("huntarr_hunt_duration_seconds_count")
    async with rig.gateway() as api:
        data(await api.delete(f"/api/instances/radarr/{made['radarr']}"))
    found = await scraped(rig)
    ids = {dict(labels).get("instance_id") for _, labels in found.samples} - {None}
    assert ids == {str(made["sonarr"]), str(made["lidarr"])}
    assert found.total("huntarr_hunt_duration_seconds_count") == durations
    left = [name.decode() for name in await rig.container.infra.redis.hkeys("huntarr:metrics:apps:1")]  # type: ignore[misc] # redis-py's type of an answer
    assert not [name for name in left if name.startswith((f"requests:{made['radarr']}:", f"last:{made['radarr']}"))]


async def test_callers_cannot_add_labels(rig: Rig) -> None:
    await hunted(rig)
    async with rig.gateway() as api:
        for number in range(30):
            await api.get(f"/nothing/{number}")
            await api.get(f"/api/instances/sonarr/{number + 100}")
            await api.request(f"BREW{number}", "/api/stats")
        async with rig.gateway(None) as stranger:
            assert (await stranger.get(METRICS)).status_code == 401
        renewed(rig)
        found = await asked(api)
    templates = {"unmatched", "/api/instances/{app_type}/{instance_id}"}
    assert found.labels_of("huntarr_http_requests_total", "route") == templates
    assert found.labels_of("huntarr_http_requests_total", "method") == {"GET", "other"}
    assert found.value("huntarr_http_requests_total", route="unmatched", method="GET", status="404") == 30
    assert found.total("huntarr_http_request_duration_seconds_count", method="other") == 30
    known = {family.name.removesuffix("_total"): set(family.labels) for family in FAMILIES}
    for name, family in found.families.items():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == known.get(name, set()), sample
    titles = {row.title for row in (await rig.container.history.history(HistoryFilter(), page=1, page_size=500)).items}
    assert titles
    assert not [title for title in titles for _, labels in found.samples if title in dict(labels).values()]


async def test_both_formats(rig: Rig) -> None:
    made = await hunted(rig)
    async with rig.gateway() as api:
        plain = await api.get(METRICS)
        accepted = f"{OPENMETRICS};version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        modern = await api.get(METRICS, headers={"Accept": accepted})
        head = await api.head(METRICS)
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert modern.headers["content-type"] == f"{OPENMETRICS}; version=1.0.0; charset=utf-8"
    assert modern.text.endswith("# EOF\n")
    assert (head.status_code, head.content) == (200, b"")
    old, new = parsed(plain.text), parsed(modern.text, openmetrics_families)
    same = {key: value for key, value in old.samples.items() if key[0].startswith("huntarr_") and "http" not in key[0]}
    assert same == {key: value for key, value in new.samples.items() if key in same}
    assert len(same) > 100
    name = {"instance_id": str(made["sonarr"]), "instance_name": 'My "sonarr"'}
    assert new.value("huntarr_instance_enabled", **name) == 1
    types = {family.name.removesuffix("_total"): family.kind for family in FAMILIES}
    assert {name: old.families[name].type for name in types if name in old.families} == types


async def test_every_scope_may_scrape(served: ServedApp) -> None:
    owner = await served.owner()
    key = (await owner.key("read"))["key"]
    assert (await owner.get(METRICS)).status_code == 200
    prometheus = await served.visitor()
    assert (await prometheus.get(METRICS)).status_code == 401
    assert (await prometheus.get(METRICS, **{"X-Api-Key": key})).status_code == 200
    assert (await prometheus.get(f"{METRICS}?apikey={key}")).status_code == 200


async def test_metrics_can_be_turned_off(rig: Rig) -> None:
    async with rig.gateway() as api:
        assert (await api.get(METRICS)).status_code == 200
        data(await api.post("/api/settings/general", json={"metrics_enabled": False}))
        assert "metrics_enabled" in error(await api.get(METRICS), 404)
        data(await api.post("/api/settings/general", json={"metrics_enabled": True}))
        assert (await api.get(METRICS)).status_code == 200


async def test_shared_metrics_are_equal_at_every_gateway(rig: Rig) -> None:
    """Requests of a worker that hunted and of a gateway that only tested are summed."""
    made = await hunted(rig)
    async with open_container(rig.config, clock=rig.clock) as other:
        await other.instances.probe(made["sonarr"])
        await other.metrics.traffic.flush()
        first = await scraped(rig)
        own, rig.container = rig.container, other
        second = await scraped(rig)
        rig.container = own
    shared = {key for key in first.samples if "_http_" not in key[0] and key[0].startswith("huntarr_")}
    assert {key: first.samples[key] for key in shared} == {key: second.samples.get(key) for key in shared}
    assert first.total("huntarr_app_requests_total") == sum(app.log.total for app in rig.apps.values())
    assert first.total("huntarr_app_answer_seconds_count") == first.total("huntarr_app_requests_total")


async def test_requests_to_apps_are_counted_by_result(rig: Rig) -> None:
    app = rig.sonarr(LibrarySpec(series=3))
    made = await rig.add(app)
    app.faults.add(Fault("status", status=500))
    await rig.container.instances.probe(made.id)
    found = await scraped(rig)
    mine = {"app_type": "sonarr", "instance_id": str(made.id)}
    asked_for = found.value("huntarr_app_requests_total", **mine, result="5xx")
    assert asked_for == app.log.total > 0
    assert found.value("huntarr_app_requests_total", **mine, result="2xx") == 0
    assert found.value("huntarr_app_last_answer_seconds", **mine) > 0


async def test_jobs_and_live_processes_are_counted(rig: Rig) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    async with rig.gateway() as api:
        data(await api.post("/api/hunts", json={"instance_id": made.id}), 202)
    await beat(rig.container.infra.redis, "one", rig.clock.now, timedelta(seconds=35))
    await beat(rig.container.infra.redis, "a gateway", rig.clock.now, timedelta(seconds=35), GATEWAYS)
    began = rig.clock.now
    rig.clock.forward(seconds=20)
    found = await scraped(rig)
    assert found.value("huntarr_hunts_open", status="queued") == 1
    assert found.value("huntarr_hunts_oldest_age_seconds", status="queued") == 20
    assert found.value("huntarr_hunts_oldest_age_seconds", status="running") == 0
    assert found.value("huntarr_jobs", state="waiting") >= 1
    assert (found.value("huntarr_workers"), found.value("huntarr_gateways")) == (1, 1)
    assert found.value("huntarr_worker_heartbeat_timestamp_seconds") == began.timestamp()
    rig.clock.forward(seconds=16)
    later = await scraped(rig)
    assert later.value("huntarr_workers") == 0
    assert later.values("huntarr_worker_heartbeat_timestamp_seconds") == {}
    await rig.work()
    done = await scraped(rig)
    assert (done.total("huntarr_hunts_open"), done.total("huntarr_jobs")) == (0, 0)


async def test_without_redis_the_other_metrics_are_shown(rig: Rig, tmp_path: Path) -> None:
    made = await hunted(rig)
    lonely = rig.config.model_copy(update={"redis_url": SecretStr(f"unix://{tmp_path / 'nobody.sock'}")})
    async with open_container(lonely, clock=rig.clock) as other:
        own, rig.container = rig.container, other
        found = await scraped(rig)
        rig.container = own
    assert (found.value("huntarr_redis_up"), found.value("huntarr_database_up")) == (0, 1)
    assert found.total("huntarr_searches_total", instance_id=str(made["radarr"])) > 0
    assert found.values("huntarr_workers") == {}


@pytest.mark.storage
@pytest.mark.parametrize("instances", [2, 60])
async def test_a_scrape_costs_few_statements_and_no_call_to_an_app(rig: Rig, instances: int) -> None:
    app = rig.sonarr(LibrarySpec(series=2))
    await rig.hunt(await rig.add(app))
    async with rig.gateway() as api:
        for number in range(1, instances):
            body = {"name": f"A{number}", "url": f"http://10.0.0.1:{number}", "api_key": "k"}
            data(await api.post("/api/instances/radarr", json=body), 201)
        calls = app.log.total
        await asked(api)  # whoever calls is known from now on
        renewed(rig)
    async with rig.gateway() as api:
        with statements(rig) as sent:
            found = await asked(api)
        selects = [sql for sql in sent if sql.lstrip().upper().startswith(("SELECT", "WITH"))]
        assert 0 < len(selects) <= 12
        assert len(found.values("huntarr_instance_enabled")) == instances
        assert app.log.total == calls
        with statements(rig) as sent:
            await asked(api)
        assert len([sql for sql in sent if sql.lstrip().upper().startswith("SELECT")]) <= 2


async def test_a_stream_counts_when_it_begins(rig: Rig) -> None:
    async with rig.gateway() as api:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await api.get("/api/events")
        found = await asked(api)
    assert found.value("huntarr_http_requests_total", route="/api/events", status="200") == 1
    assert found.value("huntarr_http_request_duration_seconds_count", route="/api/events") == 1

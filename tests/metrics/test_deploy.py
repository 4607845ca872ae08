"""The Grafana dashboard, the alerts and `docs/metrics.md` name only metrics that Huntarr has."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import ProcessCollector

from app.metrics.families import FAMILIES
from tests.metrics.scrapes import asked, hunted, metrics_in, renewed
from tests.support.rig import KEY, Rig
from tests.test_house_rules import table_of

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
SCRAPING = ROOT / "deploy/prometheus/prometheus.yml"
DASHBOARD = ROOT / "deploy/grafana/huntarr.json"
# Prometheus's own metric of a target.
OF_PROMETHEUS = {"up"}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions_of_dashboard() -> list[str]:
    targets = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    variables = [row["query"]["query"] for row in dashboard()["templating"]["list"] if row["type"] == "query"]
    return targets + [query.removeprefix("label_values(").rpartition(",")[0] for query in variables]


@pytest.mark.asyncio
async def test_every_metric_that_is_used_exists(rig: Rig) -> None:
    """In the scrape of an application that hunted and served a request."""
    await hunted(rig)
    renewed(rig)
    async with rig.gateway() as api:
        await api.get("/api/stats")
        served = (await asked(api)).names
    for expression in [*expressions_of_dashboard(), *(rule["expr"] for rule in rules())]:
        used = metrics_in(expression)
        assert used, expression
        assert used - served - OF_PROMETHEUS == set(), expression


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_bucket{route!="/b"}[5m]))', {"a_bucket"}),
        ("max by (x) (a) == 0 and on (job) b unless c offset 5m", {"a", "b", "c"}),
        ('histogram_quantile(0.95, sum by (le) (rate(a{b=~"c d"}[$__rate_interval]))) > 1e3', {"a"}),
    ],
)
def test_names_are_found_in_expressions(expression: str, names: set[str]) -> None:
    assert metrics_in(expression) == names


def test_the_dashboard_can_be_imported() -> None:
    found = dashboard()
    assert found["id"] is None  # else Grafana looks for one that exists
    assert found["schemaVersion"] >= 36
    assert {"uid", "title", "time", "templating", "panels"} <= set(found)
    variables = {row["name"]: row for row in found["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_label_that_is_used_exists() -> None:
    """Every `by (…)` names labels that some metric of the expression has."""
    labels = {family.name: set(family.labels) for family in FAMILIES}
    for expression in [*expressions_of_dashboard(), *(rule["expr"] for rule in rules())]:
        known = {"job", "instance", "le"}.union(
            *(labels.get(name.removesuffix("_bucket"), set()) for name in metrics_in(expression))
        )
        for group in expression.split("by (")[1:]:
            assert {label.strip() for label in group.partition(")")[0].split(",")} <= known, expression


def test_alerts_say_what_is_wrong() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")
    job = yaml.safe_load(SCRAPING.read_text())["scrape_configs"][0]
    assert (job["job_name"], job["metrics_path"]) == ("huntarr", "/metrics")


@pytest.mark.asyncio
async def test_our_configuration_is_let_in_by_its_header(rig: Rig) -> None:
    [job] = yaml.safe_load(SCRAPING.read_text())["scrape_configs"]
    assert "params" not in job, "a key in an address stands in logs"
    given = job["authorization"]
    async with rig.gateway() as api:
        del api.headers["X-Api-Key"]
        refused = await api.get(job["metrics_path"])
        reply = await api.get(job["metrics_path"], headers={"Authorization": f"{given['type']} {KEY}"})
    assert (refused.status_code, reply.status_code) == (401, 200)


@needs_promtool
def test_prometheus_reads_our_files() -> None:
    for kind, path in (("rules", ALERTS), ("config", SCRAPING)):
        checked = subprocess.run(["promtool", "check", kind, str(path)], capture_output=True, text=True)  # noqa: S603, S607
        assert checked.returncode == 0, checked.stdout + checked.stderr


def of_instance(name: str, more: str = "") -> str:
    return f'{name}{{job="huntarr",app_type="radarr",instance_id="1",instance_name="Films"{more}}}'


# Values by minute (by hour in tests of days), time of the check, alerts that must fire then, alerts that must not.
SEEN: dict[str, tuple[dict[str, str], str, set[str], set[str]]] = {
    "a gateway that is gone": (
        {'up{job="huntarr",instance="a:9705"}': "0x10"},
        "6m",
        {"HuntarrDown"},
        {"HuntarrDatabaseDown", "HuntarrRedisDown"},
    ),
    "a gateway that comes back in time": (
        {'up{job="huntarr",instance="a:9705"}': "0x4 1x10"},
        "8m",
        set(),
        {"HuntarrDown"},
    ),
    "a gateway without its database": (
        {'huntarr_database_up{job="huntarr",instance="a:9705"}': "1x3 0x10", 'up{job="huntarr"}': "1x20"},
        "10m",
        {"HuntarrDatabaseDown"},
        {"HuntarrDown", "HuntarrRedisDown"},
    ),
    "a gateway without its Redis": (
        {'huntarr_redis_up{job="huntarr",instance="a:9705"}': "0x10", 'huntarr_database_up{job="huntarr"}': "1x10"},
        "6m",
        {"HuntarrRedisDown"},
        {"HuntarrDatabaseDown"},
    ),
    "an app that is down": (
        {of_instance("huntarr_instance_online"): "0x60", of_instance("huntarr_instance_enabled"): "1x60"},
        "31m",
        {"HuntarrAppDown"},
        {"HuntarrNothingImported"},
    ),
    "an app that was switched off": (
        {of_instance("huntarr_instance_online"): "0x60", of_instance("huntarr_instance_enabled"): "0x60"},
        "31m",
        set(),
        {"HuntarrAppDown"},
    ),
    "no worker": ({'huntarr_workers{job="huntarr"}': "0x20"}, "10m", {"HuntarrNoWorker"}, {"HuntarrDown"}),
    "a worker": ({'huntarr_workers{job="huntarr"}': "1x20"}, "10m", set(), {"HuntarrNoWorker"}),
    "three hunts that fail": (
        {of_instance("huntarr_hunts_total", ',status="failed"'): "5 5 5 6 7 8x20"},
        "20m",
        {"HuntarrHuntsFailing"},
        set(),
    ),
    "two hunts that fail": (
        {of_instance("huntarr_hunts_total", ',status="failed"'): "5 5 5 6 7x20"},
        "20m",
        set(),
        {"HuntarrHuntsFailing"},
    ),
    "searches without imports": (
        {
            of_instance("huntarr_searches_total", ',pass="missing"'): "0+1x200",
            of_instance("huntarr_imports_total", ',pass="missing"'): "0x200",
        },
        "8d",
        {"HuntarrNothingImported"},
        set(),
    ),
    "searches with imports": (
        {
            of_instance("huntarr_searches_total", ',pass="missing"'): "0+1x200",
            of_instance("huntarr_imports_total", ',pass="missing"'): "0x150 1x50",
        },
        "8d",
        set(),
        {"HuntarrNothingImported"},
    ),
    "twenty searches without imports": (
        {
            of_instance("huntarr_searches_total", ',pass="missing"'): "_x100 5x10 6+1x19 25x80",
            of_instance("huntarr_imports_total", ',pass="missing"'): "_x100 0x110",
        },
        "8d",
        set(),
        {"HuntarrNothingImported"},
    ),
    "a hunt that nobody begins": (
        {'huntarr_hunts_oldest_age_seconds{status="queued"}': "0+60x60"},
        "30m",
        {"HuntarrHuntsWait"},
        {"HuntarrJobsWait"},
    ),
    "a hunt that takes long": (
        {'huntarr_hunts_oldest_age_seconds{status="running"}': "0+60x60"},
        "30m",
        set(),
        {"HuntarrHuntsWait"},
    ),
    "a job that nobody takes": (
        {"huntarr_jobs_oldest_waiting_age_seconds": "0+60x60"},
        "20m",
        {"HuntarrJobsWait"},
        {"HuntarrEventsWait"},
    ),
    "an event that nobody is told of": (
        {"huntarr_events_oldest_unrouted_age_seconds": "0+60x60"},
        "20m",
        {"HuntarrEventsWait"},
        {"HuntarrJobsWait", "HuntarrHuntsWait"},
    ),
}


def test_every_alert_is_seen_to_fire_and_to_be_silent() -> None:
    ours = {rule["alert"] for rule in rules()}
    assert set().union(*(fires for _, _, fires, _ in SEEN.values())) == ours
    assert set().union(*(silent for _, _, _, silent in SEEN.values())) == ours


@needs_promtool
@pytest.mark.parametrize("name", SEEN)
def test_alerts_fire_when_they_should(name: str, tmp_path: Path) -> None:
    series, at, fires, silent = SEEN[name]
    ours, step = {rule["alert"] for rule in rules()}, "1h" if at.endswith("d") else "1m"
    wanted = [{"eval_time": at, "alertname": alert, "exp_alerts": []} for alert in silent]
    case = {
        "interval": step,
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "alert_rule_test": wanted,
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for alert in fires
        ],
    }
    assert fires | silent <= ours
    path = tmp_path / "alerts_test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": step, "tests": [case]}))
    tested = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)  # noqa: S603, S607
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_page_lists_every_metric() -> None:
    ours = [
        [f"`{family.name}`", family.kind, ", ".join(f"`{label}`" for label in family.labels) or "-", family.text]
        for family in FAMILIES
    ]
    assert table_of("docs/metrics.md", "## Ours") == ours
    listed = {row[0].strip("`"): row[1] for row in table_of("docs/metrics.md", "## Of the process")}
    found = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.documentation
        for metric in ProcessCollector(registry=None).collect()
    }
    assert found.items() <= listed.items()

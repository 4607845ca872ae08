"""Requests and bytes that hunts cost the app."""

import sys
from datetime import datetime

import httpx
import psutil

from scripts.bench.figures import Figure, Sizes
from scripts.bench.installations import DatabaseConnection, installation
from scripts.bench.steps import add_instance, run_hunt, serve_app, wait_until
from scripts.processes import ChildProcesses
from tests.simulator import LibrarySpec, SimApp, SimSettings
from tests.simulator.definitions import AppKind

BELOW_CUTOFF = 60
WITH_LISTS: tuple[AppKind, ...] = ("sonarr", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3")
"""The others are asked for their whole library every six hours, whose size grows."""


def cost_of_a_hunt(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """Requests and bytes of a first hunt with 2 + 1 searches, for a small and a large library."""
    figures = []
    with (
        installation() as installed,
        installed.running(processes) as service,
        service.client() as client,
        installed.connection() as db,
    ):
        for kind in WITH_LISTS:
            costs = [_one_hunt(db, client, kind, missing) for missing in sizes.libraries]
            (few, few_bytes), (many, many_bytes) = costs
            small, large = (f"{size:,}" for size in sizes.libraries)
            name = f"{kind}: a hunt's requests, {small} and {large} missing"
            figures.append(Figure(name, f"{few} and {many}", "<= 12, equal", few == many and few <= 12))
            growth = abs(many_bytes - few_bytes) / few_bytes
            measured = f"{few_bytes:,} and {many_bytes:,}: {growth:.1%}"
            figures.append(Figure(f"{kind}: bytes of the same", measured, "within 10 %", growth <= 0.1))
    return figures


def requests_per_search(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """One hunt of many short searches, without and with grabs; lists, polls and outcomes are counted."""
    return [figure for grab_share in (0.0, 0.3) for figure in _cost_per_search(processes, sizes, grab_share)]


def _cost_per_search(processes: ChildProcesses, sizes: Sizes, grab_share: float) -> list[Figure]:
    """Grabs are read from the app's history: a follow-up takes one request five minutes later."""
    settings = SimSettings(command_seconds=0.5, grab_share=grab_share)
    app = SimApp("radarr", settings, library=LibrarySpec.with_missing(1_000))
    hunting = {"missing_batch": sizes.searches, "cutoff_batch": 0, "min_gap_seconds": 0}
    with (
        installation() as installed,
        installed.running(processes) as service,
        service.client() as client,
        installed.connection() as db,
        serve_app(app) as url,
    ):
        instance_id = add_instance(client, "radarr", url, app.settings.api_key, hunting)
        app.log.reset()
        process = psutil.Process(service.process.pid)
        before = process.cpu_times()
        hunt = run_hunt(client, instance_id, db)
        after, searched = process.cpu_times(), hunt["searched"]
        if grab_share:
            _follow_up_now(db)
            wait_until(lambda: app.log.counts["GET history"] > 0)
        share, counts = app.log.total / searched, ", ".join(f"{n} {name}" for name, n in app.log.counts.most_common())
    print(f"requests: {counts}", file=sys.stderr)
    grabs = f", {grab_share:.0%} grabs" if grab_share else ""
    name = f"requests per search, a hunt of {searched} short searches{grabs}"
    seconds = (datetime.fromisoformat(hunt["ended_at"]) - datetime.fromisoformat(hunt["started_at"])).total_seconds()
    cpu = after.user + after.system - before.user - before.system
    return [
        Figure(name, f"{share:.2f} ({app.log.total} in all)", "<= 1.6", share <= 1.6),
        Figure("  its time, with half a second a search", f"{seconds:.1f} s", "<= 6", seconds <= 6),
        Figure("  its processor time", f"{cpu:.2f} s", "<= 0.25", cpu <= 0.25),
    ]


def _one_hunt(db: DatabaseConnection, client: httpx.Client, kind: AppKind, missing: int) -> tuple[int, int]:
    settings = SimSettings(command_seconds=1, grab_share=0)
    app = SimApp(kind, settings, library=LibrarySpec.with_missing(missing, ended_share=1.0))
    for _ in range(BELOW_CUTOFF):
        app.add_item(has_file=True, quality_id=1)
    with serve_app(app) as url:
        instance_id = add_instance(client, app.definition.app_type, url, app.settings.api_key, {})
        _forget_status(db)
        app.log.reset()
        hunt = run_hunt(client, instance_id)
        if hunt["searched"] != 3:
            raise RuntimeError(f"the hunt did not search 2 + 1 items: {hunt}")
        return app.log.total, app.log.bytes_sent


def _forget_status(db: DatabaseConnection) -> None:
    """The hunt has to ask for the status of the app, as after ten minutes."""
    db.run("UPDATE instance_states SET checked_at = NULL")


def _follow_up_now(db: DatabaseConnection) -> None:
    """As if the five minutes were over, and what is read once a day were just read."""
    db.run(
        "UPDATE hunt_states SET follow_up_at = '2020-01-01 00:00:00.000000'",
        "INSERT INTO app_marks (instance_id, profiles_woken, looked_at)"
        " SELECT instance_id, '{}', strftime('%Y-%m-%d %H:%M:%S.000000', 'now') FROM hunt_states",
    )

"""Latency, throughput, start time and memory of the gateway, with few and with many rows."""

import statistics
import time

import psutil

from scripts.bench.figures import Figure, Sizes, percentile, spread
from scripts.bench.fill import APPS, fill
from scripts.bench.installations import Installation, installation
from scripts.bench.load import Load, concurrent, sequential
from scripts.bench.steps import add_instance, data, wait_until
from scripts.processes import ChildProcesses, Service

MEGABYTE = 1024 * 1024
PAGES = ("/api/hunts", "/api/history", "/api/logs")
KEPT = {"history_retention_days": 0, "log_retention_days": 365, "log_max_entries_per_app": 1_000_000}
"""No row is deleted while we measure."""


def few_rows(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """Polls, throughput and memory at rest, with two instances and an empty history."""
    return [figure for database in sizes.databases for figure in _few_rows(processes, sizes, database)]


def _few_rows(processes: ChildProcesses, sizes: Sizes, database: str) -> list[Figure]:
    with installation(database) as installed, installed.running(processes) as service:
        add_disabled_instances(service, 2)
        time.sleep(3)
        held = memory(service)
        stats = sequential(service, "/api/stats", sizes.requests)
        load = concurrent(service, "/api/stats", connections=32, seconds=sizes.load_seconds)
    what = "memory at rest: service, worker and Redis"
    return [
        Figure(f"{what}, {database}", f"{held:.0f} MB", "< 150 MB", held < 150),
        within(f"GET /api/stats, 2 instances, {database}", stats, 3),
        *_throughput(f"GET /api/stats, 32 connections, {database}", load),
    ]


def while_hunting(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """The same throughput while one of the two instances is hunted all the time."""
    with installation() as installed, installed.running(processes) as service, service.client() as client:
        options = ("--app", "sonarr", "--missing", "1000", "--latency-ms", "30", "--search-seconds", "1")
        simulated = processes.simulator(*options)
        hunting = {"missing_batch": 50, "cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400}
        instance_id = add_instance(client, "sonarr", simulated.url, simulated.api_key, hunting)
        add_disabled_instances(service, 1)
        hunt_id = data(client.post("/api/hunts", json={"instance_id": instance_id}))["hunts"][0]["id"]
        wait_until(lambda: data(client.get(f"/api/hunts/{hunt_id}"))["searched"] > 0)
        load = concurrent(service, "/api/stats", connections=32, seconds=sizes.load_seconds)
        hunt = data(client.get(f"/api/hunts/{hunt_id}"))
        processes.end(simulated.process)
    if hunt["ended_at"] is not None:
        raise RuntimeError(f"the hunt did not run all the time: {hunt['status']}, {hunt['searched']} searched")
    return _throughput(f"GET /api/stats, 32 connections, while a hunt runs ({hunt['searched']} searches)", load)


def many_rows(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """Polls, pages, throughput and start, with a hundred instances and many rows."""
    return [figure for database in sizes.databases for figure in _many_rows(processes, sizes, database)]


def _many_rows(processes: ChildProcesses, sizes: Sizes, database: str) -> list[Figure]:
    with installation(database) as installed:
        fill_a_year(processes, installed, sizes.rows)
        starts = [start_seconds(processes, installed) for _ in range(sizes.starts)]
        with installed.running(processes) as service:
            stats = sequential(service, "/api/stats", sizes.requests)
            rebuilt = sequential(service, "/api/stats", sizes.rebuilds, pause=1.05)
            pages = {path: sequential(service, path, sizes.requests // 4) for path in PAGES}
            load = concurrent(service, "/api/stats", connections=32, seconds=sizes.load_seconds)
    what = f"{APPS} instances, {sizes.rows:,} rows, {database}"
    start = statistics.median(starts)
    return [
        within(f"GET /api/stats, {what}", stats, 10),
        within(f"GET /api/stats (built anew each time), {what}", rebuilt, 10),
        *(within(f"GET {path}, {sizes.rows:,} rows, {database}", found, 20) for path, found in pages.items()),
        Figure(f"GET /api/stats, 32 connections, {what}", f"{load.per_second:,.0f} /s", "-", True),
        Figure(f"start to first 200 of /api/health, {what}", f"{start:.2f} s", "< 2.5 s", start < 2.5),
    ]


def fill_a_year(processes: ChildProcesses, installed: Installation, rows: int, *, logs: bool = True) -> None:
    """Fill the database like that of a service that has run for a year."""
    with installed.running(processes) as service, service.client() as client:
        add_disabled_instances(service, APPS)
        data(client.post("/api/settings/general", json=KEPT))
    with installed.connection() as db:
        fill(db, rows, logs=logs)


def start_seconds(processes: ChildProcesses, installed: Installation) -> float:
    started = time.perf_counter()
    with installed.running(processes):
        return time.perf_counter() - started


def add_disabled_instances(service: Service, count: int) -> None:
    """Disabled instances: nothing runs while we measure."""
    with service.client() as client:
        for number in range(1, count + 1):
            url = f"http://127.0.0.1:9/{number}"
            body = {"name": f"App {number}", "url": url, "api_key": "k" * 32, "enabled": False}
            data(client.post(f"/api/instances/{'sonarr' if number % 2 else 'radarr'}", json=body))


def memory(service: Service) -> float:
    """Megabytes of the service and its children; shared pages count once where the system knows them (PSS)."""
    process = psutil.Process(service.process.pid)
    found = [each.memory_full_info() for each in (process, *process.children(recursive=True))]
    return sum(getattr(info, "pss", info.rss) for info in found) / MEGABYTE


def within(what: str, found: list[float], max_milliseconds: int) -> Figure:
    holds = percentile(found, 0.95) < max_milliseconds / 1000
    return Figure(f"{what}, p50/p95/p99", spread(found), f"p95 < {max_milliseconds} ms", holds)


def _throughput(what: str, load: Load) -> list[Figure]:
    rate, slowest = load.per_second, percentile(load.latencies, 0.99)
    return [
        Figure(what, f"{rate:,.0f} /s", ">= 1,000 /s", rate >= 1_000),
        Figure("the same, p50/p95/p99", spread(load.latencies), "p99 < 100 ms", slowest < 0.1),
    ]

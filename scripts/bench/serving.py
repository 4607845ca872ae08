"""How fast the gateway answers, with little and with much in its database; how fast it starts and what it holds."""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from scripts.bench.figures import Figure, Sizes, percentile, spread
from scripts.bench.load import at_once, in_turn
from scripts.children import Children, Service

MEGABYTE = 1024 * 1024
NUMBERS = """CREATE TEMP TABLE n AS
    WITH RECURSIVE m(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m WHERE i < :rows)
    SELECT i, i % :apps + 1 AS app, iif(i % 2, 'radarr', 'sonarr') AS app_type,
    strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || ((:rows - i) * 31536000 / :rows) || ' seconds') AS at FROM m"""
HUNTS = """INSERT INTO hunts (instance_id, instance_name, app_type, trigger, status, passes, dry_run, cancel_requested,
    fence, attempts, queued_at, started_at, ended_at, searched, errors, skipped)
    SELECT app, 'App ' || app, app_type, 'interval', 'completed', '["missing", "cutoff"]', 0, 0, i, 1, at, at, at, 3, 0,
    '{"missing": {"cooldown": 12}}' FROM n"""
SEARCHES = """INSERT INTO searches (hunt_id, instance_id, instance_name, app_type, hunt_pass, media_key, unit, title,
    item_id, picked, units, outcome, command_id, searched_at, ended_at)
    SELECT i, app, 'App ' || app, app_type, iif(i % 3, 'missing', 'cutoff'), 'episode:' || i, 'episode',
    'The Quiet Ledger ' || i || ' - S01E02 - Chapter 2', i, 'never searched', 1,
    iif(i % 4, 'nothing_found', 'grabbed'), i, at, at FROM n"""
DAYS = """WITH RECURSIVE m(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM m WHERE i < 365 * :apps - 1)
    INSERT INTO stat_days SELECT date('now', '-' || (i / :apps) || ' days'),
    iif((i % :apps + 1) % 2, 'sonarr', 'radarr'), i % :apps + 1, 20, 7, 9, 0, 1 FROM m"""
TOTALS = """INSERT INTO stat_totals SELECT app_type, instance_id, sum(hunted), sum(upgraded), sum(grabbed),
    sum(imported), sum(errors) FROM stat_days GROUP BY 1, 2"""
CAPS = """WITH RECURSIVE m(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM m WHERE i < 48 * :apps - 1)
    INSERT INTO cap_entries (instance_id, search_id, units, reserved_at) SELECT i % :apps + 1, i, 1,
    strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || (i / :apps * 30) || ' minutes') FROM m"""
APPS = 100


def few_rows(children: Children, sizes: Sizes) -> list[Figure]:
    """Two instances and an empty history: polls, throughput, memory at rest."""
    with _folder() as folder, _running(children, folder) as service:
        _add(service, 2)
        time.sleep(3)
        memory = _memory(service)
        stats = in_turn(service, "/api/stats", sizes.requests)
        load = at_once(service, "/api/stats", connections=32, seconds=sizes.load_seconds)
    slowest = percentile(load.latencies, 0.99)
    p95 = percentile(stats, 0.95)
    return [
        Figure("memory at rest: service, worker and Redis", f"{memory:.0f} MB", "< 150 MB", memory < 150),
        Figure("GET /api/stats, 2 instances, p50/p95/p99", spread(stats), "p95 < 3 ms", p95 < 0.003),
        Figure("GET /api/stats, 32 connections", f"{load.per_second:,.0f} /s", ">= 1,000 /s", load.per_second >= 1_000),
        Figure("the same, p50/p95/p99", spread(load.latencies), "p99 < 100 ms", slowest < 0.1),
    ]


def many_rows(children: Children, sizes: Sizes) -> list[Figure]:
    """A hundred instances and a long history."""
    figures = []
    with _folder() as folder:
        with _running(children, folder) as service:
            _add(service, APPS)
        _fill(folder, sizes.rows)
        starts = [_start_seconds(children, folder) for _ in range(sizes.starts)]
        with _running(children, folder) as service:
            stats = in_turn(service, "/api/stats", sizes.requests)
            rebuilt = in_turn(service, "/api/stats", sizes.rebuilds, pause=1.05)
            pages = {path: in_turn(service, path, sizes.requests // 4) for path in ("/api/hunts", "/api/history")}
    what = f"{APPS} instances, {sizes.rows:,} rows"
    for name, found in (("", stats), (" (built anew each time)", rebuilt)):
        p95 = percentile(found, 0.95)
        figures.append(Figure(f"GET /api/stats{name}, {what}", spread(found), "p95 < 10 ms", p95 < 0.01))
    for path, found in pages.items():
        p95 = percentile(found, 0.95)
        figures.append(Figure(f"GET {path}, {sizes.rows:,} rows", spread(found), "p95 < 20 ms", p95 < 0.02))
    start = statistics.median(starts)
    figures.append(Figure("start to first 200 of /api/health, that database", f"{start:.2f} s", "< 2.5 s", start < 2.5))
    return figures


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as folder:
        yield Path(folder)


@contextmanager
def _running(children: Children, folder: Path) -> Iterator[Service]:
    service = children.service(folder)
    try:
        yield service
    finally:
        children.end(service.process)


def _start_seconds(children: Children, folder: Path) -> float:
    started = time.perf_counter()
    with _running(children, folder):
        return time.perf_counter() - started


def _add(service: Service, count: int) -> None:
    """Instances of apps that are switched off: nothing runs while we measure."""
    with service.client() as client:
        for number in range(1, count + 1):
            app = "sonarr" if number % 2 else "radarr"
            body = {
                "name": f"App {number}",
                "url": f"http://127.0.0.1:9/{number}",
                "api_key": "k" * 32,
                "enabled": False,
            }
            client.post(f"/api/instances/{app}", json=body).raise_for_status()


def _fill(folder: Path, rows: int) -> None:
    with closing(sqlite3.connect(folder / "huntarr.db", isolation_level=None)) as books:
        books.execute("PRAGMA synchronous=OFF")
        for statement in (NUMBERS, HUNTS, SEARCHES, DAYS, TOTALS, CAPS):
            books.execute(statement, {"rows": rows, "apps": APPS})
        books.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _memory(service: Service) -> float:
    """Megabytes of the service and what it started; shared pages count once where the system tells (PSS)."""
    process = psutil.Process(service.process.pid)
    found = [one.memory_full_info() for one in (process, *process.children(recursive=True))]
    return sum(getattr(one, "pss", one.rss) for one in found) / MEGABYTE

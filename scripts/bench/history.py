"""A history of ten million rows: its pages, the dashboard, the start, and polls while old rows are deleted."""

import statistics
import time

import uvloop
from arq.connections import RedisSettings

from app.core.queue import DELETE_OLD_ROWS
from app.core.redis import make_redis, socket_path
from scripts.bench.figures import Figure, Sizes, percentile, spread
from scripts.bench.fill import DAYS
from scripts.bench.installations import Installation, installation
from scripts.bench.load import sequential
from scripts.bench.serving import fill_a_year, start_seconds, within
from scripts.bench.steps import data
from scripts.processes import ChildProcesses, Service

PAGES = (
    "/api/history",
    "/api/hunts",
    "/api/history?instance_id=7",
    "/api/history?outcome=search_failed",
    "/api/history?page=100&page_size=100",
)
SLOW_PAGES = ("/api/history?page=10000&page_size=100", "/api/history?search=Ledger%20777")
"""A late page, and a part of a title, for which there is no index. Nobody polls these."""
KEPT_DAYS = 345
POLLS = 25


def long_history(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """Figures of each database."""
    return [figure for database in sizes.databases for figure in _long_history(processes, sizes, database)]


def _long_history(processes: ChildProcesses, sizes: Sizes, database: str) -> list[Figure]:
    started = time.monotonic()
    with installation(database) as installed:
        fill_a_year(processes, installed, sizes.history, logs=False)
        what = f"{sizes.history:,} rows, {database}"
        figures = [Figure(f"filling, {what}", f"{time.monotonic() - started:.0f} s", "-", True)]
        start = statistics.median(start_seconds(processes, installed) for _ in range(sizes.starts))
        figures.append(Figure(f"start to first 200, {what}", f"{start:.2f} s", "< 2.5 s", start < 2.5))
        with installed.running(processes) as service:
            figures += _reads(service, sizes, what)
            figures.append(_retention(service, installed, sizes, what))
    return figures


def _reads(service: Service, sizes: Sizes, what: str) -> list[Figure]:
    rebuilt = sequential(service, "/api/stats", sizes.rebuilds, pause=1.05)
    timeline = sequential(service, "/api/stats/timeline?days=366", sizes.requests // 20)
    figures = [
        within(f"GET /api/stats (built anew each time), {what}", rebuilt, 10),
        Figure(f"GET /api/stats/timeline?days=366, {what}, p50/p95/p99", spread(timeline), "-", True),
    ]
    figures += [within(f"GET {path}, {what}", sequential(service, path, sizes.requests // 4), 20) for path in PAGES]
    for path in SLOW_PAGES:
        found = spread(sequential(service, path, sizes.slow_requests))
        figures.append(Figure(f"GET {path}, {what}, p50/p95/p99", found, "-", True))
    return figures


def _retention(service: Service, installed: Installation, sizes: Sizes, what: str) -> Figure:
    """Enqueue the hourly retention job, and poll until the last row that is too old is deleted."""
    with service.client() as client:
        data(client.post("/api/settings/general", json={"history_retention_days": KEPT_DAYS}))
    last = sizes.history * (DAYS - KEPT_DAYS - 1) // DAYS
    started, polls = time.monotonic(), list[float]()
    uvloop.run(_enqueue_retention(installed))
    with installed.connection() as db:
        before = db.number("SELECT count(*) FROM searches")
        while db.number(f"SELECT count(*) FROM hunts WHERE id <= {last}"):  # noqa: S608 - our own number
            polls += sequential(service, "/api/stats", POLLS, pause=0.02)
        seconds = time.monotonic() - started
        gone = before - db.number("SELECT count(*) FROM searches")
    name = f"GET /api/stats while {gone:,} searches and their hunts go in {seconds:.0f} s, {what}, p50/p95/p99"
    return Figure(name, spread(polls), "p99 < 100 ms", percentile(polls, 0.99) < 0.1)


async def _enqueue_retention(installed: Installation) -> None:
    redis = make_redis(RedisSettings(unix_socket_path=str(socket_path(installed.folder))))
    await redis.enqueue_job(DELETE_OLD_ROWS)
    await redis.aclose()

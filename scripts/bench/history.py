"""A history of ten million rows: its pages, the dashboard, the start, and polls while the retention deletes."""

import statistics
import time

import uvloop
from arq.connections import RedisSettings

from app.core.redis import make_redis, socket_path
from scripts.bench.figures import Figure, Sizes, percentile, spread
from scripts.bench.filling import DAYS
from scripts.bench.homes import Home, home
from scripts.bench.load import in_turn
from scripts.bench.serving import furnish, start_seconds, within
from scripts.bench.steps import data
from scripts.children import Children, Service

PAGES = (
    "/api/history",
    "/api/hunts",
    "/api/history?instance_id=7",
    "/api/history?outcome=search_failed",
    "/api/history?page=100&page_size=100",
)
DEAR = ("/api/history?page=10000&page_size=100", "/api/history?search=Ledger%20777")
"""What nobody polls: a page deep down, and a part of a title, for which there can be no index."""
KEPT_DAYS = 345
POLLS = 25


def long_history(children: Children, sizes: Sizes) -> list[Figure]:
    """On both databases."""
    return [figure for database in sizes.databases for figure in _long_history(children, sizes, database)]


def _long_history(children: Children, sizes: Sizes, database: str) -> list[Figure]:
    started = time.monotonic()
    with home(database) as place:
        furnish(children, place, sizes.history, logs=False)
        what = f"{sizes.history:,} rows, {database}"
        figures = [Figure(f"filling, {what}", f"{time.monotonic() - started:.0f} s", "-", True)]
        start = statistics.median(start_seconds(children, place) for _ in range(sizes.starts))
        figures.append(Figure(f"start to first 200, {what}", f"{start:.2f} s", "< 2.5 s", start < 2.5))
        with place.running(children) as service:
            figures += _reads(service, sizes, what)
            figures.append(_retention(service, place, sizes, what))
    return figures


def _reads(service: Service, sizes: Sizes, what: str) -> list[Figure]:
    rebuilt = in_turn(service, "/api/stats", sizes.rebuilds, pause=1.05)
    timeline = in_turn(service, "/api/stats/timeline?days=366", sizes.requests // 20)
    figures = [
        within(f"GET /api/stats (built anew each time), {what}", rebuilt, 10),
        Figure(f"GET /api/stats/timeline?days=366, {what}, p50/p95/p99", spread(timeline), "-", True),
    ]
    figures += [within(f"GET {path}, {what}", in_turn(service, path, sizes.requests // 4), 20) for path in PAGES]
    for path in DEAR:
        found = spread(in_turn(service, path, sizes.dear_requests))
        figures.append(Figure(f"GET {path}, {what}, p50/p95/p99", found, "-", True))
    return figures


def _retention(service: Service, place: Home, sizes: Sizes, what: str) -> Figure:
    """The tick that comes once an hour is rung now; polls go on until the last row that is too old is gone."""
    with service.client() as client:
        data(client.post("/api/settings/general", json={"history_retention_days": KEPT_DAYS}))
    last = sizes.history * (DAYS - KEPT_DAYS - 1) // DAYS
    started, polls = time.monotonic(), list[float]()
    uvloop.run(_ring(place))
    with place.books() as books:
        before = books.number("SELECT count(*) FROM searches")
        while books.number(f"SELECT count(*) FROM hunts WHERE id <= {last}"):  # noqa: S608 - our own number
            polls += in_turn(service, "/api/stats", POLLS, pause=0.02)
        seconds = time.monotonic() - started
        gone = before - books.number("SELECT count(*) FROM searches")
    name = f"GET /api/stats while {gone:,} searches and their hunts go in {seconds:.0f} s, {what}, p50/p95/p99"
    return Figure(name, spread(polls), "p99 < 100 ms", percentile(polls, 0.99) < 0.1)


async def _ring(place: Home) -> None:
    redis = make_redis(RedisSettings(unix_socket_path=str(socket_path(place.folder))))
    await redis.enqueue_job("tick:delete_old_rows")
    await redis.aclose()

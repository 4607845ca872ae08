"""What hunts cost: requests and bytes to the app, the time and memory that a thousand instances take."""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from scripts.bench.figures import Figure, Sizes
from scripts.children import Children, Service
from tests.simulator import LibrarySpec, SimApp, SimHost, SimSettings
from tests.simulator.flavours import AppKind
from tests.simulator.hosting import Served

MEGABYTE = 1024 * 1024
LONGEST = 240.0
BELOW_CUTOFF = 60
WITH_LISTS: tuple[AppKind, ...] = ("sonarr", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3")
"""An app without wanted lists is asked for its library once in six hours: that grows with it."""


def cost_of_a_hunt(children: Children, sizes: Sizes) -> list[Figure]:
    """Requests and bytes for 2 + 1 searches, nothing known beforehand, for a small and a large library."""
    figures = []
    with _service(children) as service, service.client() as client:
        for kind in WITH_LISTS:
            costs = [_one_hunt(service, client, kind, missing) for missing in sizes.libraries]
            (few, few_bytes), (many, many_bytes) = costs
            small, large = (f"{size:,}" for size in sizes.libraries)
            name = f"{kind}: a hunt's requests, {small} and {large} missing"
            figures.append(Figure(name, f"{few} and {many}", "<= 12, equal", few == many and few <= 12))
            growth = abs(many_bytes - few_bytes) / few_bytes
            measured = f"{few_bytes:,} and {many_bytes:,}: {growth:.1%}"
            figures.append(Figure(f"{kind}: bytes of the same", measured, "within 10 %", growth <= 0.1))
    return figures


def requests_per_search(children: Children, sizes: Sizes) -> list[Figure]:
    """One hunt of many short searches: lists, polls and outcomes included, without a grab and with some."""
    return [_cost_per_search(children, sizes, grab_share) for grab_share in (0.0, 0.3)]


def _cost_per_search(children: Children, sizes: Sizes, grab_share: float) -> Figure:
    """A grab is told by the history, which a follow-up reads in one request after five minutes."""
    settings = SimSettings(command_seconds=0.5, grab_share=grab_share)
    app = SimApp("radarr", settings, library=LibrarySpec.with_missing(1_000))
    hunting = {"missing_batch": sizes.searches, "cutoff_batch": 0, "min_gap_seconds": sizes.gap_seconds}
    with _service(children) as service, service.client() as client, _served(app) as url:
        instance_id = _added(client, "radarr", url, app.settings.api_key, hunting)
        app.log.reset()
        searched = _hunted(client, instance_id)["searched"]
        if grab_share:
            _follow_up_now(service)
            _until(lambda: app.log.counts["GET history/since"] > 0)
        share, counts = app.log.total / searched, ", ".join(f"{n} {name}" for name, n in app.log.counts.most_common())
    print(f"requests: {counts}", file=sys.stderr)
    grabs = f", {grab_share:.0%} grabs" if grab_share else ""
    name = f"requests per search, a hunt of {searched} short searches{grabs}"
    return Figure(name, f"{share:.2f} ({app.log.total} in all)", "<= 1.6", share <= 1.6)


def many_instances(children: Children, sizes: Sizes) -> list[Figure]:
    """All due at the same time, 30 ms to each answer, one search each, one worker process."""
    count = sizes.instances
    with ExitStack() as stack:
        simulated = children.simulator(
            "--app", "sonarr", "--instances", str(count), "--missing", "20", "--latency-ms", "30"
        )
        stack.callback(children.end, simulated.process)
        service = stack.enter_context(_service(children, works=False))
        worker = children.worker(service.data_dir)
        stack.callback(children.end, worker)
        with service.client() as client:
            _data(client.post("/api/settings/sonarr", json={"missing_batch": 1, "cutoff_batch": 0}))
            for number in range(1, count + 1):
                body = {"name": f"App {number}", "url": f"{simulated.url}/{number}", "api_key": simulated.api_key}
                _data(client.post("/api/instances/sonarr", json=body))
        with closing(_database(service)) as books:
            _until(lambda: _number(books, "SELECT count(*) FROM instance_states WHERE online") == count)
            books.execute("UPDATE instance_states SET next_hunt_at = '2020-01-01 00:00:00.000000'")
            books.commit()
            started, peak = time.monotonic(), 0

            def all_hunted() -> bool:
                nonlocal peak
                peak = max(peak, psutil.Process(worker.pid).memory_info().rss)
                return _number(books, "SELECT count(*) FROM hunts WHERE ended_at IS NOT NULL") >= count

            _until(all_hunted)
            took = time.monotonic() - started
            done = _number(books, "SELECT count(*) FROM hunts WHERE status = 'completed' AND searched = 1")
        name = f"{count:,} instances due at once, one worker"
        measured = f"{took:.1f} s, {done:,} with their search"
        memory = f"{peak / MEGABYTE:.0f} MB"
    return [
        Figure(name, measured, "< 60 s", took < 60 and done == count),
        Figure("RSS of that worker at its peak", memory, "< 250 MB", peak < 250 * MEGABYTE),
    ]


def _one_hunt(service: Service, client: httpx.Client, kind: AppKind, missing: int) -> tuple[int, int]:
    settings = SimSettings(command_seconds=1, grab_share=0)
    app = SimApp(kind, settings, library=LibrarySpec.with_missing(missing, ended_share=1.0))
    for _ in range(BELOW_CUTOFF):
        app.add_item(has_file=True, quality_id=1)
    with _served(app) as url:
        instance_id = _added(client, app.flavour.app_type, url, app.settings.api_key, {})
        _forget_status(service)
        app.log.reset()
        hunt = _hunted(client, instance_id)
        if hunt["searched"] != 3:
            raise RuntimeError(f"the hunt did not search 2 + 1 items: {hunt}")
        return app.log.total, app.log.bytes_sent


@contextmanager
def _service(children: Children, *, works: bool = True) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as folder:
        service = children.service(Path(folder), works=works)
        try:
            yield service
        finally:
            children.end(service.process)


@contextmanager
def _served(app: SimApp) -> Iterator[str]:
    served = Served(SimHost(app)).start()
    try:
        yield served.url
    finally:
        served.stop()
        app.close()


def _added(client: httpx.Client, kind: str, url: str, api_key: str, hunting: dict[str, int]) -> int:
    """An instance that the worker has tested."""
    body = {"name": f"{kind} at {url}", "url": url, "api_key": api_key, "hunting": hunting}
    instance_id = int(_data(client.post(f"/api/instances/{kind}", json=body))["id"])
    _until(lambda: _data(client.get(f"/api/instances/{kind}/{instance_id}"))["online"] is True)
    return instance_id


def _hunted(client: httpx.Client, instance_id: int) -> dict[str, Any]:
    hunt: dict[str, Any] = _data(client.post("/api/hunts", json={"instance_id": instance_id}))["hunts"][0]
    _until(lambda: _data(client.get(f"/api/hunts/{hunt['id']}"))["ended_at"] is not None)
    found: dict[str, Any] = _data(client.get(f"/api/hunts/{hunt['id']}"))
    return found


def _forget_status(service: Service) -> None:
    """So that the hunt has to ask the app who it is, as after ten minutes."""
    with closing(_database(service)) as books:
        books.execute("UPDATE instance_states SET checked_at = NULL")
        books.commit()


def _follow_up_now(service: Service) -> None:
    """As if the five minutes were over; what is looked at once a day was just looked at."""
    with closing(_database(service)) as books:
        books.execute("UPDATE instance_states SET follow_up_at = '2020-01-01 00:00:00.000000'")
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        books.execute(
            "INSERT INTO app_marks (instance_id, profiles_woken, looked_at) SELECT instance_id, '{}', ?"
            " FROM instance_states",
            (now,),
        )
        books.commit()


def _database(service: Service) -> sqlite3.Connection:
    return sqlite3.connect(service.data_dir / "huntarr.db", timeout=30)


def _number(books: sqlite3.Connection, query: str) -> int:
    return int(books.execute(query).fetchone()[0])


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("what was waited for did not happen")
        time.sleep(0.1)


def _data(reply: httpx.Response) -> Any:
    reply.raise_for_status()
    return reply.json()["data"]

"""Steps that the parts share: add an instance, run a hunt, wait for a condition."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from scripts.bench.installations import DatabaseConnection
from tests.simulator import SimApp, SimHost, SimProwlarr
from tests.simulator.hosting import Served

MAX_WAIT_SECONDS = 240.0


@contextmanager
def serve_app(app: SimApp | SimProwlarr) -> Iterator[str]:
    """Serve the simulated app in this process, where its requests can be counted; its URL."""
    host = Served(SimHost(app) if isinstance(app, SimApp) else app).start()
    try:
        yield host.url
    finally:
        host.stop()
        if isinstance(app, SimApp):
            app.close()


def add_instance(client: httpx.Client, kind: str, url: str, api_key: str, hunting: dict[str, Any]) -> int:
    """The id of a new instance, once the worker has tested it."""
    body = {"name": f"{kind} at {url}", "url": url, "api_key": api_key, "hunting": hunting}
    instance_id = int(data(client.post(f"/api/instances/{kind}", json=body))["id"])
    wait_until(lambda: data(client.get(f"/api/instances/{kind}/{instance_id}"))["online"] is True)
    return instance_id


def run_hunt(client: httpx.Client, instance_id: int, db: DatabaseConnection | None = None) -> dict[str, Any]:
    """Run a hunt to its end. With `db` its table is looked at, and the service is not asked meanwhile."""
    hunt: dict[str, Any] = data(client.post("/api/hunts", json={"instance_id": instance_id}))["hunts"][0]
    if db is not None:
        wait_until(lambda: db.number(f"SELECT count(*) FROM hunts WHERE id = {hunt['id']} AND ended_at IS NULL") == 0)  # noqa: S608 - a number
    wait_until(lambda: data(client.get(f"/api/hunts/{hunt['id']}"))["ended_at"] is not None)
    found: dict[str, Any] = data(client.get(f"/api/hunts/{hunt['id']}"))
    return found


def wait_until_online(db: DatabaseConnection, count: int) -> None:
    """Wait until the worker has tested `count` instances."""
    wait_until(lambda: db.number("SELECT count(*) FROM instance_states WHERE online") == count)


def wait_until(holds: Callable[[], bool], *, max_seconds: float = MAX_WAIT_SECONDS) -> None:
    deadline = time.monotonic() + max_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("the condition was not met in time")
        time.sleep(0.1)


def data(reply: httpx.Response) -> Any:
    reply.raise_for_status()
    return reply.json()["data"]

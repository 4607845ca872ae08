"""What the parts do with a service: add instances, hunt, and wait for what they know to come."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from scripts.bench.homes import Books
from tests.simulator import SimApp, SimHost
from tests.simulator.hosting import Served

MAX_DURATION = 240.0


@contextmanager
def served(app: SimApp) -> Iterator[str]:
    """The simulated app in this process, where what it was asked can be counted; its URL."""
    host = Served(SimHost(app)).start()
    try:
        yield host.url
    finally:
        host.stop()
        app.close()


def added(client: httpx.Client, kind: str, url: str, api_key: str, hunting: dict[str, Any]) -> int:
    """An instance that the worker has tested."""
    body = {"name": f"{kind} at {url}", "url": url, "api_key": api_key, "hunting": hunting}
    instance_id = int(data(client.post(f"/api/instances/{kind}", json=body))["id"])
    until(lambda: data(client.get(f"/api/instances/{kind}/{instance_id}"))["online"] is True)
    return instance_id


def hunted(client: httpx.Client, instance_id: int) -> dict[str, Any]:
    """A hunt from its start to its end."""
    hunt: dict[str, Any] = data(client.post("/api/hunts", json={"instance_id": instance_id}))["hunts"][0]
    until(lambda: data(client.get(f"/api/hunts/{hunt['id']}"))["ended_at"] is not None)
    found: dict[str, Any] = data(client.get(f"/api/hunts/{hunt['id']}"))
    return found


def until_online(books: Books, count: int) -> None:
    """Until the worker has tested so many instances."""
    until(lambda: books.number("SELECT count(*) FROM instance_states WHERE online") == count)


def until(holds: Callable[[], bool], *, longest: float = MAX_DURATION) -> None:
    deadline = time.monotonic() + longest
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("what was waited for did not happen")
        time.sleep(0.1)


def data(reply: httpx.Response) -> Any:
    reply.raise_for_status()
    return reply.json()["data"]

"""What many hunts leave in memory: a service at rest, before ten thousand hunts and after them."""

import time

import httpx

from scripts.bench.figures import Figure, Sizes
from scripts.bench.homes import home
from scripts.bench.serving import memory
from scripts.bench.steps import data, until_online
from scripts.children import Children, Simulated

CROWD = 100
REST_SECONDS = 10
MAX_WAIT = 60
HUNTING = {"missing_batch": 1, "cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400}


def many_hunts(children: Children, sizes: Sizes) -> list[Figure]:
    """Real hunts of one search each, of many instances at a time, one round after the other."""
    crowd = min(CROWD, sizes.hunts // 10)
    rounds = sizes.hunts // crowd
    options = ("--app", "radarr", "--instances", str(crowd), "--missing", str(rounds + 10), "--search-seconds", "0")
    simulated = children.simulator(*options)
    with home() as place, place.running(children) as service, service.client() as client, place.books() as books:
        _add(client, simulated, crowd)
        until_online(books, crowd)
        time.sleep(REST_SECONDS)
        before = memory(service)
        started = time.monotonic()
        for _ in range(rounds):
            _hunt_all(client)
        seconds = time.monotonic() - started
        time.sleep(REST_SECONDS)
        after = memory(service)
        done = books.number("SELECT count(*) FROM hunts WHERE status = 'completed' AND searched = 1")
    children.end(simulated.process)
    what = f"memory at rest after {sizes.hunts:,} hunts of {crowd} instances"
    measured = f"{after:.0f} MB, before {before:.0f} MB"
    return [
        Figure(what, measured, "at most 20 MB more", after - before <= 20),
        Figure("the same: hunts with their search", f"{done:,} in {seconds:.0f} s", "all", done == rounds * crowd),
    ]


def _add(client: httpx.Client, simulated: Simulated, crowd: int) -> None:
    data(client.post("/api/settings/radarr", json=HUNTING))
    for number in range(1, crowd + 1):
        body = {"name": f"App {number}", "url": f"{simulated.url}/{number}", "api_key": simulated.api_key}
        data(client.post("/api/instances/radarr", json=body))


def _hunt_all(client: httpx.Client) -> None:
    """One round: a hunt of every instance, to its end."""
    reply = client.post("/api/hunts", params={"wait": MAX_WAIT})
    data(reply)
    if reply.status_code != httpx.codes.OK:
        raise RuntimeError("a round of hunts did not end in time")

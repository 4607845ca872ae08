"""Memory of a service at rest, before and after ten thousand hunts."""

import time

import httpx

from scripts.bench.figures import Figure, Sizes
from scripts.bench.installations import installation
from scripts.bench.serving import memory
from scripts.bench.steps import data, wait_until_online
from scripts.processes import ChildProcesses, Simulated

MAX_INSTANCES = 100
REST_SECONDS = 10
MAX_WAIT = 60
HUNTING = {"missing_batch": 1, "cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400}


def many_hunts(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """Rounds of hunts with one search each, of many instances at the same time."""
    instances = min(MAX_INSTANCES, sizes.hunts // 10)
    rounds = sizes.hunts // instances
    options = ("--app", "radarr", "--instances", str(instances), "--missing", str(rounds + 10), "--search-seconds", "0")
    simulated = processes.simulator(*options)
    with (
        installation() as installed,
        installed.running(processes) as service,
        service.client() as client,
        installed.connection() as db,
    ):
        _add(client, simulated, instances)
        wait_until_online(db, instances)
        time.sleep(REST_SECONDS)
        before = memory(service)
        started = time.monotonic()
        for _ in range(rounds):
            _hunt_all(client)
        seconds = time.monotonic() - started
        time.sleep(REST_SECONDS)
        after = memory(service)
        completed = db.number("SELECT count(*) FROM hunts WHERE status = 'completed' AND searched = 1")
    processes.end(simulated.process)
    what = f"memory at rest after {sizes.hunts:,} hunts of {instances} instances"
    measured = f"{after:.0f} MB, before {before:.0f} MB"
    return [
        Figure(what, measured, "at most 20 MB more", after - before <= 20),
        Figure(
            "the same: hunts with their search",
            f"{completed:,} in {seconds:.0f} s",
            "all",
            completed == rounds * instances,
        ),
    ]


def _add(client: httpx.Client, simulated: Simulated, instances: int) -> None:
    data(client.post("/api/settings/radarr", json=HUNTING))
    for number in range(1, instances + 1):
        body = {"name": f"App {number}", "url": f"{simulated.url}/{number}", "api_key": simulated.api_key}
        data(client.post("/api/instances/radarr", json=body))


def _hunt_all(client: httpx.Client) -> None:
    """One round: hunt every instance and wait for the end."""
    reply = client.post("/api/hunts", params={"wait": MAX_WAIT})
    data(reply)
    if reply.status_code != httpx.codes.OK:
        raise RuntimeError("a round of hunts did not end in time")

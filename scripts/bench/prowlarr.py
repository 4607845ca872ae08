"""Requests that a refresh costs a Prowlarr."""

from collections.abc import Sequence

from scripts.bench.figures import Figure, Sizes
from scripts.bench.installations import installation
from scripts.bench.steps import data, serve_app, wait_until
from scripts.processes import ChildProcesses
from tests.simulator import SimProwlarr

INDEXERS = (5, 200)
EVERY_MINUTE = {"refresh_minutes": 1}
QUERIES = 20
"""In the history of each indexer."""


def requests_per_refresh(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """The most requests of one refresh, with few and with many indexers that have limits of a day and of an hour."""
    with installation() as installed, installed.running(processes) as service, service.client() as client:
        found = []
        for number in INDEXERS:
            prowlarr = _filled(number)
            with serve_app(prowlarr) as url:
                body = {"name": f"{number}", "url": url, "api_key": prowlarr.api_key, "prowlarr": EVERY_MINUTE}
                made = data(client.post("/api/instances/prowlarr", json=body))
                seen = prowlarr.requests
                wait_until(lambda seen=seen: len(_refreshes(seen)) > sizes.refreshes)  # type: ignore[misc]
                data(client.patch(f"/api/instances/prowlarr/{made['id']}", json={"enabled": False}))
                found.append(max(_refreshes(prowlarr.requests)))
    few, many = found
    name = f"requests of a refresh of Prowlarr, {INDEXERS[0]} and {INDEXERS[1]} indexers"
    return [Figure(name, f"{few} and {many}", "<= 4, equal", few == many and few <= 4)]


def _filled(number: int) -> SimProwlarr:
    prowlarr = SimProwlarr()
    for each in range(number):
        indexer = prowlarr.add(f"Indexer {each}", query_limit=1000, hourly=each % 2 == 1)
        prowlarr.ask(indexer, "Sonarr", times=QUERIES)
    return prowlarr


def _refreshes(requests: Sequence[str]) -> list[int]:
    """The requests of each refresh: it ends with the statistics. The first call is the test of the connection."""
    counts, ended = [0], False
    for name in requests[1:]:
        if ended and name != "indexerstats":
            counts.append(0)
        ended = name == "indexerstats"
        counts[-1] += 1
    return counts

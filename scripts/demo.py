"""Huntarr with a simulated Sonarr, Radarr and Prowlarr: hunts, and shows what was searched and what is stuck.

Ctrl-C ends it.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from scripts.processes import ChildProcesses, Service, child_processes, free_port

PORT = 9705
HUNTING = {"missing_batch": 4, "cutoff_batch": 2, "min_gap_seconds": 1}
SIMULATED = (
    "--tie-block",
    "1",
    "--search-seconds",
    "1",
    "--grab-share",
    "0.5",
    "--cutoff-share",
    "0.2",
    "--download-seconds",
    "120",
)
LIBRARIES = {"sonarr": ("--series", "25", "--seasons", "3"), "radarr": ("--movies", "120", "--stuck", "1")}
SWAPARR = {"interval_minutes": 2, "max_strikes": 1, "min_stuck_minutes": 0}
MAX_LOOK_SECONDS = 20.0
MAX_HUNT_SECONDS = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end after the first hunts")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="huntarr-demo-") as folder,
        suppress(KeyboardInterrupt),
        child_processes() as started,
    ):
        service = started.service(Path(folder), port=free_port(PORT))
        print(f"Huntarr listens at {service.url}.\n")
        with service.client() as client:
            instances = {app: _add(client, started, app) for app in LIBRARIES}
            prowlarr_id = _add_prowlarr(client, started)
            for hunt in _run_hunts(client):
                _print_hunt(hunt)
            _print_totals(client)
            _print_indexers(client, prowlarr_id)
            _print_stuck(client, instances["radarr"])
        if not options.once:
            _print_addresses(service)
            threading.Event().wait()
    print("\nAll processes have ended and the data folder is removed.")
    return 0


def _add(client: httpx.Client, started: ChildProcesses, app: str) -> int:
    """Start a simulated app and add it; the id of the instance."""
    simulated = started.simulator("--app", app, *LIBRARIES[app], *SIMULATED)
    body = {"name": f"Demo {app.title()}", "url": simulated.url, "api_key": simulated.api_key, "hunting": HUNTING}
    made = _data(client.post(f"/api/instances/{app}", params={"verify": "true"}, json=body))
    counts = simulated.counts
    print(
        f"A simulated {app.title()} at {simulated.url}: {counts['missing']} missing, {counts['cutoff']} below cutoff."
    )
    return int(made["id"])


def _add_prowlarr(client: httpx.Client, started: ChildProcesses) -> int:
    """Start a simulated Prowlarr and add it; the id of the instance."""
    simulated = started.simulator("--prowlarr")
    body = {"name": "Demo Prowlarr", "url": simulated.url, "api_key": simulated.api_key}
    made = _data(client.post("/api/instances/prowlarr", params={"verify": "true"}, json=body))
    print(f"A simulated Prowlarr at {simulated.url}: {simulated.counts['indexers']} indexers.")
    return int(made["id"])


def _run_hunts(client: httpx.Client) -> list[dict[str, Any]]:
    """Hunt all instances and print the progress; the hunts with their items."""
    print("\nPOST /api/hunts: a hunt of each.")
    ids = [hunt["id"] for hunt in _data(client.post("/api/hunts", json={}))["hunts"]]
    shown: dict[int, str] = {}
    deadline = time.monotonic() + MAX_HUNT_SECONDS
    while True:
        hunts = [_data(client.get(f"/api/hunts/{hunt_id}")) for hunt_id in ids]
        for hunt in hunts:
            line = f"  {hunt['instance_name']}: {hunt['status']}, {hunt['searched']} searched"
            if shown.get(hunt["id"]) != line:
                print(line)
                shown[hunt["id"]] = line
        if all(hunt["ended_at"] for hunt in hunts):
            return hunts
        if time.monotonic() > deadline:
            raise SystemExit("The hunts did not end in time; see service.log in the data folder.")
        time.sleep(0.3)


def _print_hunt(hunt: Mapping[str, Any]) -> None:
    print(
        f"\n{hunt['instance_name']}: hunt {hunt['id']} {hunt['status']}"
        + (f" ({hunt['message']})" if hunt["message"] else "")
    )
    for item in hunt["items"]:
        if item["outcome"] is not None:
            print(
                f"  {item['pass']:8} {item['unit']:8} {item['title'][:46]:46}  {item['picked']:16}  {item['outcome']}"
            )
    for hunt_pass, reasons in hunt["skipped"].items():
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        print(f"  skipped ({hunt_pass}): {counts or 'nothing'}")


def _print_totals(client: httpx.Client) -> None:
    totals = _data(client.get("/api/stats"))["totals"]
    print("\nGET /api/stats: " + ", ".join(f"{count} {name}" for name, count in totals.items()))


def _print_indexers(client: httpx.Client, prowlarr_id: int) -> None:
    path = f"/api/prowlarr/{prowlarr_id}/stats"
    indexers = _data(client.get(path))["indexers"]
    print(
        f"GET {path}: " + ", ".join(f"{each['queries']} queries of indexer {each['indexer_id']}" for each in indexers)
    )


def _print_stuck(client: httpx.Client, target_id: int) -> None:
    """Watch the queue of an app with a policy that only tells, until it has told of a download."""
    body = {"name": "Demo Swaparr", "target_instance_id": target_id, "swaparr": SWAPARR}
    policy_id = _data(client.post("/api/instances/swaparr", json=body))["id"]
    path = f"/api/swaparr/{policy_id}"
    deadline = time.monotonic() + MAX_LOOK_SECONDS
    while "would_remove" not in (decided := _history(client, path)):
        if time.monotonic() > deadline:
            raise SystemExit("No download was told of in time; see service.log in the data folder.")
        _data(client.post(f"{path}/run", json={}))
        time.sleep(1.5)
    downloads = _data(client.get(f"{path}/downloads"))["downloads"]
    print(f"GET {path}/downloads: {len(downloads)} watched, nothing is removed in a dry run:")
    for action, (cause, title) in decided.items():
        print(f"  {action:14} {cause or '':10} {title or ''}")


def _history(client: httpx.Client, path: str) -> dict[str, tuple[str | None, str | None]]:
    """Cause and title of what was decided, by the action, oldest first."""
    items = _data(client.get(f"{path}/history"))["items"]
    return {entry["action"]: (entry["cause"], entry["title"]) for entry in reversed(items)}


def _print_addresses(service: Service) -> None:
    print(
        f"\nEverything keeps running. Try:\n"
        f"  browser  {service.url}/docs?apikey={service.api_key}\n"
        f"  shell    curl -H 'X-Api-Key: {service.api_key}' {service.url}/api/stats\n"
        f"           curl -H 'X-Api-Key: {service.api_key}' '{service.url}/api/hunts/plan?instance_id=1'\n"
        f"           curl -H 'X-Api-Key: {service.api_key}' '{service.url}/api/history?page_size=5'\n"
        f"Ctrl-C ends everything.",
        flush=True,
    )


def _data(reply: httpx.Response) -> Any:
    found = reply.json()
    if not found["success"]:
        raise SystemExit(f"{reply.request.method} {reply.request.url}: {found['error']}")
    return found["data"]


if __name__ == "__main__":
    sys.exit(main())

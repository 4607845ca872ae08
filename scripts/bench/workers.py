"""A thousand instances due at the same time: the time and memory of one worker, and the time of two."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from subprocess import Popen

import httpx
import psutil

from scripts.bench.figures import Figure, Sizes
from scripts.bench.installations import DatabaseConnection, installation
from scripts.bench.steps import data, wait_until, wait_until_online
from scripts.processes import ChildProcesses, Simulated

MEGABYTE = 1024 * 1024
SIMULATORS = 2
"""With only one, two workers would wait for it."""
TICK_SECONDS = 5
LEAD_SECONDS = 0.5


@dataclass
class Result:
    """What the hunts took. With few cores, the CPU seconds show which processes were the limit."""

    seconds: float = 0.0
    completed: int = 0
    peak_rss: int = 0
    """The peak_rss memory of any worker, in bytes."""
    worker_cpu: list[float] = field(default_factory=list)
    simulator_cpu: list[float] = field(default_factory=list)

    def is_in_time(self, count: int) -> bool:
        return self.seconds < 60 and self.completed == count

    @property
    def cost(self) -> str:
        shares = ((" + ".join(f"{seconds:.0f}" for seconds in each)) for each in (self.worker_cpu, self.simulator_cpu))
        return "CPU seconds of workers {}, of simulators {}".format(*shares)


def many_instances(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """One search per instance; the apps take 30 ms for each reply."""
    return [figure for database in sizes.databases for figure in _one_and_two(processes, sizes.instances, database)]


def _one_and_two(processes: ChildProcesses, count: int, database: str) -> list[Figure]:
    one_worker, two_workers = (_measure(processes, count, database, workers) for workers in (1, 2))
    what = f"{count:,} instances due at once"
    share = two_workers.seconds / one_worker.seconds
    return [
        Figure(
            f"{what}, one worker, {database}",
            _duration(one_worker),
            "< 60 s",
            one_worker.is_in_time(count),
        ),
        Figure("the same: " + one_worker.cost, "", "-", True),
        Figure("RSS of that worker at its peak", _size(one_worker), "< 250 MB", one_worker.peak_rss < 250 * MEGABYTE),
        Figure(
            f"{what}, two workers, {database}",
            _duration(two_workers),
            "< 60 s",
            two_workers.is_in_time(count),
        ),
        Figure("the same: " + two_workers.cost, "", "-", True),
        Figure("two workers against one", f"{share:.0%} of the time", "<= 60 %", share <= 0.6),
    ]


def _measure(processes: ChildProcesses, count: int, database: str, workers: int) -> Result:
    result = Result()
    with ExitStack() as stack:
        installed = stack.enter_context(installation(database))
        simulators = _simulators(processes, stack, count)
        service = stack.enter_context(installed.running(processes, has_worker=False))
        worker_processes = [processes.worker(installed.folder, database_url=installed.url) for _ in range(workers)]
        for each in worker_processes:
            stack.callback(processes.end, each)
        with service.client() as client:
            _add(client, simulators, count)
        with installed.connection() as db:
            wait_until_online(db, count)
            _run(result, db, worker_processes, [simulator.process for simulator in simulators], count)
    return result


def _simulators(processes: ChildProcesses, stack: ExitStack, count: int) -> list[Simulated]:
    options = ("--app", "sonarr", "--missing", "20", "--latency-ms", "30", "--instances", str(count // SIMULATORS))
    found = [processes.simulator(*options) for _ in range(SIMULATORS)]
    for simulator in found:
        stack.callback(processes.end, simulator.process)
    return found


def _add(client: httpx.Client, simulators: Sequence[Simulated], count: int) -> None:
    data(client.post("/api/settings/sonarr", json={"missing_batch": 1, "cutoff_batch": 0}))
    for number in range(count):
        app, url_base = simulators[number % SIMULATORS], number // SIMULATORS + 1
        body = {"name": f"App {number}", "url": f"{app.url}/{url_base}", "api_key": app.api_key}
        data(client.post("/api/instances/sonarr", json=body))


def _run(
    result: Result, db: DatabaseConnection, workers: Sequence[Popen[str]], simulators: Sequence[Popen[str]], count: int
) -> None:
    """Begin shortly before a tick of the scheduler, so that every run waits equally long for it."""
    worker_processes, apps = ([psutil.Process(process.pid) for process in each] for each in (workers, simulators))
    before = _cpu(worker_processes), _cpu(apps)
    time.sleep((TICK_SECONDS - LEAD_SECONDS - time.time()) % TICK_SECONDS)
    started = time.monotonic()
    db.run("UPDATE hunt_states SET next_hunt_at = '2020-01-01 00:00:00.000000'")

    def all_hunted() -> bool:
        result.peak_rss = max(result.peak_rss, *(process.memory_info().rss for process in worker_processes))
        return db.number("SELECT count(*) FROM hunts WHERE ended_at IS NOT NULL") >= count

    wait_until(all_hunted)
    result.seconds = time.monotonic() - started
    result.worker_cpu, result.simulator_cpu = (
        [after - then for after, then in zip(_cpu(now), earlier, strict=True)]
        for now, earlier in zip((worker_processes, apps), before, strict=True)
    )
    result.completed = db.number("SELECT count(*) FROM hunts WHERE status = 'completed' AND searched = 1")


def _cpu(processes: Sequence[psutil.Process]) -> list[float]:
    return [process.cpu_times().user + process.cpu_times().system for process in processes]


def _duration(result: Result) -> str:
    return f"{result.seconds:.1f} s, {result.completed:,} with their search"


def _size(result: Result) -> str:
    return f"{result.peak_rss / MEGABYTE:.0f} MB"

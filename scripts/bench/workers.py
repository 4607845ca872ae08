"""A thousand instances that are due in the same minute: what one worker needs for them, and what two need."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from subprocess import Popen

import httpx
import psutil

from scripts.bench.figures import Figure, Sizes
from scripts.bench.homes import Books, home
from scripts.bench.steps import data, until, until_online
from scripts.children import Children, Simulated

MEGABYTE = 1024 * 1024
SIMULATORS = 2
"""One alone would be what two workers wait for."""
TICK_SECONDS = 5
LEAD_SECONDS = 0.5


@dataclass
class Race:
    """What it took; seconds of CPU tell what was waited for where there are too few cores."""

    seconds: float = 0.0
    done: int = 0
    largest: int = 0
    """Most memory that any of the workers had."""
    worked: list[float] = field(default_factory=list)
    simulated: list[float] = field(default_factory=list)

    @property
    def cost(self) -> str:
        shares = ((" + ".join(f"{one:.0f}" for one in each)) for each in (self.worked, self.simulated))
        return "CPU seconds of workers {}, of simulators {}".format(*shares)


def many_instances(children: Children, sizes: Sizes) -> list[Figure]:
    """All due at the same time, 30 ms to each answer, one search each."""
    return [figure for database in sizes.databases for figure in _one_and_two(children, sizes.instances, database)]


def _one_and_two(children: Children, count: int, database: str) -> list[Figure]:
    one, two = (_race(children, count, database, workers) for workers in (1, 2))
    what = f"{count:,} instances due at once"
    share = two.seconds / one.seconds
    return [
        Figure(f"{what}, one worker, {database}", _told(one), "< 60 s", one.seconds < 60 and one.done == count),
        Figure("the same: " + one.cost, "", "-", True),
        Figure("RSS of that worker at its peak", _size(one), "< 250 MB", one.largest < 250 * MEGABYTE),
        Figure(f"{what}, two workers, {database}", _told(two), "< 60 s", two.seconds < 60 and two.done == count),
        Figure("the same: " + two.cost, "", "-", True),
        Figure("two workers against one", f"{share:.0%} of the time", "<= 60 %", share <= 0.6),
    ]


def _race(children: Children, count: int, database: str, workers: int) -> Race:
    race = Race()
    with ExitStack() as stack:
        place = stack.enter_context(home(database))
        simulators = _simulators(children, stack, count)
        service = stack.enter_context(place.running(children, works=False))
        hands = [children.worker(place.folder, database_url=place.url) for _ in range(workers)]
        for each in hands:
            stack.callback(children.end, each)
        with service.client() as client:
            _add(client, simulators, count)
        with place.books() as books:
            until_online(books, count)
            _run(race, books, hands, [one.process for one in simulators], count)
    return race


def _simulators(children: Children, stack: ExitStack, count: int) -> list[Simulated]:
    options = ("--app", "sonarr", "--missing", "20", "--latency-ms", "30", "--instances", str(count // SIMULATORS))
    found = [children.simulator(*options) for _ in range(SIMULATORS)]
    for one in found:
        stack.callback(children.end, one.process)
    return found


def _add(client: httpx.Client, simulators: Sequence[Simulated], count: int) -> None:
    data(client.post("/api/settings/sonarr", json={"missing_batch": 1, "cutoff_batch": 0}))
    for number in range(count):
        app, url_base = simulators[number % SIMULATORS], number // SIMULATORS + 1
        body = {"name": f"App {number}", "url": f"{app.url}/{url_base}", "api_key": app.api_key}
        data(client.post("/api/instances/sonarr", json=body))


def _run(race: Race, books: Books, workers: Sequence[Popen[str]], simulators: Sequence[Popen[str]], count: int) -> None:
    """From a moment before the tick that finds them, so that both forms wait for it equally long."""
    hands, apps = ([psutil.Process(one.pid) for one in each] for each in (workers, simulators))
    before = _cpu(hands), _cpu(apps)
    time.sleep((TICK_SECONDS - LEAD_SECONDS - time.time()) % TICK_SECONDS)
    started = time.monotonic()
    books.run("UPDATE hunt_states SET next_hunt_at = '2020-01-01 00:00:00.000000'")

    def all_hunted() -> bool:
        race.largest = max(race.largest, *(one.memory_info().rss for one in hands))
        return books.number("SELECT count(*) FROM hunts WHERE ended_at IS NOT NULL") >= count

    until(all_hunted)
    race.seconds = time.monotonic() - started
    race.worked, race.simulated = (
        [after - then for after, then in zip(_cpu(now), earlier, strict=True)]
        for now, earlier in zip((hands, apps), before, strict=True)
    )
    race.done = books.number("SELECT count(*) FROM hunts WHERE status = 'completed' AND searched = 1")


def _cpu(processes: Sequence[psutil.Process]) -> list[float]:
    return [one.cpu_times().user + one.cpu_times().system for one in processes]


def _told(race: Race) -> str:
    return f"{race.seconds:.1f} s, {race.done:,} with their search"


def _size(race: Race) -> str:
    return f"{race.largest / MEGABYTE:.0f} MB"

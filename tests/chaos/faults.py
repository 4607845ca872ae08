"""What is around Huntarr fails: the database, the disk, the apps, the clock. It goes on, or says what is wrong.

`python -m tests.chaos.faults` goes through them all and ends with 1 if anything is wrong after one of them.
"""

import argparse
import asyncio
import resource
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import asyncpg
import psutil
from redis.asyncio import Redis

from tests.chaos.deployment import DatabaseKind
from tests.chaos.experiment import Attack, Experiment
from tests.chaos.repetition import Trials
from tests.chaos.user import Leniency
from tests.simulator import Fault, SimApp
from tests.simulator.faults import FaultKind

WRITES = Leniency(writes=True)
EVERYTHING = Leniency(writes=True, reads=True)
AS_THE_APPS = Leniency(hunts=True)
CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
MAX_MEMORY = 250 * 2**20
GONE: tuple[FaultKind, ...] = ("cut_before_headers", "starting", "drop_reply", "cut_in_body", "html")
HOSTILE = (
    Fault("latency", seconds=30),
    Fault("huge_body", megabytes=100),
    Fault("gzip_bomb"),
    Fault("redirect_loop"),
    Fault("slow_drip"),
    Fault("html"),
    Fault("broken_json"),
    Fault("wrong_type"),
    Fault("empty_body"),
    Fault("cut_in_body"),
    Fault("drop_reply"),
    Fault("status", status=500),
    Fault("starting"),
)


async def locked(experiment: Experiment) -> None:
    """Another program holds the write lock of the file, once for longer than anybody waits for it."""
    for seconds in (1.5, 7.0, 1.5):
        await asyncio.sleep(1)
        books = sqlite3.connect(_file(experiment), isolation_level=None, timeout=30)
        books.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(seconds)
        books.execute("ROLLBACK")
        books.close()
        experiment.report.attacks["lock"] += 1
    await asyncio.sleep(2)


async def full(experiment: Experiment) -> None:
    """No file may grow, as on a full disk or beyond a quota; then there is room again."""
    for room in (64 * 1024, 0):
        await asyncio.sleep(1.5)
        largest = max(file.stat().st_size for file in _file(experiment).parent.glob("huntarr.db*"))
        for process in experiment.made.processes:
            _limit(process.pid, (largest if room else 0) + room)
        await asyncio.sleep(4)
        for process in experiment.made.processes:
            _limit(process.pid, resource.RLIM_INFINITY)
        experiment.report.attacks["no room" if room else "read only"] += 1
    await asyncio.sleep(2)


async def held(experiment: Experiment) -> None:
    """Another program holds the tables that everything is written in."""
    async with _connected(experiment) as other:
        for seconds in (1.5, 6.0):
            await asyncio.sleep(1)
            async with other.transaction():
                await other.execute("LOCK TABLE hunts, instance_states, hunt_states, settings IN EXCLUSIVE MODE")
                await asyncio.sleep(seconds)
            experiment.report.attacks["lock"] += 1
    await asyncio.sleep(2)


async def cut(experiment: Experiment) -> None:
    """PostgreSQL ends all connections, as at a restart; at last it takes no writes for a while, as a standby."""
    async with _connected(experiment) as other:
        name = await other.fetchval("SELECT current_database()")
        for _ in range(8):
            await asyncio.sleep(experiment.rng.uniform(0.1, 0.8))
            await other.execute(CUT)
            experiment.report.attacks["cut"] += 1
        for state in ("on", "off"):
            await other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {state}')
            await other.execute(CUT)
            await asyncio.sleep(3)
        experiment.report.attacks["read only"] += 1


async def refusing(experiment: Experiment) -> None:
    """Redis answers and takes no writes, as when it cannot store them: here because it misses a replica."""
    async with Redis.from_url(experiment.made.stores.redis_url) as redis:
        for seconds in (0.5, 4.0):
            await asyncio.sleep(1)
            await redis.config_set("min-replicas-to-write", 1)
            await asyncio.sleep(seconds)
            await redis.config_set("min-replicas-to-write", 0)
            experiment.report.attacks["refusal"] += 1
    await asyncio.sleep(2)


async def hostile(experiment: Experiment) -> None:
    """One app answers in every bad way there is, for as long as it may; the other one's hunts go on meanwhile."""
    bad, good = experiment.apps["sonarr"], experiment.apps["radarr"]
    [instance] = [one for one in experiment.user.instances if one.app_type == "sonarr"]
    for fault in HOSTILE:
        bad.faults.clear()
        bad.faults.add(fault)
        tested = asyncio.create_task(experiment.user.test(instance))
        if not await _searched_by(good):
            experiment.report.problems.append(f"the healthy app had to wait for the one with {fault.kind}")
        if (said := await tested) is None:
            experiment.report.problems.append(f"{fault.kind} passed for an answer")
        memory = max(psutil.Process(one.pid).memory_info().rss for one in experiment.made.processes)
        if memory > MAX_MEMORY:
            experiment.report.problems.append(f"{fault.kind}: {memory / 2**20:.0f} MB")
        experiment.report.attacks[f"{fault.kind} ({said})"] += fault.hits
    bad.faults.clear()


async def flapping(experiment: Experiment) -> None:
    """Both apps are there and not there, in turn; what answers meanwhile may be cut off in the middle."""
    for _ in range(12):
        for app in experiment.apps.values():
            app.faults.clear()
            if experiment.rng.random() < 0.5:
                app.faults.add(kind=experiment.rng.choice(GONE), share=experiment.rng.choice([0.5, 1.0]))
                experiment.report.attacks["gone"] += 1
        await asyncio.sleep(experiment.rng.uniform(0.2, 1.2))
    for app in experiment.apps.values():
        app.faults.clear()
    await asyncio.sleep(2)


async def jumping(experiment: Experiment) -> None:
    """The time of day is set forward and back, by minutes and by days."""
    for hours in (3, -5, 0.5, -0.1, 240, -240, -24, 24):
        await asyncio.sleep(experiment.rng.uniform(0.5, 1.5))
        experiment.made.clock.jump(hours * 3600)
        experiment.report.attacks["forward" if hours > 0 else "back"] += 1
    await asyncio.sleep(2)
    # A search whose command the app forgot over a jump waits seven days for what the history may tell of it.
    experiment.made.clock.jump(8 * 86400)


@dataclass(frozen=True)
class Trial:
    attack: Attack
    leniency: Leniency | None = None
    databases: tuple[DatabaseKind, ...] = get_args(DatabaseKind)


TRIALS: Mapping[str, Trial] = {
    "locked": Trial(locked, WRITES, ("sqlite",)),
    "full": Trial(full, WRITES, ("sqlite",)),
    "held": Trial(held, databases=("postgresql",)),
    "cut": Trial(cut, EVERYTHING, ("postgresql",)),
    "refusing": Trial(refusing),
    "hostile": Trial(hostile, AS_THE_APPS),
    "flapping": Trial(flapping, AS_THE_APPS),
    "jumping": Trial(jumping),
}


@asynccontextmanager
async def _connected(experiment: Experiment) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(experiment.made.stores.database_url.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


def _file(experiment: Experiment) -> Path:
    return Path(experiment.made.stores.database_url.removeprefix("sqlite+aiosqlite:///"))


def _limit(pid: int, size: int) -> None:
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


async def _searched_by(app: SimApp) -> bool:
    """Whether it is searched once more, within half a minute."""
    before = len(app.searcher.records)
    for _ in range(600):
        if len(app.searcher.records) > before:
            return True
        await asyncio.sleep(0.05)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=TRIALS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=get_args(DatabaseKind), default="sqlite")
    options = parser.parse_args()
    with Trials.on(options.database) as trials:
        for name in options.only or TRIALS:
            trial = TRIALS[name]
            if options.database in trial.databases:
                trials.hold(f"{name:8}", trial.attack, seed=options.seed, leniency=trial.leniency)
    return trials.verdict()


if __name__ == "__main__":
    sys.exit(main())

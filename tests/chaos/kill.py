"""kill -9 of gateway, workers and Redis at random moments, again and again, and the books that must be right after it.

`python -m tests.chaos.kill --runs 100` prints a line for each run and ends with 1 if anything is wrong in one of them.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import get_args

from tests.chaos.deployment import DatabaseKind
from tests.chaos.experiment import Attack, Experiment
from tests.chaos.repetition import Trials
from tests.support import stores as servers
from tests.support.huntarr_process import LEASE_SECONDS, HuntarrProcess


class Killer:
    """Strikes; each blow is made good after a moment."""

    def __init__(self, experiment: Experiment) -> None:
        self._made = experiment.made
        self._rng = experiment.rng
        self._answering = experiment.answering

    async def worker(self) -> None:
        await self._restarted(self._rng.choice(self._made.workers))

    async def gateway(self) -> None:
        """There is only one: until it is back nobody is answered, and nothing else need die."""
        await self._restarted(self._made.gateway)
        await self._answering()

    async def redis(self) -> None:
        self._made.redis.stop(kill=True)
        await self._moment()
        self._made.redis.start()

    async def flush(self) -> None:
        servers.flush(self._made.stores.redis_url)

    async def freeze(self) -> None:
        """Longer than its lease lives: another worker goes on meanwhile, and then it wakes."""
        worker = self._rng.choice(self._made.workers)
        worker.freeze()
        await asyncio.sleep(LEASE_SECONDS * self._rng.uniform(0.5, 2.5))
        worker.thaw()

    async def _restarted(self, process: HuntarrProcess) -> None:
        process.kill()
        await self._moment()
        process.start()

    async def _moment(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.6))


BLOWS: dict[str, Callable[[Killer], Awaitable[None]]] = {
    "worker": Killer.worker,
    "gateway": Killer.gateway,
    "redis": Killer.redis,
    "flush": Killer.flush,
    "freeze": Killer.freeze,
}


def blows(names: Sequence[str]) -> Attack:
    """These, one after the other, at moments that the seed of the experiment chooses."""

    async def attack(experiment: Experiment) -> None:
        killer = Killer(experiment)
        for name in names:
            await asyncio.sleep(experiment.rng.uniform(0.2, 1.4))
            experiment.report.attacks[name] += 1
            await BLOWS[name](killer)

    return attack


def some_blows(seed: int, count: int) -> Attack:
    """Workers die more often than the rest; what does not die in one run does in the next."""
    return blows(random.Random(seed).choices([*BLOWS, "worker", "worker"], k=count))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--blows", type=int, default=6, help="in each run")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones follow")
    parser.add_argument("--database", choices=get_args(DatabaseKind), default="sqlite")
    options = parser.parse_args()
    with Trials.on(options.database) as trials:
        for seed in range(options.seed, options.seed + options.runs):
            trials.hold(f"run {seed:4}", some_blows(seed, options.blows), seed=seed)
    return trials.verdict()


if __name__ == "__main__":
    sys.exit(main())

"""kill -9: hunts one after the other, whose worker dies at random moments, and the books that must be right after it.

`python -m tests.chaos.kill --hunts 200 --kills 60` prints what came of it and ends with 1 if anything is wrong.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlmodel import col, select

from app.arr.models import AppType
from app.container import Container, open_container
from app.hunting.models import OPEN, Hunt, HuntStatus, Outcome, Search
from app.hunting.schemas import HuntIn
from app.instances.schemas import InstanceIn
from app.settings.hunting import HuntingIn
from tests.simulator import LibrarySpec, SimApp, SimClock, SimSettings, serve
from tests.support import stores as servers
from tests.support.worker_process import LEASE_SECONDS, FastClock, Stores, WorkerProcess

MISSING = 5000
BATCH = 3
SPEED = 20.0
LONGEST_HUNT = 60.0
UNSETTLED = (Outcome.SENDING.value, Outcome.PENDING.value)


@dataclass
class Report:
    """What is left to say of a run; `problems` must be empty."""

    hunts: int = 0
    kills: int = 0
    hunts_taken_over: int = 0
    searches: int = 0
    lost: int = 0
    """Searches of which nobody will ever know: their worker died around the POST, and the app never got it."""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Massacre:
    """One run: apps, a controlling container, and a worker that is killed and started again."""

    def __init__(self, stores: Stores, seed: int) -> None:
        self._stores = stores
        self._rng = random.Random(seed)
        self._clock = FastClock(time.time(), SPEED)
        self._worker = WorkerProcess(stores, self._clock)
        settings = SimSettings(command_seconds=1.5, grab_share=0.1, tie_block=1, latency_ms=3, seed=seed)
        library = LibrarySpec.with_missing(MISSING)
        self.apps = {
            kind: SimApp(kind, settings, library=library, clock=SimClock(self._clock)) for kind in ("sonarr", "radarr")
        }
        self._report = Report()

    async def run(self, hunts: int, kills: int) -> Report:
        began_at = time.monotonic()
        kill_at = set(self._rng.sample(range(hunts), min(kills, hunts)))
        async with (
            serve(self.apps["sonarr"]) as sonarr,
            serve(self.apps["radarr"]) as radarr,
            open_container(
                self._stores.settings, clock=self._clock, lease_seconds=LEASE_SECONDS, pace=self._clock.pace
            ) as container,
        ):
            ids = [
                await self._instance(container, AppType.SONARR, sonarr),
                await self._instance(container, AppType.RADARR, radarr),
            ]
            self._worker.start()
            try:
                for number in range(hunts):
                    await self._hunt(container, ids[number % 2], dies=number in kill_at)
                await self._settle(container)
            finally:
                self._worker.kill()
            await self._judge(container)
        self._report.hunts = hunts
        self._report.seconds = round(time.monotonic() - began_at, 1)
        return self._report

    async def _instance(self, container: Container, kind: AppType, url: str) -> int:
        hunting = {
            "missing_batch": BATCH, "cutoff_batch": 0, "min_gap_seconds": 0, "hourly_cap": 400,
            "interval_minutes": 10080, "max_queue": -1, "skip_queued": False,
        }  # fmt: skip
        if kind is AppType.SONARR:
            hunting["missing_mode"] = "episode"  # type: ignore[assignment] # validated below
        given = InstanceIn(
            name=kind, url=url, api_key=self.apps[kind].settings.api_key, hunting=HuntingIn.model_validate(hunting)
        )
        return (await container.instances.create(kind, given)).id

    async def _hunt(self, container: Container, instance_id: int, *, dies: bool) -> None:
        [hunt] = await container.hunts.start(HuntIn(instance_id=instance_id))
        if dies:
            await self._wait_for(container, hunt.id, lambda status: status != HuntStatus.QUEUED)
            await asyncio.sleep(self._rng.uniform(0, 0.35))
            self._worker.kill()
            self._report.kills += 1
            self._worker.start()
        if not await self._wait_for(container, hunt.id, lambda status: status not in OPEN):
            self._report.problems.append(f"hunt {hunt.id} did not end")

    async def _wait_for(self, container: Container, hunt_id: int, is_done) -> bool:  # type: ignore[no-untyped-def]
        """Wait, and ring for what lost its ring: the clock runs too fast for the worker's own tick."""
        deadline = time.monotonic() + LONGEST_HUNT
        while time.monotonic() < deadline:
            async with container.db.reading() as session:
                hunt = await session.get_one(Hunt, hunt_id)
            if is_done(hunt.status):
                return True
            await container.hunts.reconcile()
            await asyncio.sleep(0.02)
        return False

    async def _settle(self, container: Container) -> None:
        deadline = time.monotonic() + LONGEST_HUNT
        query = select(Search.id).where(col(Search.outcome).in_(UNSETTLED))
        while time.monotonic() < deadline:
            async with container.db.reading() as session:
                if not (await session.exec(query)).all():
                    return
            await container.hunts.ring_follow_ups()
            await asyncio.sleep(0.2)

    async def _judge(self, container: Container) -> None:
        report = self._report
        async with container.db.reading() as session:
            hunts = (await session.exec(select(Hunt))).all()
            searches = (await session.exec(select(Search).order_by(col(Search.id)))).all()
        report.searches = sum(len(app.searcher.records) for app in self.apps.values())
        report.lost = sum(one.outcome == Outcome.UNKNOWN and one.command_id is None for one in searches)
        report.hunts_taken_over = sum(hunt.attempts > 1 for hunt in hunts)
        left = [f"hunt {one.id} is {one.status}" for one in hunts if one.status in OPEN]
        left += [f"search {one.id} is {one.outcome}" for one in searches if one.outcome in UNSETTLED]
        left += [f"hunt {one.id} ended as {one.status}: {one.message}" for one in hunts if one.status == "failed"]
        left += [f"hunt {one.id} searched {one.searched}" for one in hunts if one.searched > BATCH]
        report.problems += left
        for kind, app in self.apps.items():
            self._judge_app(kind, app, [one for one in searches if one.app_type == kind])
            report.problems += app.crashes

    def _judge_app(self, kind: str, app: SimApp, searches: list[Search]) -> None:
        """Nothing twice; in order: what was searched, or lost, is the beginning of the list without a gap."""
        problems = self._report.problems
        ids = [item_id for record in app.searcher.records for item_id in record.item_ids]
        doubled = {item_id for item_id in ids if ids.count(item_id) > 1}
        if doubled:
            problems.append(f"{kind}: searched twice: {sorted(doubled)}")
        lost = {one.item_id or 0 for one in searches if one.command_id is None}
        reached = {*ids, *lost}
        if reached != set(range(1, len(reached) + 1)):
            problems.append(f"{kind}: not in order: {sorted(set(range(1, max(ids) + 1)) - reached)} were passed by")
        if lost & set(ids):
            problems.append(f"{kind}: counted as lost although it ran: {sorted(lost & set(ids))}")


async def massacre(stores: Stores, *, hunts: int, kills: int, seed: int) -> Report:
    """Run it on stores that are empty and migrated."""
    return await Massacre(stores, seed).run(hunts, kills)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hunts", type=int, default=200)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, servers.redis_server() as redis_url:
        folder = Path(name)
        made = servers.SqliteTemplate.make(folder) if options.database == "sqlite" else servers.Postgres(folder / "pg")
        (folder / "data").mkdir()
        with made.copy(folder / "data") if isinstance(made, servers.SqliteTemplate) else made.copy() as database_url:
            stores = Stores(database_url, redis_url, folder / "data")
            report = asyncio.run(massacre(stores, hunts=options.hunts, kills=options.kills, seed=options.seed))
        if isinstance(made, servers.Postgres):
            made.stop()
    sys.stdout.write(json.dumps(asdict(report), indent=2) + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())

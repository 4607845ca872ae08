"""What a hunt asks of the database and of Redis. It runs in this process, where that can be counted."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import structlog
from sqlalchemy import event

from app.arr.models import AppType
from app.container import Container, open_container
from app.core.config import Config
from app.core.embedded_redis import embedded_redis
from app.core.migrations import migrate
from app.hunting.schemas import HuntIn
from app.instances.schemas import InstanceIn
from app.settings.hunting import HuntingIn
from scripts.bench.figures import Figure, Sizes
from scripts.bench.steps import serve_app
from scripts.processes import ChildProcesses
from tests.simulator import LibrarySpec, SimApp, SimSettings

HUNTING = HuntingIn.model_validate({"missing_batch": 2, "cutoff_batch": 1, "min_gap_seconds": 0})
BELOW_CUTOFF = 60
TARGETS = {"statements": 58, "transactions": 16, "Redis commands": 29}


def statements_of_a_hunt(_processes: ChildProcesses, _sizes: Sizes) -> list[Figure]:
    """A second hunt with 2 + 1 searches, on SQLite; events are passed on, too."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory(prefix="huntarr-bench-") as folder:
        counts = asyncio.run(_counts(Config(data_dir=Path(folder))))
    return [
        Figure(f"a hunt with 2 + 1 searches: {what}", f"{counts[what]}", f"<= {limit}", counts[what] <= limit)
        for what, limit in TARGETS.items()
    ]


async def _counts(config: Config) -> Counter[str]:
    app = SimApp("radarr", SimSettings(command_seconds=1, grab_share=0), library=LibrarySpec.with_missing(1_000))
    for _ in range(BELOW_CUTOFF):
        app.add_item(has_file=True, quality_id=1)
    await migrate(config)
    async with embedded_redis(config), open_container(config) as container:
        with serve_app(app) as url:
            given = InstanceIn(name="Radarr", url=url, api_key=app.settings.api_key, hunting=HUNTING)
            instance = await container.instances.create(AppType.RADARR, given)
            await _hunt(container, instance.id)
            return await _counted(container, instance.id)


async def _hunt(container: Container, instance_id: int) -> None:
    [hunt] = await container.hunting.service.start(HuntIn(instance_id=instance_id))
    await container.hunting.runner.run(hunt.id)
    await container.events.relay.relay_waiting()


async def _counted(container: Container, instance_id: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for engine in container.infra.db.engines:
        for moment, what in (("before_cursor_execute", "statements"), ("begin", "transactions")):
            event.listen(engine.sync_engine, moment, lambda *_, what=what: counts.update([what]))
    before = await _redis_commands(container)
    await _hunt(container, instance_id)
    counts["Redis commands"] = await _redis_commands(container) - before - 1  # the one that asks
    return counts


async def _redis_commands(container: Container) -> int:
    """How many it carried out, those of scripts included."""
    return sum(int(found["calls"]) for found in (await container.infra.redis.info("commandstats")).values())

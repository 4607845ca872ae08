"""The cost of a look at the queue: running jobs are still in it."""

import pytest
from arq.constants import in_progress_key_prefix

from tests.api.test_stats_routes import statements
from tests.simulator import LibrarySpec
from tests.support.rig import Rig
from worker.main import make_worker

pytestmark = pytest.mark.asyncio


async def test_jobs_that_run_elsewhere_are_found_with_one_request(rig: Rig) -> None:
    redis = rig.container.infra.redis
    jobs = [f"hunt:{number}:0:0" for number in range(50)]
    await redis.mset(dict.fromkeys((in_progress_key_prefix + job for job in jobs), b"1"))
    worker = make_worker(rig.container, cron_jobs=[])
    await redis.config_resetstat()
    await worker.start_jobs([job.encode() for job in jobs])
    asked = await redis.info("commandstats")
    await worker.close()
    assert asked["cmdstat_mget"]["calls"] == 1
    assert "cmdstat_watch" not in asked
    assert worker.tasks == {}


@pytest.mark.storage
async def test_a_hunt_stores_all_its_skips_with_one_statement(rig: Rig) -> None:
    instance = await rig.add(rig.radarr(LibrarySpec.with_missing(40)), missing_batch=1, cutoff_batch=0)
    with statements(rig) as sent:
        hunt = await rig.hunt(instance)
    assert hunt.searched == 1
    assert len(hunt.items) > 10
    assert sum(statement.startswith("INSERT INTO hunt_skips") for statement in sent) == 1

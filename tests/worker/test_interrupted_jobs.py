"""The row is the truth: what a worker was interrupted at is done by the next one, with one line of the log at most."""

import logging
from datetime import timedelta

import pytest
from arq.constants import default_queue_name, in_progress_key_prefix, retry_key_prefix

from app.core.queue import FOLLOW_UP, PROBE_INSTANCE, READ_HISTORY, RUN_BACKUP, dump, load
from app.instances.schemas import InstanceOut
from tests.simulator import LibrarySpec
from tests.support.rig import Rig
from worker import ticks
from worker.main import MAX_TRIES

pytestmark = pytest.mark.asyncio


async def only_job(rig: Rig) -> str:
    [(job_id, _)] = await rig.container.infra.redis.zrange(default_queue_name, 0, -1, withscores=True)
    return str(job_id.decode())


async def is_online(rig: Rig, instance: InstanceOut) -> bool | None:
    return (await rig.container.instances.get(instance.app_type, instance.id)).online


async def test_a_test_that_a_killed_worker_had_begun_is_made_after_a_minute(rig: Rig) -> None:
    """arq keeps the mark of the killed worker for minutes."""
    instance = await rig.add(rig.radarr(LibrarySpec.with_missing(3)))
    redis, job_id = rig.container.infra.redis, await only_job(rig)
    await redis.psetex(in_progress_key_prefix + job_id, 10**6, b"1")
    await ticks.follow_up(rig.container)
    assert await only_job(rig) == job_id, "it may still be made"
    rig.clock.forward(minutes=1)
    await ticks.follow_up(rig.container)
    await redis.zrem(default_queue_name, job_id)  # else the worker of this test would wait for its end
    await rig.work()
    assert await is_online(rig, instance) is True


async def test_a_test_that_the_end_of_a_worker_interrupted_is_made_by_the_next_one(rig: Rig) -> None:
    instance = await rig.add(rig.radarr(LibrarySpec.with_missing(3)))
    await rig.container.infra.redis.set(retry_key_prefix + await only_job(rig), 1)
    await rig.work()
    assert await is_online(rig, instance) is True


@pytest.mark.parametrize("job", [PROBE_INSTANCE, FOLLOW_UP, READ_HISTORY, RUN_BACKUP])
async def test_a_job_that_is_dropped_is_one_line(rig: Rig, job: str, caplog: pytest.LogCaptureFixture) -> None:
    redis = rig.container.infra.redis
    ids = () if job == RUN_BACKUP else (1,)
    await rig.container.infra.queue.enqueue(job, *ids, job_id="spent", delay=timedelta(0))
    await redis.set(retry_key_prefix + "spent", MAX_TRIES)
    with caplog.at_level(logging.WARNING, logger="arq"):
        await rig.work()
    told = [record for record in caplog.records if record.name.startswith("arq")]
    assert len(told) == 1
    assert told[0].exc_info is None
    assert f"max retries {MAX_TRIES} exceeded" in told[0].getMessage()


async def test_the_end_of_a_job_can_be_stored_whatever_it_is() -> None:
    assert load(dump({"r": ValueError("it broke")})) == {"r": "it broke"}

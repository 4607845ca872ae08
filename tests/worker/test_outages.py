"""One line when the database or Redis goes, one when it is back, and a reminder in between: trial 76."""

import asyncio
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisGone
from structlog.testing import capture_logs

from app.core.bells import Bell
from app.core.errors import Unavailable
from app.core.loops import forever, running
from app.home_assistant.publisher import Publisher
from app.home_assistant.session import PublishTiming
from tests.support.rig import Rig
from worker.outages import REMIND_SECONDS, OutageWatch
from worker.ticks import attempt

pytestmark = pytest.mark.asyncio


class Service:
    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def ask(self) -> None:
        if self.failure is not None:
            raise self.failure


async def test_one_line_when_it_goes_one_when_it_is_back_and_a_reminder() -> None:
    now = [0.0]
    database, redis = Service(), Service()
    watch = OutageWatch({"database": database.ask, "Redis": redis.ask}, timer=lambda: now[0])
    with capture_logs() as lines:
        await watch.look()
        assert lines == []
        redis.failure, database.failure = RedisGone("refused"), Unavailable("It is away.")
        for _ in range(100):
            await watch.look()
            now[0] += 2
        assert [(line["event"], line["service"]) for line in lines] == [
            ("service is away; what needs it waits", "database"),
            ("service is away; what needs it waits", "Redis"),
        ]
        database.failure = None
        now[0] = REMIND_SECONDS
        for _ in range(3):
            await watch.look()
        redis.failure = None
        for _ in range(3):
            await watch.look()
    assert [(line["event"], line["service"]) for line in lines[2:]] == [
        ("service is back", "database"),
        ("service is still away", "Redis"),
        ("service is back", "Redis"),
    ]
    assert lines[-1]["away_seconds"] == REMIND_SECONDS


async def test_the_real_services_are_there(rig: Rig) -> None:
    with capture_logs() as lines:
        await OutageWatch.of(rig.container.infra).look()
    assert lines == []


async def test_what_waits_for_the_database_says_nothing_of_its_own(rig: Rig) -> None:
    tries = 0
    enough = asyncio.Event()

    async def step(*_given: Any) -> None:
        nonlocal tries
        tries += 1
        if tries > 3:
            enough.set()
        raise Unavailable("The database is not available.")

    with capture_logs() as lines:
        await attempt("step", partial(step, rig.container))
        async with running(forever("notifications", step, pause_seconds=0)):
            await asyncio.wait_for(enough.wait(), 5)
    assert [line for line in lines if line["log_level"] != "debug"] == []


async def test_mqtt_that_is_not_set_up_is_silent_without_a_database(rig: Rig) -> None:
    asked = asyncio.Queue[int]()

    async def away() -> None:
        asked.put_nowait(1)
        raise Unavailable("The database is not available.")

    services = rig.container.home_assistant.publisher._services
    services = replace(services, mqtt=cast(Any, SimpleNamespace(is_idle=away, changed=Bell())))
    publisher = Publisher(
        services, rig.container.infra.redis, timing=PublishTiming(look=0.001, poll=0.001, first_rest=0.001)
    )
    with capture_logs() as lines:
        async with running(publisher.run()):
            for _ in range(5):
                await asyncio.wait_for(asked.get(), 5)
    assert [line for line in lines if line["log_level"] != "debug"] == []

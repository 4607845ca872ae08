"""A publisher on the services of a rig."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.home_assistant.commands import CommandExecutor
from app.home_assistant.devices import SnapshotReader
from app.home_assistant.publisher import Publisher
from app.home_assistant.session import PublisherServices, PublishTiming
from app.home_assistant.settings import MqttIn
from tests.home_assistant.brokers import BrokerProcess
from tests.support.rig import Rig

QUICK = PublishTiming(poll=0.05, states=0.3, gap=0.05, lease=1, first_rest=0.05, longest_rest=0.2)


def snapshots_of(rig: Rig) -> SnapshotReader:
    inside = rig.container
    return SnapshotReader(inside.infra.db, inside.stats, inside.settings, inside.infra.clock)


def publisher_of(rig: Rig, timing: PublishTiming = QUICK) -> Publisher:
    inside = rig.container
    commands = CommandExecutor(inside.hunting.service, inside.instances, inside.settings, inside.auth.audit)
    services = PublisherServices(inside.home_assistant.settings, snapshots_of(rig), inside.events.bus, commands)
    return Publisher(services, inside.infra.redis, timing=timing)


@asynccontextmanager
async def publishing(rig: Rig, timing: PublishTiming = QUICK) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(publisher_of(rig, timing).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def set_up(rig: Rig, broker: BrokerProcess, **more: Any) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}"
    await rig.container.home_assistant.settings.update(
        MqttIn.model_validate({"enabled": True, "broker_url": url, **more})
    )

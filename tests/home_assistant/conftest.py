"""Fixtures: a broker (mosquitto where it is installed, else amqtt), and the Huntarr of the pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.events.stream_clients import gateway
from tests.home_assistant.brokers import MOSQUITTO, BrokerProcess, Mosquitto, PythonBroker
from tests.home_assistant.pages import RunningHuntarr
from tests.simulator import LibrarySpec
from tests.support.rig import Rig


@pytest_asyncio.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BrokerProcess]:
    made: BrokerProcess = PythonBroker(tmp_path) if MOSQUITTO is None else Mosquitto(tmp_path)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest_asyncio.fixture
async def huntarr(rig: Rig) -> AsyncIterator[RunningHuntarr]:
    await rig.hunt(await rig.add(rig.sonarr(LibrarySpec(series=3)), name="TV"))
    async with gateway(rig) as served:
        yield RunningHuntarr(rig, served)

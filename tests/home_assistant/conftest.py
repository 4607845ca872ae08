"""Fixtures: a broker (amqtt, and mosquitto where it is installed), and the Huntarr of the pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.events.stream_clients import gateway
from tests.home_assistant.brokers import MOSQUITTO, BrokerProcess, Mosquitto, PythonBroker
from tests.home_assistant.pages import RunningHuntarr
from tests.simulator import LibrarySpec
from tests.support.rig import Rig


@pytest_asyncio.fixture(params=["amqtt", "mosquitto"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BrokerProcess]:
    if request.param == "mosquitto" and MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    made: BrokerProcess = PythonBroker(tmp_path) if request.param == "amqtt" else Mosquitto(tmp_path)
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

"""Fixtures: each test of the publisher runs with amqtt, and with mosquitto where it is installed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.home_assistant.brokers import MOSQUITTO, BrokerProcess, Mosquitto, PythonBroker


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

"""The MQTT settings over HTTP: the broker's password is never shown."""

from typing import Any

import pytest
from httpx import AsyncClient
from structlog.testing import capture_logs

from app.core.schemas import SECRET_MASK
from app.home_assistant.broker import parse_broker_url
from app.home_assistant.settings import SECTION, MqttSettings
from app.settings.models import SettingsSection
from tests.api.replies import data, field
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

PATH = "/api/settings/mqtt"
SECRET = "a%20pass%3Aword%40home"
URL = f"mqtts://home:{SECRET}@broker.lan:8884"


async def stored(rig: Rig) -> dict[str, Any]:
    async with rig.container.infra.db.reading() as session:
        section = await session.get(SettingsSection, SECTION)
        return dict(section.stored) if section is not None else {}


async def test_the_defaults(api: AsyncClient) -> None:
    found = data(await api.get(PATH))
    assert found == MqttSettings().model_dump(mode="json")
    assert found["enabled"] is False
    assert found["broker_url"] is None
    assert data(await api.get("/api/settings"))["mqtt"] == found


@pytest.mark.storage
async def test_the_broker_url_is_encrypted_and_reads_as_stars(rig: Rig, api: AsyncClient) -> None:
    with capture_logs() as lines:
        for found in (
            data(await api.post(PATH, json={"enabled": True, "broker_url": URL})),
            data(await api.get(PATH)),
            data(await api.get("/api/settings"))["mqtt"],
        ):
            assert (found["enabled"], found["broker_url"]) == (True, SECRET_MASK)
    assert SECRET not in repr(lines)
    assert "broker.lan" not in repr(await stored(rig))
    assert rig.container.infra.box.try_decrypt((await stored(rig))["broker_url"]) == URL
    target = await rig.container.home_assistant.settings.target()
    assert target is not None
    assert (target.broker.host, target.broker.port, target.broker.is_tls) == ("broker.lan", 8884, True)
    assert (target.broker.user, target.broker.password) == ("home", "a pass:word@home")
    assert SECRET not in repr(target)
    assert "pass" not in repr(target)


async def test_stars_keep_the_url_and_null_removes_it(rig: Rig, api: AsyncClient) -> None:
    data(await api.post(PATH, json={"broker_url": URL}))
    data(await api.post(PATH, json={"broker_url": SECRET_MASK, "topic_prefix": "cinema"}))
    data(await api.post(PATH, json={"discovery_prefix": "ha/2"}))
    assert rig.container.infra.box.try_decrypt((await stored(rig))["broker_url"]) == URL
    assert data(await api.post(PATH, json={"broker_url": None}))["broker_url"] is None
    assert "broker_url" not in await stored(rig)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"enabled": True}, "broker_url"),
        ({"enabled": True, "broker_url": SECRET_MASK}, "broker_url"),
        ({"broker_url": "http://broker:1883"}, "broker_url"),
        ({"broker_url": "mqtt://"}, "broker_url"),
        ({"broker_url": "mqtt://home:p@ss@broker"}, "broker_url"),
        ({"broker_url": "mqtt://broker:99999"}, "broker_url"),
        ({"broker_url": "mqtt://broker/path"}, "broker_url"),
        ({"broker_url": "mqtt://home:%00@broker"}, "broker_url"),
        ({"broker_url": "mqtt://169.254.169.254"}, "broker_url"),
        ({"broker_url": "mqtt://0xA9FEA9FE"}, "broker_url"),
        ({"broker_url": "mqtt://[fe80::1]"}, "broker_url"),
        ({"broker_url": "mqtt://b" + "x" * 500}, "broker_url"),
        ({"topic_prefix": "huntarr/#"}, "topic_prefix"),
        ({"topic_prefix": "/huntarr"}, "topic_prefix"),
        ({"topic_prefix": "homeassistant"}, "topic_prefix"),
        ({"discovery_prefix": ""}, "discovery_prefix"),
        ({"discovery_prefix": "home assistant"}, "discovery_prefix"),
        ({"password": "x"}, "password"),
    ],
)
async def test_an_invalid_value_changes_nothing(api: AsyncClient, body: dict[str, Any], wrong: str) -> None:
    before = data(await api.get(PATH))
    reply = await api.post(PATH, json={"verify_tls": False, **body})
    assert field(reply) == f"body.{wrong}"
    assert "p@ss" not in reply.text
    assert data(await api.get(PATH)) == before


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mqtt://broker", ("broker", 1883, False, None, None)),
        ("MQTTS://Broker.LAN./", ("broker.lan", 8883, True, None, None)),
        ("mqtt://home@10.0.0.2:2883", ("10.0.0.2", 2883, False, "home", None)),
        ("mqtt://home:@localhost", ("localhost", 1883, False, "home", None)),
        ("mqtts://h%40me:%2F%23%25@[::1]:8883", ("::1", 8883, True, "h@me", "/#%")),
    ],
)
async def test_broker_urls_are_parsed(url: str, found: tuple[Any, ...]) -> None:
    broker = parse_broker_url(url, verify_tls=True)
    assert (broker.host, broker.port, broker.is_tls, broker.user, broker.password) == found

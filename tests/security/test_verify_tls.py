"""Without a check of the certificate anybody could be at the address: no key has stored secrets sent there."""

from typing import Any

import pytest

from tests.api.replies import error
from tests.support.served_app import ServedApp, Visitor

pytestmark = pytest.mark.asyncio

CONNECTIONS = "/api/notifications/connections"
PROVIDERS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "https://receiver.example/", "headers": {"Authorization": "Bearer planted-secret"}},
    "gotify": {"url": "https://gotify.example", "app_token": "planted-secret"},
    "ntfy": {"url": "https://ntfy.example", "topic": "films", "username": "u", "password": "planted-secret"},
    "mqtt": {"host": "broker.example", "tls": True, "topic": "films", "username": "u", "password": "planted-secret"},
}


async def full_key(served: ServedApp) -> Visitor:
    owner = await served.owner()
    return await served.visitor(**{"X-Api-Key": (await owner.key("full"))["key"]})


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_connection_keeps_no_secret_without_verify_tls(served: ServedApp, provider: str) -> None:
    key = await full_key(served)
    given = {"name": "C", "provider": provider, "settings": PROVIDERS[provider], "events": ["hunt.completed"]}
    made = await key.data("POST", CONNECTIONS, given)
    served.secrets.add("planted-secret")
    stars = {**made["settings"], "verify_tls": False}
    path = f"{CONNECTIONS}/{made['id']}"
    assert "again" in error(await key.call("PUT", path, {**given, "settings": stars}), 422)
    tried = {"connection_id": made["id"], "provider": provider, "settings": stars}
    assert "again" in error(await key.post("/api/notifications/test", tried), 422)
    with_secret = {**PROVIDERS[provider], "verify_tls": False}
    assert (await key.call("PUT", path, {**given, "settings": with_secret})).status_code == 200
    back = {**made["settings"], "verify_tls": True}
    assert (await key.call("PUT", path, {**given, "settings": back})).status_code == 200


async def test_the_broker_of_home_assistant_keeps_no_password_without_verify_tls(served: ServedApp) -> None:
    key, url = await full_key(served), "mqtts://user:planted-secret@broker.example:8883"
    await key.data("POST", "/api/settings/mqtt", {"broker_url": url})
    served.secrets.add("planted-secret")
    assert "again" in error(await key.post("/api/settings/mqtt", {"verify_tls": False}), 422)
    assert (await key.data("GET", "/api/settings/mqtt"))["verify_tls"] is True
    assert (await key.post("/api/settings/mqtt", {"verify_tls": False, "broker_url": url})).status_code == 200


async def test_a_key_does_not_switch_it_off_for_the_apps(served: ServedApp) -> None:
    key, owner = await full_key(served), await served.owner()
    for asked in ({"verify_tls": False}, {"verify_tls": False, "api_timeout_seconds": 9}):
        assert "verify_tls" in error(await key.post("/api/settings/general", asked), 403)
    assert (await key.data("GET", "/api/settings/general"))["verify_tls"] is True
    assert (await key.post("/api/settings/general", {"verify_tls": True})).status_code == 200
    assert (await owner.post("/api/settings/general", {"verify_tls": False})).status_code == 200
    assert (await key.post("/api/settings/general", {"verify_tls": False, "api_timeout_seconds": 9})).status_code == 200

"""Notifications over HTTP: create, read, change, test and delete connections, and no secret in any reply."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.api.replies import data, error, field
from tests.events.samples import search_sent
from tests.notifications.connections import emit, send_due
from tests.notifications.receivers import Receiver, receiver
from tests.simulator import LibrarySpec
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

CONNECTIONS = "/api/notifications/connections"
STARS = "********"


def body(there: Receiver | None = None, **given: Any) -> dict[str, Any]:
    url = there.url if there is not None else "https://example.com/hook"
    return {"name": "Phone", "provider": "webhook", "settings": {"url": url}, "events": ["*"], **given}


@pytest.mark.storage
async def test_a_connection_is_created_read_changed_and_deleted(rig: Rig, api: AsyncClient) -> None:
    made = data(await api.post(CONNECTIONS, json=body(events=["hunt.*", "search.sent"])), 201)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == {
        "id": 1,
        "name": "Phone",
        "enabled": True,
        "provider": "webhook",
        "settings": {"url": STARS, "secret": STARS, "headers": {}, "verify_tls": True},
        "events": ["hunt.*", "search.sent"],
        "app_type": "all",
        "instance_id": None,
        "min_level": "info",
        "digest_minutes": 0,
        "last_delivered_at": None,
        "last_error": None,
        "created_at": "2026-11-23T12:00:00.000Z",
        "updated_at": "2026-11-23T12:00:00.000Z",
    }
    shown = {**made, "secret": None}
    assert data(await api.get(CONNECTIONS)) == [shown]
    assert data(await api.get(f"{CONNECTIONS}/1")) == shown
    rig.clock.forward(minutes=1)
    changed = data(await api.put(f"{CONNECTIONS}/1", json=body(name="Desk", settings=made["settings"])))
    assert (changed["name"], changed["secret"], changed["events"]) == ("Desk", None, ["*"])
    assert changed["updated_at"] == "2026-11-23T12:01:00.000Z"
    anew = data(await api.put(f"{CONNECTIONS}/1?new_secret=true", json=body(settings={})))
    assert anew["secret"] not in (None, secret)
    assert data(await api.delete(f"{CONNECTIONS}/1")) is None
    assert error(await api.get(f"{CONNECTIONS}/1"), 404) == "There is no notification connection with the id 1."


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"provider": "pigeon"}, "body.provider"),
        ({"events": []}, "body.events"),
        ({"events": ["hunt.finished"]}, "body.events"),
        ({"settings": {}}, "body.settings.url"),
        ({"settings": {"url": "http://169.254.169.254/"}}, "body.settings.url"),
        ({"instance_id": 9}, "body.instance_id"),
        ({"digest_minutes": -1}, "body.digest_minutes"),
        ({"provider": "apprise", "settings": {"urls": ["nothing://here"]}}, "body.settings.urls.0"),
    ],
)
async def test_invalid_connections_are_refused_and_not_stored(
    api: AsyncClient, given: dict[str, Any], wanted: str
) -> None:
    reply = await api.post(CONNECTIONS, json=body(**given))
    assert error(reply, 422)
    assert field(reply) == wanted
    assert data(await api.get(CONNECTIONS)) == []


async def test_a_connection_of_an_instance_must_fit_it(rig: Rig, api: AsyncClient) -> None:
    films = (await rig.add(rig.radarr(LibrarySpec(movies=1)))).id
    assert data(await api.post(CONNECTIONS, json=body(instance_id=films, app_type="radarr")), 201)
    refused = await api.post(CONNECTIONS, json=body(instance_id=films, app_type="sonarr"))
    assert error(refused, 422) == f"The instance {films} is a radarr: say that or all."


async def test_a_test_returns_the_response_of_the_provider(api: AsyncClient) -> None:
    with receiver(response=b"thanks") as there:
        unsaved = data(await api.post("/api/notifications/test", json=body(there)))
        assert (unsaved["ok"], unsaved["message"], unsaved["answer"]) == (
            True,
            "The receiver accepted it (200).",
            "thanks",
        )
        made = data(await api.post(CONNECTIONS, json=body(there)), 201)
        there.status = 410
        stored = data(await api.post("/api/notifications/test", json={"connection_id": made["id"]}))
        assert (stored["ok"], stored["message"]) == (False, "The receiver refused it (410).")
        assert [call.json["type"] for call in there.calls] == ["test", "test"]
    gone = data(await api.post("/api/notifications/test", json={"connection_id": made["id"]}))
    assert gone["message"] == "The receiver cannot be reached: check host and port, and that it runs."
    assert error(await api.post("/api/notifications/test", json={"connection_id": 77}), 404)
    assert error(await api.post("/api/notifications/test", json={}), 422)


@pytest.mark.storage
async def test_deliveries_can_be_listed(rig: Rig, api: AsyncClient) -> None:
    with receiver() as there, receiver(status=500) as down:
        await api.post(CONNECTIONS, json=body(there))
        await api.post(CONNECTIONS, json=body(down, name="Down"))
        await emit(rig, search_sent(4))
        await send_due(rig)
    found = data(await api.get("/api/notifications/deliveries"))
    assert found["total"] == 2
    assert [(row["connection_id"], row["status"], row["error"]) for row in found["items"]] == [
        (2, "queued", "The receiver refused it (500)."),
        (1, "delivered", None),
    ]
    assert found["items"][0]["next_try_at"] == "2026-11-23T12:00:05.000Z"
    for query in ("connection_id=1", "status=delivered"):
        assert [row["id"] for row in data(await api.get(f"/api/notifications/deliveries?{query}"))["items"]] == [1]
    shown = data(await api.get(CONNECTIONS))
    assert [row["last_error"] for row in shown] == [None, "The receiver refused it (500)."]


async def test_providers_describe_their_settings(api: AsyncClient) -> None:
    found = {provider["name"]: provider for provider in data(await api.get("/api/notifications/providers"))}
    assert list(found) == [
        "webhook",
        "apprise",
        "discord",
        "telegram",
        "slack",
        "email",
        "pushover",
        "pushbullet",
        "gotify",
        "ntfy",
        "notifiarr",
        "mqtt",
    ]
    token = next(item for item in found["telegram"]["fields"] if item["name"] == "bot_token")
    assert token == {
        "name": "bot_token",
        "type": "string",
        "required": True,
        "secret": True,
        "default": None,
        "choices": None,
        "description": "As @BotFather shows it.",
    }

"""The audit trail: every change with its caller, and no secrets."""

import json
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from app.api.policy import Access
from app.api.routing import ApiRoute
from app.auth import audit
from app.auth.audit import AuditEntry, AuditTrail
from app.auth.models import Audit
from app.core import retention
from app.core.errors import Unavailable
from app.main import create_app
from tests.support.rig import KEY
from tests.support.served_app import OWNER, PASSWORD, ServedApp, Visitor

pytestmark = pytest.mark.asyncio

APP_KEY = "key-of-the-sonarr-0123456789"
INSTANCE = {"name": "TV", "url": "http://user-tv.example:8989", "api_key": APP_KEY}
UNAUDITED = {"receive_app_call", "receive_app_call_by_put"}


async def last(visitor: Visitor, **query: Any) -> dict[str, Any]:
    page = (await visitor.client.get("/api/audit", params=query)).json()["data"]
    row: dict[str, Any] = page["items"][0]
    return row


@pytest.mark.storage
async def test_who_changed_what_when_and_from_where(served: ServedApp) -> None:
    owner = await served.owner("192.0.2.9")
    [session] = await owner.data("GET", "/api/auth/sessions")
    served.rig.clock.forward(seconds=5)
    await owner.data("POST", "/api/settings/general", {"timezone": "Europe/Berlin", "session_hours": 3})
    assert await last(owner) == {
        "id": 3,
        "at": "2026-11-23T12:00:05.000Z",
        "action": "update_general_settings",
        "actor": OWNER,
        "auth": "session",
        "key_id": None,
        "session_id": session["id"],
        "address": "192.0.2.9",
        "target": {},
        "fields": ["session_hours", "timezone"],
    }


async def test_targets_are_recorded_as_ids_and_filters(served: ServedApp) -> None:
    owner = await served.owner()
    made = await owner.data("POST", "/api/instances/sonarr", INSTANCE)
    told = await last(owner)
    assert (told["action"], told["target"]) == ("create_instance", {"app_type": "sonarr", "id": str(made["id"])})
    assert told["fields"] == ["api_key", "name", "url"]
    path = f"/api/instances/sonarr/{made['id']}"
    await owner.data("PATCH", path, {"enabled": False})
    assert (await last(owner))["target"] == {"app_type": "sonarr", "instance_id": str(made["id"])}
    await owner.data("DELETE", f"/api/history?instance_id={made['id']}&apikey_hint=x")
    assert (await last(owner))["target"] == {"instance_id": str(made["id"])}
    await owner.data("POST", "/api/state/reset", {"instance_id": made["id"]})
    assert (await last(owner))["action"] == "reset_state"
    assert (await last(owner))["target"] == {"instance_id": str(made["id"])}
    for call in (("POST", "/api/hunting/pause", {"minutes": 5}), ("POST", "/api/hunting/resume"), ("DELETE", path)):
        await owner.data(*call)
    assert (await served.actions())[-3:] == ["pause_hunting", "resume_hunting", "delete_instance"]


async def test_keys_are_named(served: ServedApp) -> None:
    owner = await served.owner()
    made = await owner.key("full")
    for key, name, key_id in ((made["key"], "n", made["id"]), (KEY, "HUNTARR_API_KEY", None)):
        program = await served.visitor("192.0.2.1", **{"X-Api-Key": key})
        await program.data("POST", "/api/hunting/resume")
        told = await last(owner)
        assert (told["actor"], told["auth"], told["key_id"]) == (name, "api_key", key_id)
        assert told["session_id"] is None


async def test_failed_and_reading_requests_are_not_recorded(served: ServedApp) -> None:
    owner = await served.owner()
    before = await served.actions()
    await owner.get("/api/settings")
    await owner.post("/api/settings/general", {"timezone": "Nowhere/None"})
    await owner.delete("/api/instances/sonarr/77")
    await owner.post("/api/hunting/resume", **{"X-CSRF-Token": "wrong"})
    assert await served.actions() == before


async def test_a_repeated_request_is_recorded_once(served: ServedApp) -> None:
    owner = await served.owner()
    for _ in range(2):
        reply = await owner.post("/api/hunting/resume", **{"Idempotency-Key": "once"})
    assert reply.headers["Idempotent-Replay"] == "true"
    assert (await served.actions()).count("resume_hunting") == 1


async def test_all_changes_of_a_user_in_their_order(served: ServedApp) -> None:
    owner = await served.owner()
    await (await served.visitor()).login("wrong password")
    await (await served.visitor("192.0.2.3")).login(name="my-password-typed-here")
    served.secrets.add("my-password-typed-here")
    made = await owner.key("read")
    await owner.delete(f"/api/auth/api-keys/{made['id']}")
    device, _ = await owner.two_factor()
    await owner.data("POST", "/api/auth/2fa/disable", {"password": PASSWORD, "code": device.code()})
    served.secrets.add("a new password")
    await owner.data("POST", "/api/auth/password", {"current_password": PASSWORD, "new_password": "a new password"})
    other = await served.visitor()
    await other.login("a new password")
    [newest, _] = await owner.data("GET", "/api/auth/sessions")
    await owner.delete(f"/api/auth/sessions/{newest['id']}")
    await owner.post("/api/auth/logout")
    assert await served.actions() == [
        "create_owner",
        "login",
        "login_failed",
        "login_failed",
        "create_api_key",
        "delete_api_key",
        "set_up_two_factor",
        "enable_two_factor",
        "disable_two_factor",
        "change_password",
        "login",
        "delete_session",
        "logout",
    ]
    actors = [row.actor for row in await served.rows(Audit)]
    assert actors[3] is None
    assert set(actors[:3] + actors[4:]) == {OWNER}


async def test_no_secret_of_an_app_is_recorded(served: ServedApp) -> None:
    """The fixture checks the rest: `_assert_discreet`."""
    owner = await served.owner()
    await owner.data("POST", "/api/instances/sonarr", INSTANCE)
    rows = json.dumps([row.model_dump(mode="json") for row in await served.rows(Audit)])
    assert APP_KEY not in rows
    assert INSTANCE["url"] not in rows


async def test_every_change_of_every_route_is_audited() -> None:
    """A new route is audited by default; one that is not says so in its policy."""
    unaudited = {
        context.original_route.name
        for context in iter_route_contexts(create_app().routes)
        if isinstance(context.original_route, ApiRoute)
        and context.original_route.methods != {"GET"}
        and context.original_route.policy.access is not Access.PUBLIC
        and not context.original_route.policy.audited
    }
    assert unaudited == UNAUDITED


async def test_a_row_that_cannot_be_written_does_not_undo_the_change(
    served: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await served.owner()

    async def full(self: AuditTrail, entry: AuditEntry) -> None:
        raise Unavailable("The database is full.")

    monkeypatch.setattr(AuditTrail, "record", full)
    assert (await owner.post("/api/settings/general", {"session_hours": 5})).status_code == 200
    assert (await owner.data("GET", "/api/settings/general"))["session_hours"] == 5


@pytest.mark.storage
async def test_pages_and_filter(served: ServedApp) -> None:
    owner = await served.owner()
    for hours in (1, 2, 3):
        await owner.data("POST", "/api/settings/general", {"session_hours": hours})
    page = await owner.data("GET", "/api/audit?page_size=2&page=2")
    assert [row["action"] for row in page["items"]] == ["update_general_settings", "login"]
    assert (page["total"], page["page"], page["page_size"]) == (5, 2, 2)
    page = await owner.data("GET", "/api/audit?action=login")
    assert ([row["action"] for row in page["items"]], page["total"]) == (["login"], 1)


@pytest.mark.storage
async def test_a_year_is_kept_and_no_more_rows_than_anybody_reads(
    served: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 2)
    trail, clock = served.trust.audit, served.rig.clock
    for number in range(5):
        await trail.record(AuditEntry(f"old {number}", ""))
    clock.forward(days=364)
    for number in range(4):
        await trail.record(AuditEntry(f"new {number}", ""))
    assert await trail.purge() == 0
    clock.forward(days=1, seconds=1)
    assert await trail.purge() == 5
    monkeypatch.setattr(audit, "MAX_ROWS", 3)
    assert await trail.purge() == 1
    assert await served.actions() == ["new 1", "new 2", "new 3"]


@pytest.mark.storage
async def test_no_number_of_entries_pushes_out_those_of_security(
    served: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_ROWS", 2)
    trail = served.trust.audit
    for action in ("create_owner", "login_failed", "create_api_key", "restore_backup"):
        await trail.record(AuditEntry(action, ""))
    for number in range(5):
        await trail.record(AuditEntry(f"pause {number}", ""))
        await trail.record(AuditEntry("login_failed", f"192.0.2.{number}"))
    await trail.purge()
    kept = [row.action if row.action != "login_failed" else row.address for row in await served.rows(Audit)]
    assert kept == ["create_owner", "create_api_key", "restore_backup", "pause 3", "192.0.2.3", "pause 4", "192.0.2.4"]


async def test_reading_a_secret_and_trying_a_stored_key_are_told(served: ServedApp) -> None:
    owner = await served.owner()
    instance = await served.rig.add(served.rig.sonarr())
    key = await served.visitor(**{"X-Api-Key": (await owner.key("full"))["key"]})
    made = await key.data("POST", "/api/backup/create", {})
    calls = (
        ("GET", f"/api/backup/{made['filename']}/download", "download_backup", {"filename": made["filename"]}),
        ("GET", f"/api/instances/sonarr/{instance.id}/webhook", "show_app_webhook", {"instance_id": str(instance.id)}),
        ("POST", f"/api/instances/sonarr/{instance.id}/test", "test_instance", {"instance_id": str(instance.id)}),
    )
    for method, path, action, target in calls:
        reply = await key.call(method, path)
        assert reply.status_code == 200
        row = await last(owner)
        assert (row["action"], row["auth"], target.items() <= row["target"].items()) == (action, "api_key", True)
    shown = (await key.get(f"/api/instances/sonarr/{instance.id}/webhook")).json()["data"]["token"]
    served.secrets.add(shown)

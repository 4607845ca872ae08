"""The examples of the document: every body can be sent as it stands, and errors say what they are said to say."""

from typing import Any

import pytest
from httpx import AsyncClient

from app.auth.callers import Scope
from app.auth.schemas import ApiKeyIn
from tests.api.document import Operation, by_name, made, operations
from tests.support.rig import Rig

FIRST = ("create_owner", "login", "create_instance", "create_schedule", "create_connection")
LAST = ("change_password",)
# What depends on the user's own device, files, folders, key or movies is refused, but not as invalid.
REFUSED = {
    "enable_two_factor": 403,
    "disable_two_factor": 409,
    "restore_backup": 404,
    "replace_policy": 404,
    "update_policy": 404,
    "test_policy": 404,
    "run_swaparr": 404,
    "forgive_download": 404,
    "add_movie": 409,
    "update_movie": 404,
    "grab_movie_release": 404,
    "search_movies": 404,
    "create_root_folder": 422,
}
ID = 7
# Their 404 is about something that must be there first.
PREPARED = {"get_metrics", "call_hook", "call_hook_by_get", "test_notification", "grab_movie_release"}
OTHER_APP = "plex"
JSON = {"Content-Type": "application/json"}


def with_examples() -> list[Operation]:
    found = {name: operation for name, operation in by_name(made()).items() if "requestBody" in operation.made}
    middle = [name for name in found if name not in FIRST + LAST]
    return [found[name] for name in (*FIRST, *middle, *LAST)]


def filled(path: str, **values: Any) -> str:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return path.format(**{name: values.get(name, values["other"]) for name in names})


def test_every_body_has_an_example() -> None:
    for operation in with_examples():
        assert operation.name == "upload_backup" or operation.example, operation.name


@pytest.mark.asyncio
async def test_every_example_can_be_sent_as_it_stands(rig: Rig) -> None:
    statuses = {}
    async with rig.gateway(key=None) as client:
        for operation in with_examples():
            if operation.example is None:
                continue
            reply = await client.request(
                operation.method, filled(operation.path, app_type="sonarr", other=1), json=await body_of(operation, rig)
            )
            statuses[operation.name] = reply.status_code
            assert reply.status_code == REFUSED.get(operation.name, reply.status_code), reply.text
            assert operation.name in REFUSED or reply.is_success, (operation.name, reply.text)
            if operation.name in ("login", "change_password"):
                client.headers["X-CSRF-Token"] = reply.json()["data"]["csrf_token"]
    assert len(statuses) > 25


async def body_of(operation: Operation, rig: Rig) -> Any:
    """The example; only the token is the one that the server really printed."""
    if operation.name == "create_owner":
        return operation.example | {"setup_token": rig.container.auth.accounts.setup_token()}
    return operation.example


@pytest.mark.asyncio
async def test_what_is_not_there_is_refused_with_the_sentence_of_the_document(rig: Rig) -> None:
    async with rig.gateway() as client, rig.gateway(key=None) as browser:
        await log_in(browser, rig)
        told = [operation for operation in operations(made()) if "404" in operation.responses]
        assert len(told) > 30
        for operation in told:
            if operation.name in PREPARED:
                continue
            expected = operation.error(404)
            app_type = OTHER_APP if "app type" in expected["error"] else "sonarr"
            body = None if operation.example is None else {**operation.example}
            if body and "instance_id" in body:
                body |= {"instance_id": ID}
            caller = browser if operation.made["security"] == [{"SessionCookie": []}] else client
            path = filled(operation.path, app_type=app_type, other=ID, filename="none.zip")
            query = {"instance_id": ID} if operation.name == "get_hunt_plan" else {}
            reply = await caller.request(operation.method, path, json=body, params=query)
            assert (reply.status_code, reply.json()) == (404, expected), operation.name


async def log_in(client: AsyncClient, rig: Rig) -> None:
    for name in ("create_owner", "login"):
        operation = by_name(made())[name]
        reply = await client.post(operation.path, json=await body_of(operation, rig))
        assert reply.is_success, reply.text
    client.headers["X-CSRF-Token"] = reply.json()["data"]["csrf_token"]


@pytest.mark.asyncio
async def test_other_refusals_are_those_of_the_document(rig: Rig) -> None:
    found = by_name(made())
    async with rig.gateway() as client, rig.gateway(key=None) as stranger:
        made_key = await rig.container.auth.keys.create_from_command_line(ApiKeyIn(name="reader", scope=Scope.READ))
        reader = {"X-Api-Key": made_key.key}
        refused = [
            ("get_stats", 401, await stranger.get("/api/stats")),
            ("create_hunt", 403, await stranger.post("/api/hunts", headers=reader)),
            ("list_api_keys", 403, await client.get("/api/auth/api-keys")),
            ("create_hunt", 400, await client.post("/api/hunts", content=b"{", headers=JSON)),
            ("create_hunt", 415, await client.post("/api/hunts", content=b"{}", headers={"Content-Type": "text/xml"})),
            ("create_hunt", 413, await client.post("/api/hunts", content=b" " * (2**20 + 1), headers=JSON)),
            ("list_hunts", 422, await client.get("/api/hunts", params={"page_size": 501})),
            ("delete_history", 422, await client.delete("/api/history", params={"instance_id": 0})),
            ("create_schedule", 422, await client.post("/api/schedules", json={"action": "backup", "time": "03:00"})),
            ("upload_backup", 415, await client.post("/api/backup/upload", content=b"x")),
            ("login", 401, await stranger.post("/api/auth/login", json=found["login"].example)),
        ]
    for name, status, reply in refused:
        assert (reply.status_code, reply.json()) == (status, found[name].error(status)), name
        declared = found[name].responses[str(status)]["headers"]
        assert all(header.lower() in reply.headers for header in declared), (name, status)

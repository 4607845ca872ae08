"""Instances over HTTP: creation, changes, deletion, connection tests, secrets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import col, func, select

from app.arr.models import AppType
from app.hunting.store.models import CapEntry, HuntState, ItemState, WalkCursor
from app.instances.models import Instance, InstanceState
from tests.api.replies import data, error, eventually, field
from tests.simulator import Fault, LibrarySpec, SimApp, serve
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

SECRET = "0123456789abcdef-the-key"
BODY = {"name": "TV", "url": "http://sonarr:8989", "api_key": SECRET}
SONARR = "/api/instances/sonarr"


async def created(api: AsyncClient, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = data(await api.post(SONARR, json={**BODY, **body}), 201)
    return made


async def stored_key(rig: Rig, instance_id: int) -> str:
    async with rig.container.infra.db.reading() as session:
        return rig.container.infra.box.decrypt((await session.get_one(Instance, instance_id)).api_key)


@pytest.mark.storage
async def test_an_instance_is_created_without_asking_its_app(api: AsyncClient) -> None:
    made = await created(api, hunting={"missing_batch": 5})
    assert made["id"] == 1
    assert made["app_type"] == "sonarr"
    assert made["api_key"] == "********"
    assert made["overrides"] == {"missing_batch": 5}
    assert made["hunting"]["missing_batch"] == 5
    assert made["hunting"]["cutoff_batch"] == 1
    assert [made[name] for name in ("online", "version", "variant", "database", "error", "checked_at")] == [None] * 6
    assert made["created_at"] == made["updated_at"] == "2026-11-23T12:00:00.000Z"
    assert data(await api.get(f"{SONARR}/1")) == made
    assert data(await api.get(SONARR)) == [made]
    assert data(await api.get("/api/instances")) == [made]
    assert data(await api.get("/api/instances/radarr")) == []


async def test_a_new_instance_is_tested_in_the_background(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    await rig.work()
    found = data(await api.get(f"{SONARR}/{made.id}"))
    assert found["online"] is True
    assert found["version"]
    assert found["database"] == "sqlite"
    assert found["checked_at"] == "2026-11-23T12:00:00.000Z"


async def test_a_lost_first_test_is_enqueued_again(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    await rig.container.infra.redis.flushall()
    await rig.container.instances.enqueue_first_probes()
    await rig.work()
    assert data(await api.get(f"{SONARR}/{made.id}"))["online"] is True


@pytest.mark.parametrize("path", ["", "/1", "/1/test", "/test"])
@pytest.mark.parametrize("app_type", ["plex", "Sonarr", "x" * 60, "sonarr%20"])
async def test_another_app_type_is_404_with_the_list(api: AsyncClient, app_type: str, path: str) -> None:
    method = "POST" if path.endswith("test") else "GET"
    reply = await api.request(method, f"/api/instances/{app_type}{path}", json={} if method == "POST" else None)
    if len(app_type) > 50:
        error(reply, 422)
    else:
        assert error(reply, 404) == f"There is no such app type; there are: {', '.join(AppType)}."


async def test_an_unknown_id_and_another_types_id_are_404(api: AsyncClient) -> None:
    await created(api)
    for call in ("GET", "PUT", "PATCH", "DELETE"):
        reply = await api.request(call, "/api/instances/radarr/1", json=BODY if call in ("PUT", "PATCH") else None)
        assert error(reply, 404) == "There is no radarr with the id 1."
    assert error(await api.post("/api/instances/radarr/1/test"), 404) == "There is no radarr with the id 1."
    assert error(await api.get(f"{SONARR}/2147483647"), 404)
    assert error(await api.get(f"{SONARR}/2147483648"), 422)


@pytest.mark.storage
@pytest.mark.parametrize(
    "url", ["http://sonarr:8989", "http://SONARR:8989/", "HTTP://sonarr:8989//", "http://sonarr.:8989"]
)
async def test_the_same_address_twice_is_a_conflict(api: AsyncClient, url: str) -> None:
    first = await created(api)
    other = await created(api, url="http://other:8989")
    sentence = "A sonarr with the url http://sonarr:8989 exists already."
    assert error(await api.post(SONARR, json={**BODY, "url": url}), 409) == sentence
    change = {"url": url, "api_key": SECRET}
    assert error(await api.patch(f"{SONARR}/{other['id']}", json=change), 409) == sentence
    assert error(await api.put(f"{SONARR}/{other['id']}", json={**BODY, "url": url}), 409) == sentence
    data(await api.post("/api/instances/radarr", json={**BODY, "url": url}), 201)
    assert data(await api.get(SONARR)) == [first, other]
    data(await api.put(f"{SONARR}/{first['id']}", json={**BODY, "url": url}))  # its own address is no conflict


@pytest.mark.parametrize(
    "url",
    [
        "sonarr:8989",
        "ftp://sonarr",
        "http://u:p@sonarr",
        "http://sonarr?x=1",
        "http://sonarr/#a",
        "http://",
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200",
        "http://2852039166",
        "http://sonarr:99999",
        "http://son arr",
        "http://a" + "b" * 500,
        "http://" + "ü" * 30 + "." + "ü" * 30 + "/" + "p" * 420,
    ],
)
async def test_an_impossible_address_is_422(api: AsyncClient, url: str) -> None:
    assert field(await api.post(SONARR, json={**BODY, "url": url})) == "body.url"
    await created(api)
    assert field(await api.patch(f"{SONARR}/1", json={"url": url, "api_key": SECRET})) == "body.url"
    assert field(await api.post(f"{SONARR}/test", json={"url": url, "api_key": SECRET})) == "body.url"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"name": ""}, "body.name"),
        ({"name": "   "}, "body.name"),
        ({"name": "x" * 101}, "body.name"),
        ({"name": "two\nlines"}, "body.name"),
        ({"enabled": None}, "body.enabled"),
        ({"api_key": "kéy"}, "body.api_key"),
        ({"api_key": "a b"}, "body.api_key"),
        ({"api_key": "a\r\nX-Evil: 1"}, "body.api_key"),
        ({"api_key": "x" * 201}, "body.api_key"),
        ({"api_key": None}, "body.api_key"),
        ({"api_key": "********"}, "body.api_key"),
        ({"apikey": "x"}, "body.apikey"),
        ({"hunting": {"missing_batchs": 1}}, "body.hunting.missing_batchs"),
        ({"hunting": {"missing_batch": 51}}, "body.hunting.missing_batch"),
        ({"hunting": {"missing_batch": 10**30}}, "body.hunting.missing_batch"),
        ({"hunting": {"missing_mode": "movie"}}, "body.hunting.missing_mode"),
        ({"hunting": {"windows": [{"days": [], "start": "1:00", "end": "02:00"}]}}, None),
        ({"hunting": {"upgrade_batch": 51}}, "body.hunting.upgrade_batch"),
    ],
)
async def test_a_wrong_field_is_named(api: AsyncClient, change: dict[str, Any], wrong: str | None) -> None:
    reply = await api.post(SONARR, json={**BODY, **change})
    error(reply, 422)
    if wrong is not None:
        assert field(reply) == wrong
    assert SECRET not in reply.text
    assert data(await api.get(SONARR)) == []


async def test_a_mode_of_another_app_is_refused_everywhere(api: AsyncClient) -> None:
    made = data(await api.post("/api/instances/radarr", json=BODY), 201)
    reply = await api.patch(f"/api/instances/radarr/{made['id']}", json={"hunting": {"cutoff_mode": "season"}})
    assert field(reply) == "body.hunting.cutoff_mode"
    assert error(reply, 422) == "cutoff_mode of radarr is one of: auto, movie."


@pytest.mark.storage
async def test_a_stored_secret_is_never_shown(rig: Rig, api: AsyncClient) -> None:
    made = await created(api)
    one = f"{SONARR}/{made['id']}"
    replies = [
        await api.get("/api/instances"),
        await api.get(one),
        await api.patch(one, json={"name": "A"}),
        await api.put(one, json=BODY),
        await api.post(f"{one}/test"),
        await api.get("/api/stats"),
        await api.post(f"{SONARR}/test", json={**BODY, "url": "http://127.0.0.1:1"}),
    ]
    assert not [reply.text for reply in replies if SECRET in reply.text]
    async with rig.container.infra.db.reading() as session:
        sealed = (await session.get_one(Instance, made["id"])).api_key
    assert SECRET not in sealed


@pytest.mark.storage
@pytest.mark.parametrize("kept", [{}, {"api_key": "********"}])
async def test_a_masked_or_missing_key_keeps_the_stored_one(rig: Rig, api: AsyncClient, kept: dict[str, str]) -> None:
    made = await created(api)
    one = f"{SONARR}/{made['id']}"
    data(await api.patch(one, json={"name": "B", **kept}))
    data(await api.put(one, json={"name": "C", "url": BODY["url"], **kept}))
    assert await stored_key(rig, made["id"]) == SECRET
    data(await api.patch(one, json={"api_key": "another-key"}))
    assert await stored_key(rig, made["id"]) == "another-key"


@pytest.mark.parametrize("kept", [{}, {"api_key": "********"}])
async def test_a_stored_key_never_goes_to_another_address(rig: Rig, api: AsyncClient, kept: dict[str, str]) -> None:
    thief = rig.sonarr(LibrarySpec(series=1))
    made = await created(api)
    async with serve(thief) as url:
        change = {"url": url, **kept}
        for verify in ("", "?verify=true"):
            assert field(await api.patch(f"{SONARR}/{made['id']}{verify}", json=change)) == "body.api_key"
            assert (
                field(await api.put(f"{SONARR}/{made['id']}{verify}", json={"name": "X", **change})) == "body.api_key"
            )
        tested = await api.post(f"{SONARR}/test", json={"instance_id": made["id"], **change})
        assert field(tested) == "body.api_key"
    assert thief.log.total == 0
    assert data(await api.get(f"{SONARR}/{made['id']}"))["url"] == BODY["url"]


@pytest.mark.storage
async def test_put_replaces_and_patch_merges(api: AsyncClient) -> None:
    made = await created(api, enabled=False, hunting={"missing_batch": 5, "order": "newest"})
    one = f"{SONARR}/{made['id']}"
    found = data(await api.patch(one, json={"hunting": {"missing_batch": None, "cutoff_batch": 3}}))
    assert found["overrides"] == {"order": "newest", "cutoff_batch": 3}
    assert found["hunting"]["missing_batch"] == 2
    assert found["enabled"] is False
    assert data(await api.patch(one, json={"hunting": None}))["overrides"] == {"order": "newest", "cutoff_batch": 3}
    found = data(await api.put(one, json={"name": "New", "url": BODY["url"]}))
    assert (found["name"], found["enabled"], found["overrides"]) == ("New", True, {})
    assert data(await api.patch(one, json={})) == found


async def test_defaults_of_the_app_type_are_in_force(api: AsyncClient) -> None:
    made = await created(api, hunting={"cutoff_batch": 7})
    data(await api.post("/api/settings/sonarr", json={"missing_batch": 9, "cutoff_batch": 9}))
    found = data(await api.get(f"{SONARR}/{made['id']}"))
    assert (found["hunting"]["missing_batch"], found["hunting"]["cutoff_batch"]) == (9, 7)
    assert found["overrides"] == {"cutoff_batch": 7}


async def test_verify_tests_before_anything_is_stored(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=1))
    async with serve(app) as url:
        right = {**BODY, "url": url, "api_key": app.settings.api_key}
        wrong = await api.post(f"{SONARR}?verify=true", json={**right, "api_key": "nonsense"})
        assert field(wrong) == "body.url"
        assert "API key" in error(wrong, 422)
        assert data(await api.get(SONARR)) == []
        made = data(await api.post(f"{SONARR}?verify=true", json=right), 201)
        change = {"api_key": "nonsense", "name": "changed"}
        assert field(await api.patch(f"{SONARR}/{made['id']}?verify=true", json=change)) == "body.url"
        assert data(await api.get(f"{SONARR}/{made['id']}"))["name"] == BODY["name"]
        data(await api.patch(f"{SONARR}/{made['id']}?verify=true", json={"name": "verified"}))
    unreachable = {**BODY, "url": "http://127.0.0.1:1"}
    assert field(await api.post(f"{SONARR}?verify=true", json=unreachable)) == "body.url"


@pytest.mark.storage
async def test_deleting_an_instance_deletes_its_state_and_keeps_its_history(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=5)), name="Gone", missing_mode="episode")
    hunt = await rig.hunt(made)
    assert hunt.searched
    before = data(await api.get("/api/stats"))["totals"]
    assert data(await api.delete(f"{SONARR}/{made.id}")) is None
    error(await api.get(f"{SONARR}/{made.id}"), 404)
    error(await api.delete(f"{SONARR}/{made.id}"), 404)
    async with rig.container.infra.db.reading() as session:
        for table in (InstanceState, HuntState, ItemState, CapEntry, WalkCursor):
            assert (await session.exec(select(func.count()).select_from(table))).one() == 0, table
    items = data(await api.get("/api/history"))["items"]
    assert len(items) == hunt.searched
    assert {(item["instance_id"], item["instance_name"]) for item in items} == {(None, "Gone")}
    assert data(await api.get(f"/api/hunts/{hunt.id}"))["instance_name"] == "Gone"
    assert data(await api.get("/api/caps")) == []
    assert (await rig.container.stats.read()).totals.model_dump() == before


@pytest.mark.storage
async def test_an_open_hunt_ends_with_its_instance(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=5))
    made = await rig.add(app)
    [hunt] = data(await api.post("/api/hunts", json={"instance_id": made.id}), 202)["hunts"]
    data(await api.delete(f"{SONARR}/{made.id}"))
    found = data(await api.get(f"/api/hunts/{hunt['id']}"))
    assert (found["status"], found["reason"]) == ("cancelled", "deleted")
    assert found["message"] == "The instance was deleted."
    assert found["ended_at"]
    await rig.work()
    assert app.searcher.records == []


async def test_a_running_hunt_stops_when_its_instance_is_deleted(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(50), command_seconds=1)
    made = await rig.add(app, missing_mode="episode", missing_batch=30, min_gap_seconds=0)
    app.faults.add(Fault("latency", path="command", method="POST", seconds=0.2))
    [hunt] = data(await api.post("/api/hunts", json={"instance_id": made.id}), 202)["hunts"]
    worker = asyncio.create_task(rig.work())
    await eventually(lambda: api.get("/api/history"), lambda reply: bool(app.searcher.records))
    data(await api.delete(f"{SONARR}/{made.id}"))
    await worker
    assert len(app.searcher.records) <= 3
    found = data(await api.get(f"/api/hunts/{hunt['id']}"))
    assert (found["status"], found["reason"]) == ("cancelled", "deleted")
    outcomes = {item["outcome"] for item in data(await api.get("/api/history"))["items"]}
    assert not outcomes & {"sending", "pending"}


async def test_ids_of_deleted_instances_are_not_reused(api: AsyncClient) -> None:
    first = await created(api)
    data(await api.delete(f"{SONARR}/{first['id']}"))
    assert (await created(api))["id"] > first["id"]


@pytest.mark.storage
async def test_two_changes_at_once_are_both_kept(api: AsyncClient) -> None:
    made = await created(api)
    names = ["missing_batch", "cutoff_batch", "daily_cap", "min_gap_seconds", "max_queue"]
    changes = [api.patch(f"{SONARR}/{made['id']}", json={"hunting": {name: 3}}) for name in names]
    for reply in await asyncio.gather(*changes):
        data(reply)
    assert data(await api.get(f"{SONARR}/{made['id']}"))["overrides"] == dict.fromkeys(names, 3)


@pytest.mark.parametrize("path", ["/api/instances", SONARR, f"{SONARR}/1"])
async def test_an_unchanged_reply_is_304(api: AsyncClient, path: str) -> None:
    await created(api)
    first = await api.get(path)
    again = await api.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    data(await api.patch(f"{SONARR}/1", json={"name": "changed"}))
    assert (await api.get(path, headers={"If-None-Match": first.headers["ETag"]})).status_code == 200


# The test calls: every word of `error_code`, against real sockets.


@asynccontextmanager
async def plain_server(answer: bytes) -> AsyncIterator[str]:
    """A server that is no app: it sends `answer` to every request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def tried(api: AsyncClient, url: str, key: str = SECRET) -> dict[str, Any]:
    found: dict[str, Any] = data(await api.post(f"{SONARR}/test", json={"url": url, "api_key": key}))
    assert set(found) == {
        "ok",
        "app_name",
        "version",
        "variant",
        "database",
        "latency_ms",
        "error_code",
        "error",
        "warnings",
    }
    assert SECRET not in json.dumps(found)
    return found


async def failed_as(api: AsyncClient, app: SimApp, code: str, *faults: Fault, url: str = "") -> None:
    """A simulated Sonarr with these faults; `url` is what comes after host and port."""
    for fault in faults:
        app.faults.add(fault)
    async with serve(app) as served:
        found = await tried(api, served + url, app.settings.api_key)
    assert (found["ok"], found["error_code"]) == (False, code)
    assert found["error"].endswith(".")


async def test_a_connection_that_works(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=1), url_base="/tv", database="postgreSQL")
    async with serve(app) as url:
        found = await tried(api, f"{url}/tv/", app.settings.api_key)
    assert found["ok"] is True
    assert (found["app_name"], found["database"], found["error_code"], found["error"]) == (
        "Sonarr",
        "postgresql",
        None,
        None,
    )
    assert found["version"]
    assert found["latency_ms"] >= 0


async def test_nobody_listens(api: AsyncClient) -> None:
    assert (await tried(api, "http://127.0.0.1:1"))["error_code"] == "unreachable"


async def test_it_takes_too_long(rig: Rig, api: AsyncClient) -> None:
    data(await api.post("/api/settings/general", json={"api_timeout_seconds": 1}))
    await failed_as(api, rig.sonarr(), "timeout", Fault("latency", seconds=3))


async def test_it_is_no_tls_server(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr()
    async with serve(app) as url:
        assert (await tried(api, url.replace("http://", "https://"), app.settings.api_key))["error_code"] == "tls"


async def test_the_key_is_wrong(rig: Rig, api: AsyncClient) -> None:
    async with serve(rig.sonarr()) as url:
        assert (await tried(api, url, "nonsense"))["error_code"] == "unauthorized"


async def test_it_is_another_app(rig: Rig, api: AsyncClient) -> None:
    await failed_as(api, rig.radarr(), "wrong_app")


async def test_the_base_path_is_another(rig: Rig, api: AsyncClient) -> None:
    await failed_as(api, rig.sonarr(url_base="/tv"), "wrong_base_url", url="/series")


async def test_it_is_no_arr_at_all(api: AsyncClient) -> None:
    async with plain_server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        assert (await tried(api, url))["error_code"] == "not_an_arr"


async def test_it_is_starting(rig: Rig, api: AsyncClient) -> None:
    await failed_as(api, rig.sonarr(), "starting", Fault("starting"))


async def test_it_answers_nonsense(rig: Rig, api: AsyncClient) -> None:
    await failed_as(api, rig.sonarr(), "bad_response", Fault("status", status=500))


async def test_a_name_leads_to_a_blocked_address(api: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_args: Any, **_options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert (await tried(api, "http://metadata.example"))["error_code"] == "blocked_address"


async def test_a_test_of_a_stored_instance_updates_its_state(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec(series=1))
    made = await rig.add(app)
    one = f"{SONARR}/{made.id}"
    assert data(await api.post(f"{one}/test"))["ok"] is True
    assert data(await api.get(one))["online"] is True
    app.faults.add(Fault("status", status=500))
    rig.clock.forward(minutes=1)
    found = data(await api.post(f"{one}/test"))
    shown = data(await api.get(one))
    assert (found["ok"], shown["online"], shown["error"]) == (False, False, found["error"])
    assert shown["checked_at"] == "2026-11-23T12:01:00.000Z"
    assert shown["version"] is not None


async def test_an_unsaved_change_is_tested_and_not_stored(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    assert data(await api.post(f"{SONARR}/test", json={"instance_id": made.id}))["ok"] is True
    changed = await api.post(f"{SONARR}/test", json={"instance_id": made.id, "api_key": "nonsense"})
    assert data(changed)["error_code"] == "unauthorized"
    assert data(await api.get(f"{SONARR}/{made.id}"))["online"] is None


async def test_a_test_without_url_and_id_is_422(api: AsyncClient) -> None:
    assert field(await api.post(f"{SONARR}/test", json={})) == "body.url"
    assert field(await api.post(f"{SONARR}/test", json={"url": BODY["url"]})) == "body.api_key"
    assert error(await api.post(f"{SONARR}/test", json={"instance_id": 99}), 404)
    assert field(await api.post(f"{SONARR}/test", json={"instance_id": 2**31})) == "body.instance_id"


async def test_a_test_does_not_end_the_rest_that_an_app_asked_for(rig: Rig, api: AsyncClient) -> None:
    app = rig.sonarr(LibrarySpec.with_missing(20))
    made = await rig.add(app, missing_mode="episode")
    app.faults.add(Fault("status", path="command", method="POST", status=429, retry_after=3600, times=1))
    await rig.hunt(made)
    assert data(await api.post(f"{SONARR}/{made.id}/test"))["ok"] is True
    assert (await rig.hunt(made)).reason == "resting"


async def test_every_instance_is_planned_from_its_creation_on(rig: Rig, api: AsyncClient) -> None:
    for number in range(3):
        await created(api, url=f"http://sonarr{number}")
    async with rig.container.infra.db.reading() as session:
        rows = (await session.exec(select(HuntState).where(col(HuntState.next_hunt_at).is_not(None)))).all()
    assert [row.instance_id for row in rows] == [1, 2, 3]


@pytest.mark.storage
async def test_a_status_of_any_length_can_be_stored(api: AsyncClient) -> None:
    """PostgreSQL refuses text that is longer than its column."""
    long = "9" * 5000
    body = json.dumps({"appName": "Sonarr", "version": long, "databaseType": long, "urlBase": long}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with plain_server(head + body) as url:
        made = await created(api, url=url)
        data(await api.post(f"{SONARR}/{made['id']}/test"))
    async with plain_server(b"HTTP/1.1 500 Oops\r\nContent-Length: 5000\r\n\r\n" + long.encode()) as url:
        data(await api.patch(f"{SONARR}/{made['id']}", json={"url": url, "api_key": SECRET}))
        data(await api.post(f"{SONARR}/{made['id']}/test"))
    assert data(await api.get(f"{SONARR}/{made['id']}"))["online"] is False

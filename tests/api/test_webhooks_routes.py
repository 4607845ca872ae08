"""Calls of the apps over HTTP: addresses, tokens, accepted bodies, and no leaked secrets."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlmodel import select

from app.container import open_container
from app.instances.schemas import InstanceOut
from app.secrets.box import SecretBox
from app.secrets.rotation import reencrypt
from app.tables import METADATA
from app.webhooks.models import AppWebhook
from tests.api.replies import data, error, field
from tests.simulator import LibrarySpec
from tests.support.rig import KEY, Rig
from tests.support.served_app import ServedApp, open_served_app
from tests.webhooks.payloads import FAMILIES, all_of

pytestmark = pytest.mark.asyncio

TEST = {"eventType": "Test", "instanceName": "Radarr"}
WRONG = "The token is not valid."
NOBODY = "This call needs an API key (header X-Api-Key) or a session."
FORGED = "huntarr_app_" + "x" * 43


@pytest_asyncio.fixture
async def films(rig: Rig) -> InstanceOut:
    return await rig.add(rig.radarr(LibrarySpec(movies=3)))


@pytest_asyncio.fixture
async def stranger(rig: Rig) -> AsyncIterator[AsyncClient]:
    async with rig.gateway(key=None) as client:
        yield client


def address(instance: InstanceOut) -> str:
    return f"/api/webhooks/arr/{instance.id}"


async def shown(api: AsyncClient, instance: InstanceOut, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = data(
        await api.get(f"/api/instances/{instance.app_type}/{instance.id}/webhook", headers=headers)
    )
    return found


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


# --- the address -----------------------------------------------------------------------------------------------------


@pytest.mark.storage
async def test_the_address_is_shown_as_often_as_one_likes_until_it_is_rotated(
    rig: Rig, api: AsyncClient, films: InstanceOut, stranger: AsyncClient
) -> None:
    first = await shown(api, films)
    assert first == {
        "url": f"http://huntarr/api/webhooks/arr/{films.id}?token={first['token']}",
        "url_without_token": f"http://huntarr/api/webhooks/arr/{films.id}",
        "token": first["token"],
        "created_at": "2026-11-23T12:00:00.000Z",
    }
    assert len(first["token"]) == len(FORGED)
    assert await shown(api, films) == first
    assert data(await stranger.post(first["url"], json=TEST)) == {"event": "Test", "done": "noted"}
    assert data(await stranger.put(first["url"], json=TEST))["done"] == "noted"
    rotated = data(await api.post(f"/api/instances/radarr/{films.id}/webhook/rotate"))
    assert rotated["token"] != first["token"]
    assert await shown(api, films) == rotated
    assert error(await stranger.post(first["url"], json=TEST), 401) == WRONG
    assert data(await stranger.post(rotated["url"], json=TEST))["done"] == "noted"
    async with rig.container.infra.db.reading() as session:
        [row] = (await session.exec(select(AppWebhook))).all()
    assert rotated["token"] not in row.model_dump_json()


async def test_a_rotation_may_come_first_and_the_wrong_type_is_404(api: AsyncClient, films: InstanceOut) -> None:
    made = data(await api.post(f"/api/instances/radarr/{films.id}/webhook/rotate"))
    assert await shown(api, films) == made
    sentence = f"There is no sonarr with the id {films.id}."
    assert error(await api.get(f"/api/instances/sonarr/{films.id}/webhook"), 404) == sentence
    assert error(await api.post(f"/api/instances/sonarr/{films.id}/webhook/rotate"), 404) == sentence
    assert error(await api.get("/api/instances/radarr/99/webhook"), 404) == "There is no radarr with the id 99."


async def test_the_address_is_the_one_that_others_can_reach(rig: Rig, api: AsyncClient, films: InstanceOut) -> None:
    async def base(**headers: str) -> str:
        return str((await shown(api, films, **headers))["url_without_token"]).removesuffix(address(films))

    assert await base(Host="nas.lan:9705") == "http://nas.lan:9705"
    assert error(await api.get(f"/api/instances/radarr/{films.id}/webhook", headers={"Host": "a b"}), 400)
    public = {"public_url": "https://Media.Example:8443/huntarr/"}
    assert data(await api.post("/api/settings/general", json=public))["public_url"] == (
        "https://media.example:8443/huntarr"
    )
    assert await base(Host="nas.lan:9705") == "https://media.example:8443/huntarr"
    data(await api.post("/api/settings/general", json={"public_url": None}))
    assert await base() == "http://huntarr"


@pytest.mark.parametrize(
    "wrong",
    ["huntarr", "ftp://huntarr", "http://u:p@huntarr", "http://huntarr/?a=1", "http://", "http://h/" + "a" * 500],
)
async def test_a_public_url_is_http_and_nothing_else(api: AsyncClient, wrong: str) -> None:
    reply = await api.post("/api/settings/general", json={"public_url": wrong})
    assert field(reply) == "body.public_url"


async def test_behind_a_proxy_with_a_sub_path(rig: Rig, films: InstanceOut) -> None:
    changes: dict[str, Any] = {"base_url": "/huntarr", "trusted_proxies": ("10.0.0.0/8",)}
    made = rig.config.model_validate({**rig.config.model_dump(), **changes})
    async with open_served_app(rig, base_url=made.base_url, trusted_proxies=made.trusted_proxies) as served:
        caller = await served.visitor("10.1.2.3", "media.example", **{"X-Api-Key": KEY, "X-Forwarded-Proto": "https"})
        found = await caller.data("GET", f"/huntarr/api/instances/radarr/{films.id}/webhook")
        served.secrets.add(found["token"])
        assert found["url_without_token"] == f"https://media.example/huntarr/api/webhooks/arr/{films.id}"
        assert (await caller.client.post(found["url"], json=TEST)).status_code == 200


async def test_a_token_goes_with_its_instance_and_through_a_new_secret_key(
    rig: Rig, api: AsyncClient, films: InstanceOut, stranger: AsyncClient
) -> None:
    found = await shown(api, films)
    key = "another-key-another-key-another-key"
    assert await reencrypt(rig.container.infra.db, METADATA, rig.container.infra.box, SecretBox(key)) >= 2
    config = rig.config.model_copy(update={"secret_key": SecretStr(key)})
    async with open_container(config, clock=rig.clock) as restarted:
        again = await restarted.webhooks.apps.show(films.app_type, films.id, lambda _: "")
    assert again.token == found["token"]
    assert data(await stranger.post(found["url"], json=TEST))
    data(await api.delete(f"/api/instances/radarr/{films.id}"))
    assert error(await stranger.post(found["url"], json=TEST), 401) == WRONG


# --- who is let in ---------------------------------------------------------------------------------------------------


async def test_the_token_in_the_query_in_a_header_or_as_a_password(
    api: AsyncClient, films: InstanceOut, stranger: AsyncClient
) -> None:
    token = (await shown(api, films))["token"]
    ways: list[dict[str, Any]] = [
        {"params": {"token": token}},
        {"headers": {"X-Webhook-Token": token}},
        {"headers": basic(token)},
    ]
    for options in ways:
        assert data(await stranger.post(address(films), json=TEST, **options))["done"] == "noted"


async def test_a_forged_token_is_refused_whether_there_is_an_instance_or_not(
    rig: Rig, api: AsyncClient, films: InstanceOut, stranger: AsyncClient
) -> None:
    token = (await shown(api, films))["token"]
    other = await rig.add(rig.radarr(LibrarySpec(movies=1), url_base="/b"))
    foreign = (await shown(api, other))["token"]
    never_shown = await rig.add(rig.radarr(LibrarySpec(movies=1), url_base="/c"))
    hook = data(await api.post("/api/webhooks/hooks", json={"name": "H", "action": "resume"}), 201)["token"]
    for path in (address(films), address(never_shown), "/api/webhooks/arr/99"):
        for wrong in (FORGED, foreign, hook, "", token[:-1], token + "x", KEY, "é", "huntarr_app_"):
            options: list[dict[str, Any]] = [{"params": {"token": wrong}}, {"headers": basic(wrong)}]
            if wrong.isascii():
                options.append({"headers": {"X-Webhook-Token": wrong}})
            for each in options:
                rig.clock.forward(minutes=1)
                assert error(await stranger.post(path, json=TEST, **each), 401) == WRONG, (path, wrong)
        assert error(await stranger.post(path, json=TEST), 401) == NOBODY
    twice = f"{address(films)}?token={token}&token={token}"
    assert error(await stranger.post(twice, json=TEST), 401) == WRONG
    for number in ("0", "-1", "1e0", "²", "9" * 40, "x", "1%00"):
        reply = await stranger.post(f"/api/webhooks/arr/{number}?token={token}", json=TEST)
        assert reply.status_code == 401, number
    for header in ("Basic", "Basic !", "Basic " + base64.b64encode(b"\xff").decode(), "basic ", "Bearer " + token):
        assert (await stranger.post(address(films), json=TEST, headers={"Authorization": header})).status_code == 401


async def test_the_first_place_that_has_a_token_decides(
    api: AsyncClient, films: InstanceOut, stranger: AsyncClient
) -> None:
    token = (await shown(api, films))["token"]
    wrong_first = await stranger.post(f"{address(films)}?token={FORGED}", json=TEST, headers={"X-Webhook-Token": token})
    assert error(wrong_first, 401) == WRONG
    assert (await api.post(f"{address(films)}?token={FORGED}", json=TEST)).status_code == 401, "a right key beside it"
    assert (await stranger.post(f"{address(films)}?token={token}", json=TEST, headers=basic("x"))).status_code == 200


async def test_an_api_key_of_full_scope_does_it_too(served: ServedApp, films: InstanceOut) -> None:
    owner = await served.owner()
    full, reading = (await owner.key("full"))["key"], (await owner.key("read"))["key"]
    caller = await served.visitor()
    assert data(await caller.post(address(films), TEST, **{"X-Api-Key": full}))["done"] == "noted"
    assert (await caller.post(f"{address(films)}?apikey={full}", TEST)).status_code == 200
    assert (await caller.post(address(films), TEST, **{"X-Api-Key": reading})).status_code == 403
    assert (await owner.post(address(films), TEST)).status_code == 200
    assert (await owner.client.post(address(films), json=TEST)).status_code == 403, "no CSRF token"
    sentence = "There is no instance with the id 99."
    assert error(await caller.post("/api/webhooks/arr/99", TEST, **{"X-Api-Key": full}), 404) == sentence


async def test_a_token_opens_nothing_else(api: AsyncClient, films: InstanceOut, stranger: AsyncClient) -> None:
    token = (await shown(api, films))["token"]
    for path in ("/api/stats", "/api/instances", f"/api/instances/radarr/{films.id}/webhook", "/api/webhooks/hooks"):
        assert (await stranger.get(path, params={"token": token})).status_code == 401
        assert (await stranger.get(path, params={"apikey": token})).status_code == 401
        assert (await stranger.get(path, headers={"X-Api-Key": token})).status_code == 401
        assert (await stranger.get(path, headers=basic(token))).status_code == 401
    assert (await stranger.get(address(films), params={"token": token})).status_code == 401
    assert (await stranger.delete(address(films), params={"token": token})).status_code == 401


async def test_wrong_tokens_are_limited_by_address(rig: Rig, served: ServedApp, films: InstanceOut) -> None:
    owner = await served.owner()
    found = await owner.data("GET", f"/api/instances/radarr/{films.id}/webhook")
    served.secrets.add(found["token"])
    guesser, app = await served.visitor("198.51.100.7"), await served.visitor("198.51.100.8")
    path = f"{address(films)}?token="
    for _ in range(15):
        assert (await guesser.post(path + FORGED, TEST)).status_code == 401
        assert (await guesser.post("/api/webhooks/hooks/huntarr_hook_" + "x" * 43)).status_code == 401
    late = await guesser.post(path + FORGED, TEST)
    assert error(late, 429) == "Too many wrong tokens came from your address: try again later."
    assert 0 < int(late.headers["Retry-After"]) <= 300
    # Right tokens pass, also from there: apps and buttons may be behind the same address.
    hook = await owner.data("POST", "/api/webhooks/hooks", {"name": "H", "action": "resume"})
    served.secrets.add(hook["token"])
    for caller in (guesser, app):
        assert (await caller.post(path + found["token"], TEST)).status_code == 200
    assert (await guesser.post(f"/api/webhooks/hooks/{hook['token']}")).status_code == 202
    assert (await guesser.post("/api/webhooks/hooks/huntarr_hook_" + "x" * 43)).status_code == 429
    rig.clock.forward(minutes=6)
    assert (await guesser.post(path + FORGED, TEST)).status_code == 401


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.storage
async def test_every_event_of_every_app_is_taken(
    api: AsyncClient, films: InstanceOut, stranger: AsyncClient, family: str
) -> None:
    url = (await shown(api, films))["url"]
    for body in all_of(family):
        found = data(await stranger.post(url, content=json.dumps(body, indent=2), headers=AS_JSON))
        assert found["event"] == body["eventType"]
        assert found["done"] in ("noted", "passed_over")


AS_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


async def test_what_cannot_be_read_is_refused_after_the_token(
    api: AsyncClient, films: InstanceOut, stranger: AsyncClient
) -> None:
    url = (await shown(api, films))["url"]

    async def post(content: bytes, kind: str = "application/json", to: str = url) -> Response:
        return await stranger.post(to, content=content, headers={"Content-Type": kind})

    deep = b'{"a":' * 40 + b"1" + b"}" * 40
    for content, kind, status in (
        (b"{" + b" " * 2_000_000 + b"}", "application/json", 413),
        (deep, "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"eventType": "\\u0000"}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"[]", "application/json", 422),
        (b"", "application/json", 422),
    ):
        error(await post(content, kind), status)
        error(await post(content, kind, f"{address(films)}?token={FORGED}"), 401)
    assert data(await post(b"{}")) == {"event": None, "done": "passed_over"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
named = st.fixed_dictionaries(
    {"eventType": st.sampled_from(["Grab", "Download", "ManualInteractionRequired", "Health", "Test"]) | anything},
    optional={
        name: anything | st.integers(-(2**70), 2**70) | st.just([{"id": 1, "seasonNumber": 2**31}])
        for name in ("downloadId", "series", "episodes", "movie", "album", "books", "downloadStatusMessages", "level")
    },
)


@pytest.mark.storage
@pytest.mark.process
async def test_no_body_leads_to_a_server_error(api: AsyncClient, films: InstanceOut, stranger: AsyncClient) -> None:
    url = (await shown(api, films))["url"]
    bodies: list[bytes] = []

    @settings(max_examples=300, deadline=None, database=None)
    @given(st.binary(max_size=60) | (named | anything).map(lambda text: json.dumps(text).encode()))
    def collect(content: bytes) -> None:
        bodies.append(content)

    collect()
    seen = set()
    for content in bodies:
        reply = await stranger.post(url, content=content, headers=AS_JSON)
        assert reply.status_code in (200, 400, 422), content
        seen.add(reply.status_code)
    assert seen == {200, 400, 422}


# --- nothing leaks ---------------------------------------------------------------------------------------------------


async def test_no_token_stands_in_a_log_line_an_audit_row_or_a_reply(
    rig: Rig, served: ServedApp, films: InstanceOut
) -> None:
    """The fixture searches the log lines, before secrets are masked, and the rows."""
    owner, app = await served.owner(), await served.visitor()
    found = await owner.data("GET", f"/api/instances/radarr/{films.id}/webhook")
    rotated = await owner.data("POST", f"/api/instances/radarr/{films.id}/webhook/rotate")
    hook = await owner.data("POST", "/api/webhooks/hooks", {"name": "H", "action": "resume", "allow_get": True})
    secrets = {found["token"], rotated["token"], hook["token"]}
    served.secrets |= secrets
    calls = [
        await app.post(f"{address(films)}?token={text}&apikey={text}", body, **{"X-Webhook-Token": text})
        for text in (found["token"], rotated["token"])
        for body in (TEST, {"eventType": "Health", "message": text}, None, [text])
    ]
    path = f"/api/webhooks/hooks/{hook['token']}"
    for method in ("POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        rig.clock.forward(seconds=2)
        calls.append(await app.client.request(method, path))
        calls.append(await app.client.request(method, path + "/x"))
        served.calls += 2
    calls.append(await owner.get("/api/webhooks/hooks"))
    calls.append(await owner.get("/api/audit"))
    for reply in calls:
        assert not [text for text in secrets if text in reply.text + str(dict(reply.headers))], reply.text
    assert {reply.status_code for reply in calls} >= {200, 202, 401, 422}
    assert {"rotate_app_webhook", "create_hook", "call_hook", "call_hook_by_get"} <= set(await served.actions())

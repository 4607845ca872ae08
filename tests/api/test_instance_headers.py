"""Headers of an instance, for a log-in in front of its app: sent with every request, stored encrypted, never shown.

Trial 41.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx import AsyncClient

from app.instances.models import Instance
from tests.api.replies import data, error, field
from tests.http.servers import answer, serve
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

KEY = "0123456789abcdef0123456789abcdef"
BASIC = "Basic " + base64.b64encode(b"owner:behind-the-door").decode()
TOKEN = "service-token-of-the-proxy"
HEADERS = {"Authorization": BASIC, "CF-Access-Client-Secret": TOKEN}
SONARR = "/api/instances/sonarr"
STARS = {"Authorization": "********", "CF-Access-Client-Secret": "********"}
STATUS = b'{"appName":"Sonarr","version":"4.0.19.2979","databaseType":"sqLite","urlBase":""}'


@asynccontextmanager
async def guarded_app(heads: list[str]) -> AsyncIterator[str]:
    """The address of an app behind a proxy that asks for Basic credentials; `heads` of requests that came through."""

    async def reply(request: bytes, writer: Any) -> None:
        head = request.decode()
        if f"authorization: {BASIC}".lower() not in head.lower():
            asks = 'WWW-Authenticate: Basic realm="Proxy"\r\n'
            writer.write(answer(b"<h1>Log in</h1>", status="401 Unauthorized", kind="text/html", extra=asks))
            return
        heads.append(head)
        writer.write(answer(STATUS))

    async with serve(reply) as port:
        yield f"http://127.0.0.1:{port}"


async def created(api: AsyncClient, url: str, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = data(await api.post(SONARR, json={"name": "TV", "url": url, "api_key": KEY, **body}), 201)
    return made


async def stored(rig: Rig, instance_id: int) -> dict[str, str]:
    async with rig.container.infra.db.reading() as session:
        return dict((await session.get_one(Instance, instance_id)).headers)


async def test_a_proxy_that_asks_for_credentials_is_passed_with_them(api: AsyncClient) -> None:
    heads: list[str] = []
    async with guarded_app(heads) as url:
        body = {"url": url, "api_key": KEY}
        refused = data(await api.post(f"{SONARR}/test", json=body))
        assert (refused["ok"], refused["error_code"]) == (False, "login_in_front")
        assert heads == []
        passed = data(await api.post(f"{SONARR}/test", json={**body, "headers": HEADERS}))
        assert (passed["ok"], passed["app_name"]) == (True, "Sonarr")
        assert all(f"cf-access-client-secret: {TOKEN}" in head.lower() for head in heads)
        assert all(f"x-api-key: {KEY}" in head.lower() for head in heads)
        made = await created(api, url, headers=HEADERS)
        heads.clear()
        again = data(await api.post(f"{SONARR}/test", json={"instance_id": made["id"]}))
        assert again["ok"]
        assert heads


@pytest.mark.storage
async def test_values_are_stored_encrypted_and_never_shown(rig: Rig, api: AsyncClient) -> None:
    made = await created(api, "http://sonarr:8989", headers=HEADERS)
    assert made["headers"] == STARS
    for reply in (await api.get(f"{SONARR}/1"), await api.get(SONARR), await api.get("/api/instances")):
        assert TOKEN not in reply.text
        assert BASIC not in reply.text
    sealed = await stored(rig, made["id"])
    assert {name: rig.container.infra.box.decrypt(value) for name, value in sealed.items()} == HEADERS
    assert TOKEN not in json.dumps(sealed)


async def test_stars_keep_a_value_and_what_is_left_out_keeps_all(rig: Rig, api: AsyncClient) -> None:
    made = await created(api, "http://sonarr:8989", headers=HEADERS)
    path = f"{SONARR}/{made['id']}"
    assert data(await api.patch(path, json={"name": "Shows"}))["headers"] == STARS
    assert data(await api.put(path, json={"name": "TV", "url": "http://sonarr:8989"}))["headers"] == STARS
    changed = data(await api.patch(path, json={"headers": {"authorization": "********", "X-New": "1"}}))
    assert changed["headers"] == {"authorization": "********", "X-New": "********"}
    sealed = await stored(rig, made["id"])
    assert rig.container.infra.box.decrypt(sealed["authorization"]) == BASIC
    assert field(await api.patch(path, json={"headers": {"X-Other": "********"}})) == "body.headers"
    assert data(await api.patch(path, json={"headers": {}}))["headers"] == {}


async def test_stored_values_go_only_to_the_address_that_they_were_stored_for(api: AsyncClient) -> None:
    made = await created(api, "http://sonarr:8989", headers=HEADERS)
    path, moved = f"{SONARR}/{made['id']}", {"url": "http://elsewhere:8989", "api_key": KEY}
    for body in (moved, {**moved, "headers": STARS}):
        assert field(await api.patch(path, json=body)) == "body.headers"
        assert field(await api.post(f"{SONARR}/test", json={**body, "instance_id": made["id"]})) == "body.headers"
    assert data(await api.get(path))["url"] == "http://sonarr:8989"
    assert data(await api.patch(path, json={**moved, "headers": {}}))["headers"] == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Api-Key": "another"},
        {"host": "elsewhere"},
        {"Connection": "close"},
        {"Transfer-Encoding": "chunked"},
        {"Accept-Encoding": "br"},
        {"Content-Type": "text/plain"},
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "\u00e4"},
        {"X A": "b"},
        {"X-A": ""},
        {"X-A": "1", "x-a": "2"},
        {f"X-{number}": "1" for number in range(21)},
    ],
)
async def test_what_no_request_can_carry_is_refused(api: AsyncClient, headers: dict[str, str]) -> None:
    reply = await api.post(SONARR, json={"name": "TV", "url": "http://a", "api_key": KEY, "headers": headers})
    assert error(reply, 422)
    assert data(await api.get(SONARR)) == []


async def test_an_app_that_repeats_a_value_does_not_have_it_shown(api: AsyncClient) -> None:
    async def repeat(_request: bytes, writer: Any) -> None:
        said = json.dumps({"message": f"refused {BASIC}"}).encode()
        writer.write(answer(said, status="400 Bad Request"))

    async with serve(repeat) as port:
        body = {"url": f"http://127.0.0.1:{port}", "api_key": KEY, "headers": HEADERS}
        said = data(await api.post(f"{SONARR}/test", json=body))
    assert not said["ok"]
    assert BASIC not in said["error"]

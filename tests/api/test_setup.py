"""The first owner: once, by whoever knows the token that the server printed."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import SecretStr

from app.container import open_container
from app.core.config import read_config
from app.core.errors import StartFailed
from tests.support.rig import Rig
from tests.support.served_app import OWNER, PASSWORD, ServedApp, open_served_app

pytestmark = pytest.mark.asyncio

BODY = {"username": OWNER, "password": PASSWORD}


def body_of(served: ServedApp, **given: Any) -> dict[str, Any]:
    return {**BODY, "setup_token": served.setup_token, **given}


@pytest.mark.storage
async def test_the_owner_is_created_only_once(served: ServedApp) -> None:
    local = await served.local()
    assert await local.data("GET", "/api/setup/status") == {"setup_required": True}
    reply = await local.post("/api/setup", body_of(served))
    assert (reply.status_code, reply.json()["data"]) == (201, {"username": OWNER})
    for again in (body_of(served), body_of(served, username="other"), BODY):
        assert (await local.post("/api/setup", again)).status_code == 409
        assert (await (await served.visitor()).post("/api/setup", again)).status_code == 409
    assert await local.data("GET", "/api/setup/status") == {"setup_required": False}
    assert (await local.login()).status_code == 200
    assert await served.actions() == ["create_owner", "login"]


@pytest.mark.storage
async def test_of_many_at_once_one_becomes_the_owner(served: ServedApp) -> None:
    # From different addresses: one address may try five at a time.
    visitors = [await served.visitor(f"192.0.2.{number}") for number in range(8)]
    names = [f"owner {number}" for number in range(8)]
    replies = await asyncio.gather(
        *(
            visitor.post("/api/setup", body_of(served, username=name))
            for visitor, name in zip(visitors, names, strict=True)
        )
    )
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7
    winner = next(reply.json()["data"]["username"] for reply in replies if reply.status_code == 201)
    statuses = [(await visitor.login(name=name)).status_code for visitor, name in zip(visitors, names, strict=True)]
    assert [name for name, status in zip(names, statuses, strict=True) if status == 200] == [winner]


@pytest.mark.parametrize(
    ("peer", "host", "headers"),
    [
        ("203.0.113.7", "huntarr.example", {}),
        ("203.0.113.7", "huntarr.example", {"X-Forwarded-For": "127.0.0.1"}),
        # A proxy on this machine that adds no header makes every stranger look like this.
        ("127.0.0.1", "localhost:9705", {}),
        ("127.0.0.5", "127.0.0.1:9705", {}),
        ("::1", "[::1]:9705", {}),
        ("::ffff:127.0.0.1", "LOCALHOST", {}),
        ("127.0.0.1", "localhost", {"X-Forwarded-For": "127.0.0.1"}),
        ("", "localhost", {}),
    ],
)
async def test_every_caller_needs_the_printed_token(
    served: ServedApp, peer: str, host: str, headers: dict[str, str]
) -> None:
    token = served.setup_token
    caller = await served.visitor(peer, host, **headers)
    for shown in ({}, {"setup_token": None}, {"setup_token": ""}, {"setup_token": token[:-1]}):
        reply = await caller.post("/api/setup", BODY | shown)
        assert reply.status_code == 403
        assert "when it starts" in reply.json()["error"]
    assert await served.trust.accounts.has_owner() is False
    assert (await caller.post("/api/setup", BODY | {"setup_token": f" {token}\n"})).status_code == 201


async def test_through_a_trusted_proxy_the_token_is_needed_too(rig: Rig) -> None:
    async with open_served_app(rig, trusted_proxies=(ip_network("127.0.0.0/8"),)) as served:
        for forwarded in ("203.0.113.7", "127.0.0.1", "127.0.0.1, 127.0.0.1"):
            caller = await served.local(**{"X-Forwarded-For": forwarded})
            assert (await caller.post("/api/setup", BODY)).status_code == 403


async def test_wrong_setup_tokens_are_limited(served: ServedApp) -> None:
    stranger, body = await served.visitor(), BODY | {"setup_token": "guess"}
    statuses = [(await stranger.post("/api/setup", body)).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    right = BODY | {"setup_token": served.trust.accounts.setup_token()}
    refused = await stranger.post("/api/setup", right)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 300
    assert (await (await served.visitor("192.0.2.1")).post("/api/setup", right)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {**BODY, "password": "9 letters"},
        {**BODY, "password": "x" * 257},
        {**BODY, "username": "  "},
        {**BODY, "username": "a\tb"},
        {**BODY, "username": "x" * 65},
        {**BODY, "is_admin": True},
        {"username": OWNER},
    ],
)
async def test_invalid_owners_are_refused(served: ServedApp, body: dict[str, Any]) -> None:
    reply = await (await served.local()).post("/api/setup", body)
    assert reply.status_code == 422
    assert str(body.get("password")) not in reply.text
    assert " items " not in reply.text
    assert await served.trust.accounts.has_owner() is False


@pytest.mark.storage
async def test_the_owner_of_the_environment_is_created_once_and_never_changed(rig: Rig) -> None:
    def settings(name: str, password: str) -> Any:
        return rig.config.model_copy(update={"admin_username": name, "admin_password": SecretStr(password)})

    for name, password in ((OWNER, PASSWORD), ("mallory", "another password")):
        async with open_container(settings(name, password), clock=rig.clock):
            pass
    async with open_served_app(rig) as served:
        assert (await (await served.visitor()).login()).status_code == 200
        assert (await (await served.visitor()).login("another password")).status_code == 401
        assert (await (await served.local()).post("/api/setup", body_of(served))).status_code == 409


async def test_one_token_in_all_processes_and_after_a_restart(rig: Rig) -> None:
    async with open_container(rig.config) as other:
        assert other.auth.accounts.setup_token() == rig.container.auth.accounts.setup_token()
    async with open_container(rig.config.model_copy(update={"redis_url": None})) as restarted:
        assert restarted.auth.accounts.setup_token() == rig.container.auth.accounts.setup_token()


@pytest.mark.parametrize(
    "given",
    [
        {"admin_username": OWNER},
        {"admin_password": PASSWORD},
        {"admin_username": OWNER, "admin_password": "9 letters"},
        {"admin_username": OWNER, "admin_password": "x" * 257},
        {"admin_username": "x" * 65, "admin_password": PASSWORD},
        {"admin_username": "   ", "admin_password": PASSWORD},
        {"admin_username": OWNER, "admin_password": PASSWORD + "\udcff"},
        {"api_key": "x" * 31},
    ],
)
async def test_an_incomplete_owner_in_the_environment_stops_the_start(given: dict[str, str]) -> None:
    with pytest.raises(StartFailed) as failure:
        read_config(**given)
    assert "HUNTARR_A" in str(failure.value)
    assert PASSWORD not in str(failure.value)

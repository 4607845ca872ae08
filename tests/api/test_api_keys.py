"""API keys: shown once, of one scope, until they expire or are deleted."""

from typing import Any

import pytest

from app.auth.credentials import MAX_WRONG_KEYS
from app.auth.keys import MAX_KEYS
from app.auth.models import ApiKey
from app.container import open_container
from app.secrets.box import key_digest
from tests.support.rig import KEY
from tests.support.served_app import ServedApp, Visitor

pytestmark = pytest.mark.asyncio

SESSION_ONLY = (
    ("GET", "/api/auth/api-keys"),
    ("POST", "/api/auth/api-keys"),
    ("DELETE", "/api/auth/api-keys/1"),
    ("GET", "/api/auth/sessions"),
    ("DELETE", "/api/auth/sessions/1"),
    ("POST", "/api/auth/logout"),
    ("POST", "/api/auth/password"),
    ("POST", "/api/auth/2fa/setup"),
    ("POST", "/api/auth/2fa/enable"),
    ("POST", "/api/auth/2fa/disable"),
)


async def status(served: ServedApp, key: str, method: str = "GET", path: str = "/api/version", peer: str = "") -> int:
    program = await served.visitor(peer or "203.0.113.50", **{"X-Api-Key": key})
    return (await program.call(method, path)).status_code


@pytest.mark.storage
async def test_a_key_is_shown_once(served: ServedApp) -> None:
    owner = await served.owner()
    reply = await owner.post("/api/auth/api-keys", {"name": " dashboard ", "scope": "read"})
    made = reply.json()["data"]
    key = made.pop("key")
    assert reply.status_code == 201
    assert made == {
        "id": made["id"],
        "name": "dashboard",
        "scope": "read",
        "prefix": key[:14],
        "created_at": "2026-11-23T12:00:00.000Z",
        "last_used_at": None,
        "expires_at": None,
    }
    assert key.startswith("huntarr_")
    assert len(key) == len("huntarr_") + 43
    listed = await owner.get("/api/auth/api-keys")
    assert listed.json()["data"] == [made]
    assert key not in listed.text
    [row] = await served.rows(ApiKey)
    assert row.digest == key_digest(key).hex()


@pytest.mark.storage
async def test_scopes(served: ServedApp) -> None:
    owner = await served.owner()
    reading, full = (await owner.key("read"))["key"], (await owner.key("full"))["key"]
    assert [await status(served, key) for key in (reading, full, KEY)] == [200, 200, 200]
    resume = [await status(served, key, "POST", "/api/hunting/resume") for key in (reading, full, KEY)]
    assert resume == [403, 200, 200]
    assert [await status(served, key, path="/api/audit") for key in (reading, full, KEY)] == [200, 200, 200]
    program = await served.visitor(**{"X-Api-Key": reading})
    me = await program.data("GET", "/api/auth/me")
    assert me == {"username": "n", "auth": "api_key", "scope": "read", "csrf_token": None, "two_factor_enabled": False}


async def test_no_key_manages_keys_users_or_the_second_factor(served: ServedApp) -> None:
    owner = await served.owner()
    full = (await owner.key("full"))["key"]
    for method, path in SESSION_ONLY:
        assert await status(served, full, method, path) == 403, path
        assert await status(served, KEY, method, path) == 403, path
    # Nor does a key that comes along with a session: the first credential present decides.
    assert (await owner.get("/api/auth/api-keys", **{"X-Api-Key": full})).status_code == 403


@pytest.mark.storage
async def test_a_key_that_expires(served: ServedApp) -> None:
    owner = await served.owner()
    made = await owner.key("full", expires_at="2026-11-23T13:00:00+00:00")
    assert made["expires_at"] == "2026-11-23T13:00:00.000Z"
    served.rig.clock.forward(minutes=59, seconds=59)
    assert await status(served, made["key"]) == 200
    served.rig.clock.forward(seconds=1)
    assert await status(served, made["key"]) == 401
    assert len(await owner.data("GET", "/api/auth/api-keys")) == 1


@pytest.mark.storage
async def test_a_deleted_key_stops_at_once(served: ServedApp) -> None:
    owner = await served.owner()
    made = await owner.key()
    assert await status(served, made["key"]) == 200
    assert (await owner.delete(f"/api/auth/api-keys/{made['id']}")).status_code == 200
    assert await status(served, made["key"]) == 401
    assert (await owner.delete(f"/api/auth/api-keys/{made['id']}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "n"},
        {"name": " ", "scope": "read"},
        {"name": "x" * 101, "scope": "read"},
        {"name": "n", "scope": "admin"},
        {"name": "n", "scope": "read", "expires_at": "2026-11-23T12:00:00Z"},
        {"name": "n", "scope": "read", "expires_at": "2027-11-23T12:00:00"},
        {"name": "n", "scope": "read", "expires_at": "9999-12-31T23:59:59-14:00"},
        {"name": "n", "scope": "read", "expires_at": "0001-01-01T00:00:00+14:00"},
        {"name": "n", "scope": "read", "key": "huntarr_chosen-by-the-caller"},
    ],
)
async def test_invalid_keys_are_refused(served: ServedApp, body: dict[str, Any]) -> None:
    owner = await served.owner()
    assert (await owner.post("/api/auth/api-keys", body)).status_code == 422


async def test_the_number_of_keys_is_limited(served: ServedApp) -> None:
    owner = await served.owner()
    now = served.rig.clock.now
    async with served.rig.container.infra.db.session() as session:
        session.add_all(
            ApiKey(user_id=1, name="n", scope="read", prefix="p", digest=f"{n:064}", created_at=now)
            for n in range(MAX_KEYS)
        )
    assert (await owner.post("/api/auth/api-keys", {"name": "n", "scope": "read"})).status_code == 409


@pytest.mark.storage
async def test_the_last_use_is_written_once_a_minute(served: ServedApp) -> None:
    owner = await served.owner()
    key = (await owner.key())["key"]

    async def last_used() -> str | None:
        for _ in range(3):
            assert await status(served, key) == 200
        await served.trust.credentials.flush()
        [shown] = await owner.data("GET", "/api/auth/api-keys")
        used: str | None = shown["last_used_at"]
        return used

    assert await last_used() == "2026-11-23T12:00:00.000Z"
    served.rig.clock.forward(seconds=59)
    assert await last_used() == "2026-11-23T12:00:00.000Z"
    served.rig.clock.forward(seconds=1)
    assert await last_used() == "2026-11-23T12:01:00.000Z"


async def test_wrong_keys_are_counted_by_address(served: ServedApp) -> None:
    owner = await served.owner("192.0.2.9")
    key = (await owner.key())["key"]
    for number in range(MAX_WRONG_KEYS):
        assert await status(served, f"huntarr_{number:043}") == 401
    assert await status(served, f"huntarr_{0:043}") == 429
    assert await status(served, f"huntarr_{0:043}", peer="192.0.2.77") == 401
    # Right keys pass: others may be behind the same address.
    assert await status(served, key) == 200
    assert await status(served, key, path="/api/nothing") == 404
    assert await status(served, KEY) == 200
    assert await status(served, f"huntarr_{1:043}") == 429
    served.rig.clock.forward(minutes=5)
    assert await status(served, f"huntarr_{0:043}") == 401


async def test_without_the_variable_there_is_no_key_but_the_owners(served: ServedApp) -> None:
    owner = await served.owner()
    key = (await owner.key())["key"]
    settings = served.rig.config.model_copy(update={"api_key": None})
    async with open_container(settings, clock=served.rig.clock) as other:
        assert await other.auth.credentials.by_api_key(key_digest(KEY), "") is None
        assert await other.auth.credentials.by_api_key(key_digest(key), "") is not None
    assert not (settings.data_dir / "api.key").exists()


async def test_a_key_in_the_query(served: ServedApp) -> None:
    owner = await served.owner()
    key = (await owner.key("read"))["key"]
    program: Visitor = await served.visitor()
    assert (await program.get(f"/api/version?apikey={key}")).status_code == 200
    assert (await program.get("/api/version?apikey=wrong")).status_code == 401

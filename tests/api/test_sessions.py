"""Sessions: random, rotated, revocable, and of no use without their CSRF token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from app.auth import credentials
from app.auth.credentials import Credentials
from app.auth.models import OWNER_ID, LoginSession
from app.auth.sessions import MAX_SESSIONS
from app.container import open_container
from app.core.db import Database
from app.secrets.box import key_digest
from tests.support.served_app import OWNER, PASSWORD, ServedApp, Visitor
from worker import tasks

pytestmark = pytest.mark.asyncio

NEW_PASSWORD = "another good password"


async def is_in(visitor: Visitor) -> bool:
    return (await visitor.get("/api/auth/me")).status_code == 200


async def change(visitor: Visitor, **headers: str) -> int:
    return (await visitor.post("/api/hunting/resume", **headers)).status_code


@pytest.mark.storage
async def test_logout_ends_this_session_and_no_other(served: ServedApp) -> None:
    one, other = await served.owner(), await served.owner()
    token = one.token
    reply = await one.post("/api/auth/logout")
    assert (reply.status_code, reply.json()["data"]) == (200, None)
    assert "huntarr_session=" in reply.headers["Set-Cookie"]
    assert "Max-Age=0" in reply.headers["Set-Cookie"]
    assert await is_in(one) is False
    stolen = await served.visitor(Cookie=f"huntarr_session={token}")
    assert await is_in(stolen) is False
    assert await is_in(other)


@pytest.mark.storage
async def test_sessions_are_listed_and_revoked(served: ServedApp) -> None:
    one, other = await served.owner("192.0.2.1"), await served.owner("192.0.2.2")
    listed = await one.data("GET", "/api/auth/sessions")
    assert [(row["address"], row["current"]) for row in listed] == [("192.0.2.2", False), ("192.0.2.1", True)]
    assert set(listed[0]) == {"id", "created_at", "last_seen_at", "expires_at", "address", "user_agent", "current"}
    assert await is_in(other)
    assert (await one.delete(f"/api/auth/sessions/{listed[0]['id']}")).status_code == 200
    assert await is_in(other) is False
    assert (await one.delete(f"/api/auth/sessions/{listed[0]['id']}")).status_code == 404
    assert len(await one.data("GET", "/api/auth/sessions")) == 1


async def test_a_login_replaces_the_session_that_the_browser_had(served: ServedApp) -> None:
    visitor = await served.owner()
    before = visitor.token
    await visitor.login()
    assert visitor.token != before
    assert await is_in(visitor)
    assert await is_in(await served.visitor(Cookie=f"huntarr_session={before}")) is False
    assert len(await served.rows(LoginSession)) == 1


async def test_a_token_of_the_callers_choosing_is_never_taken_over(served: ServedApp) -> None:
    await served.make_owner()
    fixed = "A" * 43
    victim = await served.visitor()
    reply = await victim.post(
        "/api/auth/login", {"username": OWNER, "password": PASSWORD}, Cookie=f"huntarr_session={fixed}"
    )
    assert reply.status_code == 200
    assert victim.token != fixed
    assert await is_in(await served.visitor(Cookie=f"huntarr_session={fixed}")) is False


async def test_a_failed_login_leaves_the_session_alone(served: ServedApp) -> None:
    visitor = await served.owner()
    assert (await visitor.login("wrong password")).status_code == 401
    assert await is_in(visitor)


async def test_forged_cookies(served: ServedApp) -> None:
    visitor = await served.owner()
    [row] = await served.rows(LoginSession)
    token = visitor.token
    forgeries = (
        "",
        "0",
        "1",
        token[:-1],
        token + "x",
        token.swapcase(),
        row.token_digest,
        key_digest(token).hex(),
        f'"{token}"',
        f"{token}; huntarr_session={token}",
        "é" * 43,
    )
    for forged in forgeries:
        stranger = await served.visitor()
        sent = [(b"Cookie", f"huntarr_session={forged}".encode())]
        assert (await stranger.client.get("/api/auth/me", headers=sent)).status_code == 401, forged
    assert await is_in(visitor)


async def test_changes_need_the_token_of_this_very_session(served: ServedApp) -> None:
    one, other = await served.owner(), await served.owner()
    assert one.csrf is not None
    assert other.csrf is not None
    assert await change(one) == 200
    for wrong in ("", other.csrf, one.csrf.upper(), one.token, one.csrf[:-1]):
        assert await change(one, **{"X-CSRF-Token": wrong}) == 403, wrong
    twice = [("X-CSRF-Token", one.csrf), ("X-CSRF-Token", one.csrf)]
    assert (await one.client.post("/api/hunting/resume", headers=twice)).status_code == 403
    one.csrf = None
    assert await change(one) == 403
    assert await is_in(one)
    assert (await one.data("GET", "/api/auth/me"))["csrf_token"] is not None
    assert await change(one) == 200  # learned from /me


async def test_a_csrf_token_alone_authenticates_nobody(served: ServedApp) -> None:
    owner = await served.owner()
    stranger = await served.visitor()
    stranger.csrf = owner.csrf
    assert await change(stranger) == 401


@pytest.mark.storage
async def test_a_new_password_ends_all_other_sessions_and_renews_this_one(served: ServedApp) -> None:
    one, other = await served.owner(), await served.owner()
    before, csrf = one.token, one.csrf
    served.secrets.add(NEW_PASSWORD)
    given = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    data = await one.data("POST", "/api/auth/password", given)
    assert data["csrf_token"] == one.csrf != csrf
    assert one.token != before
    assert await is_in(one)
    assert await change(one) == 200
    assert await change(one, **{"X-CSRF-Token": str(csrf)}) == 403
    assert await is_in(other) is False
    assert await is_in(await served.visitor(Cookie=f"huntarr_session={before}")) is False
    assert (await (await served.visitor()).login()).status_code == 401
    assert (await (await served.visitor()).login(NEW_PASSWORD)).status_code == 200
    assert len(await served.rows(LoginSession)) == 2


async def test_the_password_is_asked_for_and_guesses_are_counted(served: ServedApp) -> None:
    visitor, other = await served.owner(), await served.owner()
    wrong = {"current_password": "wrong password", "new_password": NEW_PASSWORD}
    for body in ({**wrong, "new_password": "9 letters"}, {"new_password": NEW_PASSWORD}):
        assert (await visitor.post("/api/auth/password", body)).status_code == 422
    assert [(await visitor.post("/api/auth/password", wrong)).status_code for _ in range(6)] == [403] * 5 + [429]
    right = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await other.post("/api/auth/password", right)).status_code == 429
    assert (await other.post("/api/auth/2fa/setup", {"password": PASSWORD})).status_code == 429
    assert (await (await served.visitor()).login()).status_code == 200  # logging in has its own limit
    served.rig.clock.forward(minutes=5)
    assert (await other.post("/api/auth/password", right)).status_code == 200
    assert (await served.actions()).count("confirmation_failed") == 5


async def test_a_session_ends_when_its_hours_are_over(served: ServedApp) -> None:
    visitor = await served.owner()
    assert (await visitor.post("/api/settings/general", {"session_hours": 2})).status_code == 200
    for wrong in (0, 721):
        assert (await visitor.post("/api/settings/general", {"session_hours": wrong})).status_code == 422
    short = await served.owner()
    served.rig.clock.forward(hours=1, minutes=59, seconds=59)
    assert await is_in(short)
    served.rig.clock.forward(seconds=1)
    assert await is_in(short) is False
    assert await is_in(visitor)
    assert len(await visitor.data("GET", "/api/auth/sessions")) == 1
    assert await served.trust.sessions.purge() == 1
    assert len(await served.rows(LoginSession)) == 1


async def test_the_retention_tick_purges(served: ServedApp) -> None:
    await served.owner()
    served.rig.clock.forward(days=400)
    await tasks.delete_old_rows({"container": served.rig.container})
    assert await served.rows(LoginSession) == []
    assert await served.actions() == []


@pytest.mark.storage
async def test_the_last_use_of_a_session_is_written_once_a_minute(served: ServedApp) -> None:
    visitor, clock = await served.owner(), served.rig.clock

    async def seen() -> str:
        for _ in range(3):
            assert await is_in(visitor)
        await served.trust.credentials.flush()
        [row] = await served.rows(LoginSession)
        return str(row.last_seen_at.time())

    assert await seen() == "12:00:00"
    clock.forward(seconds=59)
    assert await seen() == "12:00:00"
    clock.forward(seconds=1)
    assert await seen() == "12:01:00"
    clock.forward(seconds=30)
    assert await seen() == "12:01:00"


@pytest.mark.storage
async def test_what_another_process_revoked_is_over_within_a_second(
    served: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(credentials, "time", SimpleNamespace(monotonic=lambda: now))
    visitor = await served.owner()
    assert await is_in(visitor)
    async with open_container(served.rig.config, clock=served.rig.clock) as other:
        [row] = await served.rows(LoginSession)
        await other.auth.sessions.revoke(row.id)
    assert await is_in(visitor)  # still from memory
    now += credentials.CACHE_SECONDS + 0.001
    assert await is_in(visitor) is False


async def test_a_look_up_that_a_revocation_overtakes_is_not_cached(served: ServedApp) -> None:
    """Read before the revocation, cached after it: without care the session would stay valid in memory."""
    visitor = await served.owner()
    digest = key_digest(visitor.token)

    class Overtaken(Database):
        """The first view that is read is outdated when it ends: the session is revoked meanwhile."""

        is_revoked = False

        @asynccontextmanager
        async def reading(self, *, is_heavy: bool = False) -> AsyncIterator[AsyncSession]:
            async with super().reading(is_heavy=is_heavy) as session:
                yield session
            if not self.is_revoked:
                self.is_revoked = True
                [row] = await served.rows(LoginSession)
                await served.trust.sessions.revoke(row.id)
                looked_up.forget()

    db = Overtaken(served.rig.config.database)
    looked_up = Credentials(db, served.rig.clock, None)
    assert await looked_up.by_session(digest) is not None
    assert await looked_up.by_session(digest) is None
    await looked_up.flush()
    await db.close()


async def test_the_oldest_of_too_many_sessions_end(served: ServedApp) -> None:
    visitor = await served.owner()
    now = served.rig.clock.now
    async with served.rig.container.infra.db.session() as session:
        session.add_all(
            LoginSession(
                user_id=OWNER_ID,
                token_digest=f"{n:064}",
                csrf_digest="0" * 64,
                created_at=now,
                expires_at=now,
                last_seen_at=now,
                address="",
                user_agent="",
            )
            for n in range(MAX_SESSIONS + 20)
        )
    newest = await served.owner()
    assert len(await served.rows(LoginSession)) == MAX_SESSIONS
    assert await is_in(newest)
    served.trust.credentials.forget()
    assert await is_in(visitor) is False

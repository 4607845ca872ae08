"""The second factor: confirmed before it takes effect, each code works once, recovery codes replace the device."""

import asyncio
import re

import pytest

from app.auth.models import RecoveryCode, User
from app.auth.two_factor import WRONG_CODE
from app.secrets.box import SecretBox
from tests.support.rig import SECRET
from tests.support.served_app import OWNER, PASSWORD, Device, ServedApp

pytestmark = pytest.mark.asyncio


async def login(served: ServedApp, code: str | None = None, peer: str = "198.51.100.1") -> int:
    return (await (await served.visitor(peer)).login(code=code)).status_code


@pytest.mark.storage
async def test_turning_it_on(served: ServedApp) -> None:
    owner = await served.owner()
    begun = await owner.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
    assert re.fullmatch(r"[A-Z2-7]{32}", begun["secret"])
    assert begun["otpauth_uri"].startswith("otpauth://totp/Huntarr:Ada%20Lovelace?secret=" + begun["secret"])
    assert begun["qr_svg"].startswith("<svg")
    assert "<script" not in begun["qr_svg"]
    assert await login(served) == 200  # not before it is proved
    device = Device(served, begun["secret"])
    reply = await owner.post("/api/auth/2fa/enable", {"code": device.code()})
    codes = reply.json()["data"]["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)  # 80 bits each
    refused = await (await served.visitor()).login()
    assert (refused.status_code, refused.json()["error"]) == (401, "Two-factor code required")
    assert await login(served, device.code()) == 401  # the code that proved it is used up
    served.rig.clock.forward(seconds=30)
    assert await login(served, device.code()) == 200
    assert (await owner.data("GET", "/api/auth/me"))["two_factor_enabled"] is True
    [user] = await served.rows(User)
    assert begun["secret"] not in user.totp_secret
    assert SecretBox(SECRET).decrypt(user.totp_secret) == begun["secret"]


@pytest.mark.storage
async def test_turning_it_on_ends_all_other_sessions(served: ServedApp) -> None:
    thief, owner = await served.owner("192.0.2.66"), await served.owner()
    assert (await thief.get("/api/auth/me")).status_code == 200
    await owner.two_factor()
    assert (await thief.get("/api/auth/me")).status_code == 401
    assert [row["current"] for row in await owner.data("GET", "/api/auth/sessions")] == [True]
    assert (await owner.post("/api/hunting/resume")).status_code == 200


async def test_the_need_for_a_code_is_revealed_only_after_a_right_password(served: ServedApp) -> None:
    owner = await served.owner()
    await owner.two_factor()
    wrong = await (await served.visitor()).login("wrong password")
    assert wrong.json()["error"] != "Two-factor code required"
    for _ in range(8):  # asking for the code is no failure
        asked = await (await served.visitor("192.0.2.8")).login()
        assert asked.json()["error"] == "Two-factor code required"
        assert (await (await served.visitor("192.0.2.8")).login(code=" ")).json() == asked.json()


@pytest.mark.storage
async def test_a_code_works_once_and_one_step_early_or_late(served: ServedApp) -> None:
    device, _ = await (await served.owner()).two_factor()
    clock = served.rig.clock
    clock.forward(minutes=5)
    code = device.code()
    assert await login(served, code) == 200
    assert await login(served, code, "192.0.2.1") == 401
    assert await login(served, device.code(steps=-1), "192.0.2.1") == 401  # older than the one that was used
    assert await login(served, device.code(steps=2), "192.0.2.1") == 401
    assert await login(served, device.code(steps=1), "192.0.2.1") == 200
    clock.forward(minutes=5)
    assert await login(served, device.code(steps=-2)) == 401
    assert await login(served, device.code(steps=-1)) == 200
    assert await login(served, f" {device.code()[:3]} {device.code()[3:]} ") == 200


@pytest.mark.storage
async def test_of_two_logins_with_one_code_one_succeeds(served: ServedApp) -> None:
    device, codes = await (await served.owner()).two_factor()
    for code in (device.code(), codes[0]):
        statuses = await asyncio.gather(*(login(served, code, f"192.0.2.{n}") for n in range(4)))
        assert sorted(statuses) == [200, 401, 401, 401]
        served.rig.clock.forward(minutes=5)


@pytest.mark.storage
async def test_a_recovery_code_works_once(served: ServedApp) -> None:
    _, codes = await (await served.owner()).two_factor()
    assert await login(served, codes[0]) == 200
    assert await login(served, codes[0]) == 401
    assert await login(served, codes[1].upper().replace("-", " ")) == 200
    assert len(await served.rows(RecoveryCode)) == 8


async def test_wrong_codes_count_like_wrong_passwords(served: ServedApp) -> None:
    device, codes = await (await served.owner()).two_factor()
    assert [await login(served, "000000", f"192.0.2.{n}") for n in range(6)] == [401] * 5 + [429]
    assert await login(served, device.code(), "192.0.2.99") == 429
    assert await login(served, codes[0], "192.0.2.99") == 429
    assert (await served.actions()).count("login_failed") == 5
    served.rig.clock.forward(minutes=5)
    assert await login(served, device.code(), "192.0.2.99") == 200


async def test_codes_cannot_be_guessed_in_parallel(served: ServedApp) -> None:
    await (await served.owner()).two_factor()
    statuses = await asyncio.gather(*(login(served, f"{n:06}", f"192.0.2.{n}") for n in range(16)))
    assert sorted(statuses) == [401] * 5 + [429] * 11


@pytest.mark.storage
async def test_turning_it_off_takes_password_and_code(served: ServedApp) -> None:
    owner = await served.owner()
    device, codes = await owner.two_factor()

    async def disable(password: str, code: str) -> int:
        return (await owner.post("/api/auth/2fa/disable", {"password": password, "code": code})).status_code

    assert await disable("wrong password", device.code()) == 403
    assert await disable(PASSWORD, "000000") == 403
    assert await disable(PASSWORD, codes[0]) == 200
    assert await disable(PASSWORD, codes[1]) == 409
    assert await login(served) == 200
    assert await served.rows(RecoveryCode) == []
    [user] = await served.rows(User)
    assert (user.totp_secret, user.totp_pending) == (None, None)


async def test_no_secret_without_the_password(served: ServedApp) -> None:
    owner = await served.owner()
    for body in ({}, {"password": ""}):
        assert (await owner.post("/api/auth/2fa/setup", body)).status_code == 422
    refused = await owner.post("/api/auth/2fa/setup", {"password": "wrong password"})
    assert refused.status_code == 403
    assert "secret" not in refused.text


async def test_enabling_needs_a_fresh_secret_and_its_code(served: ServedApp) -> None:
    owner = await served.owner()
    assert (await owner.post("/api/auth/2fa/enable", {"code": "123456"})).status_code == 409
    begun = await owner.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
    device = Device(served, begun["secret"])
    refused = await owner.post("/api/auth/2fa/enable", {"code": device.code(steps=4)})
    assert (refused.status_code, refused.json()["error"]) == (403, WRONG_CODE)
    served.rig.clock.forward(minutes=15, seconds=1)
    assert (await owner.post("/api/auth/2fa/enable", {"code": device.code()})).status_code == 409
    device, _ = await owner.two_factor()
    for path, body in (("setup", {"password": PASSWORD}), ("enable", {"code": device.code()})):
        assert (await owner.post(f"/api/auth/2fa/{path}", body)).status_code == 409


async def test_codes_of_an_enable_are_limited(served: ServedApp) -> None:
    owner = await served.owner()
    begun = await owner.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
    replies = await asyncio.gather(*(owner.post("/api/auth/2fa/enable", {"code": f"{n:06}"}) for n in range(12)))
    assert sorted(reply.status_code for reply in replies) == [403] * 5 + [429] * 7
    right = {"code": Device(served, begun["secret"]).code()}
    assert (await owner.post("/api/auth/2fa/enable", right)).status_code == 429


async def test_reset_password_can_turn_it_off(served: ServedApp) -> None:
    owner = await served.owner()
    await owner.two_factor()
    accounts = served.trust.accounts
    served.secrets |= {"a third password", "a fourth password"}
    assert await accounts.reset_password("a third password") == OWNER
    assert (await owner.get("/api/auth/me")).status_code == 401
    asked = await (await served.visitor()).login("a third password")
    assert asked.json()["error"] == "Two-factor code required"
    await accounts.reset_password("a fourth password", disable_two_factor=True)
    assert (await (await served.visitor()).login("a fourth password")).status_code == 200
    assert (await served.actions()).count("reset_password") == 2

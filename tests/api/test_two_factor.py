"""The second factor: confirmed before it takes effect, each code works once, recovery codes replace the device."""

import asyncio
import re

import pytest

from app.auth.models import RecoveryCode, User
from app.auth.two_factor import WRONG_CODE
from app.secrets.box import SecretBox
from tests.support.house import OWNER, PASSWORD, Device, House
from tests.support.rig import SECRET

pytestmark = pytest.mark.asyncio


async def login(house: House, code: str | None = None, peer: str = "198.51.100.1") -> int:
    return (await (await house.visitor(peer)).login(code=code)).status_code


@pytest.mark.storage
async def test_turning_it_on(house: House) -> None:
    owner = await house.owner()
    begun = await owner.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
    assert re.fullmatch(r"[A-Z2-7]{32}", begun["secret"])
    assert begun["otpauth_uri"].startswith("otpauth://totp/Huntarr:Ada%20Lovelace?secret=" + begun["secret"])
    assert begun["qr_svg"].startswith("<svg")
    assert "<script" not in begun["qr_svg"]
    assert await login(house) == 200  # not before it is proved
    device = Device(house, begun["secret"])
    reply = await owner.post("/api/auth/2fa/enable", {"code": device.code()})
    codes = reply.json()["data"]["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)  # 80 bits each
    refused = await (await house.visitor()).login()
    assert (refused.status_code, refused.json()["error"]) == (401, "Two-factor code required")
    assert await login(house, device.code()) == 401  # the code that proved it is used up
    house.rig.clock.forward(seconds=30)
    assert await login(house, device.code()) == 200
    assert (await owner.data("GET", "/api/auth/me"))["two_factor_enabled"] is True
    [user] = await house.rows(User)
    assert begun["secret"] not in user.totp_secret
    assert SecretBox(SECRET).decrypt(user.totp_secret) == begun["secret"]


@pytest.mark.storage
async def test_turning_it_on_ends_all_other_sessions(house: House) -> None:
    thief, owner = await house.owner("192.0.2.66"), await house.owner()
    assert (await thief.get("/api/auth/me")).status_code == 200
    await owner.two_factor()
    assert (await thief.get("/api/auth/me")).status_code == 401
    assert [row["current"] for row in await owner.data("GET", "/api/auth/sessions")] == [True]
    assert (await owner.post("/api/hunting/resume")).status_code == 200


async def test_the_need_for_a_code_is_revealed_only_after_a_right_password(house: House) -> None:
    owner = await house.owner()
    await owner.two_factor()
    wrong = await (await house.visitor()).login("wrong password")
    assert wrong.json()["error"] != "Two-factor code required"
    for _ in range(8):  # asking for the code is no failure
        asked = await (await house.visitor("192.0.2.8")).login()
        assert asked.json()["error"] == "Two-factor code required"
        assert (await (await house.visitor("192.0.2.8")).login(code=" ")).json() == asked.json()


@pytest.mark.storage
async def test_a_code_works_once_and_one_step_early_or_late(house: House) -> None:
    device, _ = await (await house.owner()).two_factor()
    clock = house.rig.clock
    clock.forward(minutes=5)
    code = device.code()
    assert await login(house, code) == 200
    assert await login(house, code, "192.0.2.1") == 401
    assert await login(house, device.code(steps=-1), "192.0.2.1") == 401  # older than the one that was used
    assert await login(house, device.code(steps=2), "192.0.2.1") == 401
    assert await login(house, device.code(steps=1), "192.0.2.1") == 200
    clock.forward(minutes=5)
    assert await login(house, device.code(steps=-2)) == 401
    assert await login(house, device.code(steps=-1)) == 200
    assert await login(house, f" {device.code()[:3]} {device.code()[3:]} ") == 200


@pytest.mark.storage
async def test_of_two_logins_with_one_code_one_succeeds(house: House) -> None:
    device, codes = await (await house.owner()).two_factor()
    for code in (device.code(), codes[0]):
        statuses = await asyncio.gather(*(login(house, code, f"192.0.2.{n}") for n in range(4)))
        assert sorted(statuses) == [200, 401, 401, 401]
        house.rig.clock.forward(minutes=5)


@pytest.mark.storage
async def test_a_recovery_code_works_once(house: House) -> None:
    _, codes = await (await house.owner()).two_factor()
    assert await login(house, codes[0]) == 200
    assert await login(house, codes[0]) == 401
    assert await login(house, codes[1].upper().replace("-", " ")) == 200
    assert len(await house.rows(RecoveryCode)) == 8


async def test_wrong_codes_count_like_wrong_passwords(house: House) -> None:
    device, codes = await (await house.owner()).two_factor()
    assert [await login(house, "000000", f"192.0.2.{n}") for n in range(6)] == [401] * 5 + [429]
    assert await login(house, device.code(), "192.0.2.99") == 429
    assert await login(house, codes[0], "192.0.2.99") == 429
    assert (await house.actions()).count("login_failed") == 5
    house.rig.clock.forward(minutes=5)
    assert await login(house, device.code(), "192.0.2.99") == 200


async def test_codes_cannot_be_guessed_in_parallel(house: House) -> None:
    await (await house.owner()).two_factor()
    statuses = await asyncio.gather(*(login(house, f"{n:06}", f"192.0.2.{n}") for n in range(16)))
    assert sorted(statuses) == [401] * 5 + [429] * 11


@pytest.mark.storage
async def test_turning_it_off_takes_password_and_code(house: House) -> None:
    owner = await house.owner()
    device, codes = await owner.two_factor()

    async def disable(password: str, code: str) -> int:
        return (await owner.post("/api/auth/2fa/disable", {"password": password, "code": code})).status_code

    assert await disable("wrong password", device.code()) == 403
    assert await disable(PASSWORD, "000000") == 403
    assert await disable(PASSWORD, codes[0]) == 200
    assert await disable(PASSWORD, codes[1]) == 409
    assert await login(house) == 200
    assert await house.rows(RecoveryCode) == []
    [user] = await house.rows(User)
    assert (user.totp_secret, user.totp_pending) == (None, None)


async def test_no_secret_without_the_password(house: House) -> None:
    owner = await house.owner()
    for body in ({}, {"password": ""}):
        assert (await owner.post("/api/auth/2fa/setup", body)).status_code == 422
    refused = await owner.post("/api/auth/2fa/setup", {"password": "wrong password"})
    assert refused.status_code == 403
    assert "secret" not in refused.text


async def test_enabling_needs_a_fresh_secret_and_its_code(house: House) -> None:
    owner = await house.owner()
    assert (await owner.post("/api/auth/2fa/enable", {"code": "123456"})).status_code == 409
    begun = await owner.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
    device = Device(house, begun["secret"])
    refused = await owner.post("/api/auth/2fa/enable", {"code": device.code(steps=4)})
    assert (refused.status_code, refused.json()["error"]) == (403, WRONG_CODE)
    house.rig.clock.forward(minutes=15, seconds=1)
    assert (await owner.post("/api/auth/2fa/enable", {"code": device.code()})).status_code == 409
    device, _ = await owner.two_factor()
    for path, body in (("setup", {"password": PASSWORD}), ("enable", {"code": device.code()})):
        assert (await owner.post(f"/api/auth/2fa/{path}", body)).status_code == 409


async def test_codes_of_an_enable_are_limited(house: House) -> None:
    owner = await house.owner()
    begun = await owner.data("POST", "/api/auth/2fa/setup", {"password": PASSWORD})
    replies = await asyncio.gather(*(owner.post("/api/auth/2fa/enable", {"code": f"{n:06}"}) for n in range(12)))
    assert sorted(reply.status_code for reply in replies) == [403] * 5 + [429] * 7
    right = {"code": Device(house, begun["secret"]).code()}
    assert (await owner.post("/api/auth/2fa/enable", right)).status_code == 429


async def test_reset_password_can_turn_it_off(house: House) -> None:
    owner = await house.owner()
    await owner.two_factor()
    accounts = house.trust.accounts
    house.secrets |= {"a third password", "a fourth password"}
    assert await accounts.reset_password("a third password") == OWNER
    assert (await owner.get("/api/auth/me")).status_code == 401
    asked = await (await house.visitor()).login("a third password")
    assert asked.json()["error"] == "Two-factor code required"
    await accounts.reset_password("a fourth password", disable_two_factor=True)
    assert (await (await house.visitor()).login("a fourth password")).status_code == 200
    assert (await house.actions()).count("reset_password") == 2

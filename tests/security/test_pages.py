"""The pages without a browser: headers, files and redirects."""

from pathlib import Path

import pytest

from app.api.routes.pages import ASSETS
from tests.api.kernel import FULL, READ, kernel
from tests.support.rig import Rig
from tests.support.served_app import ServedApp, open_served_app

pytestmark = pytest.mark.asyncio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


@pytest.mark.parametrize("path", ["/login", "/setup"])
async def test_the_pages_are_public_and_tightly_bound(served: ServedApp, path: str) -> None:
    reply = await (await served.visitor()).get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    assert policy == POLICY
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["cache-control"] == "no-store"
    assert "{{" not in reply.text


async def test_the_files_of_the_pages_and_no_others_are_public(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        for name, kind in ASSETS.items():
            reply = await k.client.get(f"/pages/{name}")
            assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (200, kind)
            assert reply.headers["x-content-type-options"] == "nosniff"
        for name in ("login.html", "pages.py", "start.js", "..", "%2e%2e%2fdocs.html", "", "pages.js/"):
            assert (await k.client.get(f"/pages/{name}")).status_code in (401, 404), name


async def test_a_person_is_led_to_the_login_and_a_program_is_told_401(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        for path in ("/", "/docs"):
            led = await k.client.get(path, headers=BROWSER)
            assert (led.status_code, led.headers["location"]) == (303, "/login")
            stale = await k.client.get(path, headers={**BROWSER, "Cookie": "huntarr_session=ended"})
            assert stale.status_code == 303
            assert (await k.client.get(path)).status_code == 401
            assert (await k.client.get(path, headers={**BROWSER, "X-Api-Key": "wrong"})).status_code == 401
            assert (await k.client.get(f"{path}?apikey=wrong", headers=BROWSER)).status_code == 401
        for path in ("/api/stats", "/api/openapi.json", "/docs/start.js", "/nothing"):
            assert (await k.client.get(path, headers=BROWSER)).status_code == 401
        for key in (FULL, READ):
            assert (await k.client.get("/", headers={**BROWSER, **key})).headers["location"] == "/docs"


async def test_below_a_sub_path_everything_stays_there(rig: Rig) -> None:
    async with open_served_app(rig, base_url="/huntarr") as served:
        stranger = await served.local()
        assert (await stranger.get("/huntarr/docs", **BROWSER)).headers["location"] == "/huntarr/login"
        assert (await stranger.get("/huntarr/setup")).status_code == 200
        assert (await stranger.get("/login")).status_code == 404
        given = {"username": "owner", "password": "correct horse battery", "setup_token": served.setup_token}
        assert (await stranger.post("/huntarr/api/setup", given)).status_code == 201
        assert (await stranger.get("/huntarr/setup")).headers["location"] == "/huntarr/login"
        for source in ('src="/', 'href="/', 'action="/'):
            assert source not in (await stranger.get("/huntarr/login")).text

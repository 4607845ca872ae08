"""The page `/docs`: from our own files, for callers only, without the key in any address."""

import re
from pathlib import Path

import pytest

from app.api import asset_token
from app.api.routes.docs import ASSETS
from app.secrets.box import SecretBox
from tests.api.kernel import FULL, FULL_KEY, READ, kernel
from tests.support.rig import START

pytestmark = pytest.mark.asyncio


async def test_a_browser_with_a_key_gets_page_and_files(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        page = await k.client.get(f"/docs?apikey={FULL_KEY}")
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe-eval" not in policy
        cookie = page.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/docs", "Max-Age=600"))
        assert "Secure" not in cookie
        linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert sorted(linked) == sorted(f"docs/{name}" for name in ASSETS)
        assert "<script>" not in page.text
        for link in linked:
            reply = await k.client.get(f"/{link}")
            assert reply.status_code == 200
            assert len(reply.content) > 500
            assert reply.headers["cache-control"].startswith("private")


async def test_the_asset_token_gives_access_to_the_files_only(tmp_path: Path) -> None:
    async with kernel(tmp_path) as k:
        token = (await k.client.get("/docs", headers=READ)).cookies["huntarr_docs"]
        k.client.cookies.clear()
        shown = {"Cookie": f"huntarr_docs={token}"}
        assert (await k.client.get("/docs/start.js", headers=shown)).status_code == 200
        assert (await k.client.get("/docs/none.js", headers=shown)).status_code == 404
        assert (await k.client.get("/docs/start.js", headers=shown | {"X-Api-Key": "wrong"})).status_code == 401
        for path in ("/docs", "/api/openapi.json", "/api/version"):
            assert (await k.client.get(path, headers=shown)).status_code == 401
        k.clock.forward(minutes=10)
        assert (await k.client.get("/docs/start.js", headers=shown)).status_code == 401


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 600, "ä", SecretBox("o" * 32).encrypt("docs asset token 2030-01-01T00:00:00Z")]
)
async def test_forged_asset_tokens(tmp_path: Path, text: str) -> None:
    async with kernel(tmp_path) as k:
        reply = await k.client.get("/docs/start.js", headers=[(b"Cookie", b"huntarr_docs=" + text.encode())])
        assert reply.status_code == 401
        assert (await k.client.get("/docs/start.js", headers=FULL)).status_code == 200


async def test_other_encrypted_texts_are_no_asset_tokens() -> None:
    box = SecretBox("k" * 32)
    assert not asset_token.is_valid(box, box.encrypt("the API key of an app"), START)
    assert asset_token.is_valid(box, asset_token.issue(box, START), START)

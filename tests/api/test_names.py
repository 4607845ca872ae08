"""One rule for every name and note: joiners are part of the word, controls and line breaks are refused."""

from typing import Any

import pytest
from httpx import AsyncClient

from tests.api.replies import data, field
from tests.support.served_app import ServedApp

pytestmark = pytest.mark.asyncio

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
REFUSED = ("two\nlines", "two\u2028lines", "esc\x1b[31m", "next\x85line", "del\x7f")
NAMED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("/api/instances/radarr", "name", {"url": "http://radarr:7878", "api_key": "k" * 32}),
    ("/api/schedules", "name", {"action": "hunt", "time": "03:00"}),
    ("/api/webhooks/hooks", "name", {"action": "hunt"}),
    ("/api/backup/create", "note", {}),
)


@pytest.mark.parametrize(("path", "name", "body"), NAMED)
@pytest.mark.parametrize("text", [PERSIAN, FAMILY])
async def test_joiners_are_accepted_and_kept(api: AsyncClient, path: str, name: str, body: Any, text: str) -> None:
    made = data(await api.post(path, json={**body, name: f" {text} "}), 201)
    assert made[name] == text


@pytest.mark.parametrize(("path", "name", "body"), NAMED)
@pytest.mark.parametrize("text", REFUSED)
async def test_controls_and_line_breaks_are_refused(
    api: AsyncClient, path: str, name: str, body: Any, text: str
) -> None:
    reply = await api.post(path, json={**body, name: text})
    assert field(reply) == f"body.{name}"


@pytest.mark.parametrize(("path", "name", "body"), NAMED[:3])
async def test_a_name_shows_something(api: AsyncClient, path: str, name: str, body: Any) -> None:
    assert "visible" in (await api.post(path, json={**body, name: "\u200d\u200c"})).text


async def test_the_rule_holds_for_the_names_of_api_keys(served: ServedApp) -> None:
    owner = await served.owner()
    made = await owner.post("/api/auth/api-keys", {"name": PERSIAN, "scope": "read"})
    assert made.json()["data"]["name"] == PERSIAN
    for text in REFUSED:
        reply = await owner.post("/api/auth/api-keys", {"name": text, "scope": "read"})
        assert reply.status_code == 422, text

"""No number, text or date that a caller sends makes a 500, on either database; and what an outage does to a call."""

import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import AsyncClient, Response
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.document import made, operations
from tests.api.replies import data, error
from tests.simulator import LibrarySpec
from tests.support.rig import Rig, open_rig

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

CLOSED_PORT = "http://127.0.0.1:1"
DOCUMENT = made()
NAMES = sorted(
    {
        name
        for key, schema in DOCUMENT["components"]["schemas"].items()
        if key.endswith(("In", "Patch"))
        for name in schema.get("properties", ())
    }
    - {"url"}
)
ours = ("/api/stats", "/api/settings", "/api/instances", "/api/hunt", "/api/history", "/api/state", "/api/caps")
OPERATIONS = [
    (operation.method, operation.path, [item["name"] for item in operation.parameters if item["in"] == "query"])
    for operation in operations(DOCUMENT)
    if operation.path.startswith(ours)
]

numbers = st.sampled_from([0, 1, 2, -1, 2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, 1e308, -0.0])
texts = st.sampled_from(
    [
        "",
        " ",
        "a",
        "x" * 101,
        "x" * 5000,
        "\0",
        "a\0b",
        "\ud800",
        "\u202e",
        "é",
        "😀",
        "%",
        "_",
        "'",
        '"',
        "\\",
        "null",
        "NaN",
        "1e999",
        "true",
        "********",
        "sonarr",
        "radarr",
        "missing",
        "cutoff",
        "queued",
        "grabbed",
        "cooldown",
        "episode:1",
        "season:1:2",
        "movie:" + "9" * 10,
        "episode:-1",
        "UTC",
        "Etc/../UTC",
        "newest",
        "auto",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-02-30T00:00:00Z",
        "-1",
        "0",
        "1",
        "501",
    ]
) | st.text(max_size=20)
special = st.sampled_from([float("nan"), float("inf"), None, True, False])
values = st.recursive(
    numbers | texts | special,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | texts, inner, max_size=3),
    max_leaves=6,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
calls = st.tuples(
    st.sampled_from(OPERATIONS),
    st.sampled_from(["sonarr", "radarr", "lidarr"]),
    st.sampled_from([1, 1, 1, 2, 0, 2**31, 10**30, "x"]),
    st.booleans(),
    bodies,
    st.dictionaries(st.integers(0, 12), numbers | texts, max_size=3),
)


async def sent(api: AsyncClient, call: tuple[Any, ...]) -> Response:
    (method, template, names), app_type, number, has_url, body, chosen = call
    path = template.format(app_type=app_type, instance_id=number, hunt_id=number)
    query = {names[place % len(names)]: str(value) for place, value in chosen.items()} if names else {}
    raw = {name: value.encode("utf-8", "surrogatepass") for name, value in query.items() if name != "wait"}
    if has_url and isinstance(body, dict):
        body = {"name": "A", "url": f"{CLOSED_PORT}/{number}", "api_key": "k", **body}
    content = None if method in ("GET", "DELETE") else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    return await api.request(method, path + "?" + urlencode(raw), content=content, headers=headers)


@pytest.mark.storage
@pytest.mark.timeout(180)
async def test_no_request_causes_a_500(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=2)))
    await rig.add(rig.radarr(LibrarySpec(movies=5)))
    await rig.hunt(made)
    cases: list[tuple[Any, ...]] = []

    @settings(max_examples=1200, database=None, deadline=None)
    @given(calls)
    def collect(call: tuple[Any, ...]) -> None:
        cases.append(call)

    collect()
    seen: set[int] = set()
    for call in cases:
        reply = await sent(api, call)
        assert reply.status_code < 500, (call, reply.text)
        if reply.status_code >= 400:
            error(reply, reply.status_code)
        else:
            data(reply, reply.status_code)
        seen.add(reply.status_code)
    assert seen >= {200, 404, 422}


async def test_a_locked_database_is_a_503_and_nothing_is_half_written(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))
    path = f"/api/instances/sonarr/{made.id}"
    before = data(await api.get(path))
    locker = sqlite3.connect(rig.config.database.removeprefix("sqlite+aiosqlite:///"), isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    try:
        sentence = error(await api.patch(path, json={"name": "New", "hunting": {"daily_cap": 1}}), 503)
        assert sentence == "The database is not available: it is locked, full or unreachable."
        assert data(await api.get(path)) == before  # reads go on meanwhile
    finally:
        locker.execute("ROLLBACK")
        locker.close()
    assert data(await api.get(path)) == before
    assert data(await api.patch(path, json={"name": "New"}))["name"] == "New"


async def test_a_database_that_is_gone_is_a_503(tmp_path: Path, database_url: str, redis_url: str) -> None:
    async with open_rig(database_url, redis_url, tmp_path) as rig, rig.gateway() as api:
        await rig.container.infra.db.close()
        _make_unusable(Path(rig.config.database.removeprefix("sqlite+aiosqlite:///")))
        for reply in (await api.get("/api/instances"), await api.get("/api/stats"), await api.post("/api/hunts")):
            error(reply, 503)
        assert (await api.get("/ping")).status_code == 200


def _make_unusable(database: Path) -> None:
    """A folder in its place: root can open any file."""
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()
    database.mkdir()

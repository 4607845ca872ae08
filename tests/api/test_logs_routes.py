"""The log over HTTP: pages, filters, statistics, download, cleaning and clearing."""

import json
import re
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from app.counters.models import StatDay, StatTotal
from app.hunting.store.models import CapEntry, Hunt, ItemState, Search
from app.logs.models import SOURCES
from tests.api.replies import data, error, field
from tests.logs.entries import FIRST, entry
from tests.simulator import LibrarySpec
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio

LOGS = "/api/logs"
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no'


@pytest_asyncio.fixture
async def written(rig: Rig) -> None:
    """Fifty lines; the last ones are worth looking at."""
    lines = [entry(number, level=10, app_type="sonarr", instance_id=1, hunt_id=number % 5 + 1) for number in range(46)]
    lines += [
        entry(46, level=20, request_id="req-1", message="request", context='{"route":"/api/hunts"}'),
        entry(47, level=30, app_type="radarr", instance_id=2, hunt_id=9, message="Pokémon: offline"),
        entry(48, level=40, message="failed", context=json.dumps({"exception": TRACEBACK, "n": 1})),
        entry(49, level=20, message="a\r\n2026-11-23T12:00:00.000Z ERROR system forged \x1b[31m"),
    ]
    await rig.container.logs.store.add(lines, {})


async def entries(api: AsyncClient, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await api.get(LOGS, params=params))["entries"]
    return found


async def numbers(api: AsyncClient, **params: Any) -> list[int]:
    return [(item["id"] - FIRST) // 1000 for item in await entries(api, **params)]


@pytest.mark.storage
@pytest.mark.usefixtures("written")
async def test_an_entry_as_it_is_shown(api: AsyncClient) -> None:
    page = data(await api.get(LOGS, params={"limit": 3}))
    assert set(page) == {"entries", "total", "total_is_exact", "next_before_id"}
    assert (page["total"], page["total_is_exact"], page["next_before_id"]) == (50, True, FIRST + 47_000)
    assert page["entries"][2] == {
        "id": FIRST + 47_000,
        "timestamp": "2026-11-23T12:00:00.047Z",
        "level": "WARNING",
        "app_type": "radarr",
        "instance_id": 2,
        "hunt_id": 9,
        "request_id": None,
        "logger": "tests",
        "message": "Pokémon: offline",
        "context": {},
    }
    assert page["entries"][1]["context"] == {"exception": TRACEBACK, "n": 1}


@pytest.mark.storage
@pytest.mark.usefixtures("written")
async def test_pages_follow_each_other(api: AsyncClient) -> None:
    found, before = [], None
    while True:
        page = data(await api.get(LOGS, params={"limit": 20} | ({"before_id": before} if before else {})))
        found.append(len(page["entries"]))
        before = page["next_before_id"]
        assert page["total"] == 50
        if before is None:
            break
    assert found == [20, 20, 10]


@pytest.mark.usefixtures("written")
async def test_every_parameter_filters(api: AsyncClient) -> None:
    assert await numbers(api, level="warning") == [48, 47]
    assert await numbers(api, level="INFO", app_type="system") == [49, 48, 46]
    assert await numbers(api, instance_id=2) == [47]
    assert await numbers(api, hunt_id=3) == [42, 37, 32, 27, 22, 17, 12, 7, 2]
    assert await numbers(api, request_id="req-1") == [46]
    assert await numbers(api, search="OFFLINE") == [47]
    assert await numbers(api, search="api/hunts") == [46]
    window = {"from": "2026-11-23T12:00:00.003Z", "to": "2026-11-23T13:00:00.006+01:00"}
    assert await numbers(api, **window) == [5, 4, 3]
    assert await numbers(api, unknown="x", limit=1) == [49]


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"before_id": 0}, "before_id"),
        ({"before_id": 2**53}, "before_id"),
        ({"before_id": "x"}, "before_id"),
        ({"level": "loud"}, "level"),
        ({"app_type": "plex"}, "app_type"),
        ({"app_type": "sonarr\n"}, "app_type"),
        ({"instance_id": 2**31}, "instance_id"),
        ({"hunt_id": 0}, "hunt_id"),
        ({"search": ""}, "search"),
        ({"search": "x" * 201}, "search"),
        ({"request_id": "x" * 65}, "request_id"),
        ({"from": "2026-11-23T12:00:00"}, "from"),
        ({"to": "yesterday"}, "to"),
    ],
)
async def test_a_wrong_parameter_is_named(api: AsyncClient, params: dict[str, Any], wrong: str) -> None:
    assert field(await api.get(LOGS, params=params)) == f"query.{wrong}"
    if wrong not in ("limit", "before_id"):
        assert field(await api.get(f"{LOGS}/export", params=params)) == f"query.{wrong}"


@pytest.mark.storage
@pytest.mark.parametrize(
    "params",
    [
        {"from": "0001-01-01T00:00:00Z"},
        {"to": "9999-12-31T23:59:59Z"},
        {"before_id": 2**53 - 1},
        {"search": "%_\\'\";--"},
        {"search": "\U0001f600"},
        {"from": "2026-11-24T00:00:00Z", "to": "2026-11-23T00:00:00Z"},
    ],
)
async def test_the_ends_of_every_range_are_taken(api: AsyncClient, written: None, params: dict[str, Any]) -> None:
    assert len(await entries(api, **params)) in (0, 50)


@pytest.mark.storage
@pytest.mark.usefixtures("written")
async def test_statistics(api: AsyncClient) -> None:
    assert data(await api.get(f"{LOGS}/stats")) == {
        "total": 50,
        "by_app": {**dict.fromkeys(SOURCES, 0), "sonarr": 46, "radarr": 1, "system": 3},
        "by_level": {"DEBUG": 46, "INFO": 2, "WARNING": 1, "ERROR": 1},
        "oldest": "2026-11-23T12:00:00.000Z",
        "newest": "2026-11-23T12:00:00.049Z",
        "size_bytes": 500,
        "dropped": {"DEBUG": 0, "INFO": 0, "WARNING": 0, "ERROR": 0},
    }


@pytest.mark.storage
@pytest.mark.usefixtures("written")
async def test_the_download_for_programs_holds_the_same_entries(api: AsyncClient) -> None:
    reply = await api.get(f"{LOGS}/export")
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.headers["content-disposition"] == 'attachment; filename="huntarr-logs-20261123T120000Z.ndjson"'
    found = [json.loads(line) for line in reply.text.splitlines()]
    assert found == (await entries(api))[::-1]
    filtered = await api.get(f"{LOGS}/export", params={"level": "warning", "search": "fail"})
    assert [json.loads(line)["message"] for line in filtered.text.splitlines()] == ["failed"]
    assert (await api.get(f"{LOGS}/export", params={"search": "nowhere"})).text == ""


@pytest.mark.usefixtures("written")
async def test_the_download_for_people_is_a_line_each_and_cannot_be_forged(api: AsyncClient) -> None:
    reply = await api.get(f"{LOGS}/export", params={"format": "text", "level": "info"})
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="huntarr-logs-\w+\.txt"', reply.headers["content-disposition"])
    assert reply.text.splitlines() == [
        '2026-11-23T12:00:00.046Z INFO    system   tests: request request_id="req-1" route="/api/hunts"',
        "2026-11-23T12:00:00.047Z WARNING radarr   tests: Pokémon: offline instance_id=2 hunt_id=9",
        "2026-11-23T12:00:00.048Z ERROR   system   tests: failed n=1",
        "    Traceback (most recent call last):",
        '      File "x.py", line 1',
        "    ValueError: no",
        "2026-11-23T12:00:00.049Z INFO    system   tests: a",
        "    2026-11-23T12:00:00.000Z ERROR system forged \ufffd[31m",
    ]


@pytest.mark.usefixtures("written")
async def test_a_database_that_is_away_is_an_error_and_no_half_file(rig: Rig, api: AsyncClient) -> None:
    async with rig.container.infra.db.engines[0].begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE logs RENAME TO elsewhere")
    reply = await api.get(f"{LOGS}/export")
    assert "content-disposition" not in reply.headers
    assert error(reply, 503)
    assert error(await api.get(LOGS), 503)


@pytest.mark.usefixtures("written")
async def test_cleaning_up(api: AsyncClient) -> None:
    assert data(await api.post(f"{LOGS}/cleanup", json={})) == {"deleted": 0}
    assert data(await api.post(f"{LOGS}/cleanup", json={"max_entries_per_app": 10})) == {"deleted": 36}
    assert (await numbers(api, app_type="sonarr"))[-1] == 36
    for body, wrong in (({"days_to_keep": 0}, "days_to_keep"), ({"max_entries_per_app": -1}, "max_entries_per_app")):
        assert field(await api.post(f"{LOGS}/cleanup", json=body)) == f"body.{wrong}"
    assert field(await api.post(f"{LOGS}/cleanup", json={"days": 3})) == "body.days"


@pytest.mark.storage
async def test_clearing_changes_nothing_but_the_log(rig: Rig, api: AsyncClient, written: None) -> None:
    await rig.hunt(await rig.add(rig.sonarr(LibrarySpec.with_missing(10))))
    before = [await _rows(rig, table) for table in (Hunt, Search, ItemState, CapEntry, StatTotal, StatDay)]
    assert all(before)
    assert data(await api.post(f"{LOGS}/radarr/clear")) == {"deleted": 1}
    assert await numbers(api, app_type="radarr") == []
    assert data(await api.post(f"{LOGS}/all/clear")) == {"deleted": 49}
    assert await entries(api) == []
    assert [await _rows(rig, table) for table in (Hunt, Search, ItemState, CapEntry, StatTotal, StatDay)] == before


async def test_an_unknown_app_type_is_404(api: AsyncClient) -> None:
    sentence = error(await api.post(f"{LOGS}/plex/clear"), 404)
    assert sentence == f"There is no such app type; there are: {', '.join(SOURCES)}, all."


async def _rows(rig: Rig, table: Any) -> list[str]:
    async with rig.container.infra.db.reading() as session:
        rows = (await session.exec(table.__table__.select())).all()
    return sorted(map(repr, rows))

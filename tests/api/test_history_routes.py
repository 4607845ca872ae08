"""The history over HTTP: what is listed, in which order, what each filter finds, and what clearing leaves alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from sqlalchemy import event
from sqlmodel import func, select

from app.core.row_counts import RowCounts
from app.history.filters import HistoryFilter
from app.hunting.store.models import CapEntry, ItemState, Search
from app.instances.schemas import InstanceOut
from tests.api.replies import data, field
from tests.simulator import LibrarySpec
from tests.support.rig import START, Rig

pytestmark = pytest.mark.asyncio

HISTORY = "/api/history"


@pytest_asyncio.fixture
async def instances(rig: Rig) -> tuple[InstanceOut, InstanceOut]:
    """A Sonarr and a Radarr that were hunted twice, a day apart."""
    tv = await rig.add(rig.sonarr(LibrarySpec(series=20, cutoff_share=0.3)), name="TV", missing_mode="episode")
    films = await rig.add(rig.radarr(LibrarySpec(movies=60, cutoff_share=0.3)), name="Films")
    for _ in range(2):
        await rig.hunt(tv)
        await rig.hunt(films)
        rig.clock.now = START + timedelta(days=1)
    return tv, films


async def rows(api: AsyncClient, **params: Any) -> list[dict[str, Any]]:
    page = data(await api.get(HISTORY, params=params))
    if "page" not in params and "page_size" not in params:
        assert page["total"] == len(page["items"])
    found: list[dict[str, Any]] = page["items"]
    return found


@pytest.mark.storage
async def test_one_row_a_search_newest_first(api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]) -> None:
    found = await rows(api)
    assert len(found) == 12
    assert set(found[0]) == {
        "id",
        "hunt_id",
        "instance_id",
        "instance_name",
        "app_type",
        "pass",
        "media_key",
        "unit",
        "title",
        "picked",
        "units",
        "outcome",
        "message",
        "command_id",
        "searched_at",
        "ended_at",
        "quality_before",
        "score_before",
        "quality_after",
        "score_after",
        "indexer",
        "release_title",
        "grabs",
        "release_titles",
        "seconds_to_grab",
        "seconds_to_import",
    }
    assert [row["id"] for row in found] == sorted((row["id"] for row in found), reverse=True)
    assert [row["searched_at"] for row in found] == sorted((row["searched_at"] for row in found), reverse=True)
    pages = [await rows(api, page=number, page_size=5) for number in (1, 2, 3, 4)]
    assert [row for page in pages for row in page] == found
    assert data(await api.get(HISTORY, params={"page": 2, "page_size": 5}))["total"] == 12


@pytest.mark.storage
async def test_every_filter_finds_what_it_says(api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]) -> None:
    tv, films = instances
    everything = await rows(api)
    for name, key, values in (
        ("app_type", "app_type", ["sonarr", "radarr"]),
        ("instance_id", "instance_id", [tv.id, films.id, 99]),
        ("pass", "pass", ["missing", "cutoff"]),
        ("outcome", "outcome", ["nothing_found", "grabbed", "pending", "sending", "unknown", "search_failed"]),
    ):
        for value in values:
            assert await rows(api, **{name: value}) == [row for row in everything if row[key] == value]
    both = {"app_type": "radarr", "pass": "cutoff"}
    assert await rows(api, **both) == [row for row in everything if both.items() <= row.items()]


@pytest.mark.storage
async def test_a_part_of_the_title_is_matched_literally(
    api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]
) -> None:
    everything = await rows(api)
    title = everything[0]["title"]
    for part in (title, title.upper(), title[4:9].lower()):
        assert await rows(api, search=part) == [r for r in everything if part.lower() in r["title"].lower()]
    for wild in ("%", "_", "\\", "' OR 1=1 --", "no such title"):
        assert await rows(api, search=wild) == [r for r in everything if wild in r["title"]]
    assert await rows(api, search="") == everything
    assert field(await api.get(HISTORY, params={"search": "x" * 201})) == "query.search"


@pytest.mark.storage
async def test_from_is_within_and_to_is_not(api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]) -> None:
    everything = await rows(api)
    for moment in {row["searched_at"] for row in everything}:
        assert await rows(api, **{"from": moment}) == [r for r in everything if r["searched_at"] >= moment]
        assert await rows(api, to=moment) == [r for r in everything if r["searched_at"] < moment]
        assert await rows(api, **{"from": moment, "to": moment}) == []
    first_day = {"from": "2026-11-23T13:00:00+01:00", "to": "2026-11-24T00:00:00Z"}
    assert len(await rows(api, **first_day)) == 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "2026-11-23T12:00:00"),
        ("from", "yesterday"),
        ("from", "0001-01-01T00:00:00+14:00"),
        ("to", "9999-12-31T23:59:59-14:00"),
        ("to", "2026-13-01T00:00:00Z"),
        ("page", "0"),
        ("page_size", "501"),
        ("page", "9" * 40),
        ("outcome", "lost?"),
        ("pass", "upgrades"),
        ("app_type", "plex"),
        ("instance_id", "-1"),
        ("instance_id", "2147483648"),
    ],
)
async def test_a_wrong_parameter_is_named(api: AsyncClient, name: str, value: str) -> None:
    assert field(await api.get(HISTORY, params={name: value})) == f"query.{name}"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "253402300799", "-62135596800"])
@pytest.mark.process
async def test_the_ends_of_the_calendar_are_no_error(
    api: AsyncClient, instances: tuple[InstanceOut, InstanceOut], moment: str
) -> None:
    data(await api.get(HISTORY, params={"from": moment}))
    data(await api.get(HISTORY, params={"to": moment}))


@pytest.mark.storage
async def test_clearing_keeps_caps_cooldowns_and_statistics(
    rig: Rig, api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]
) -> None:
    tv, _ = instances
    left = [row for row in await rows(api) if row["instance_id"] != tv.id]
    kept = [data(await api.get(path)) for path in ("/api/caps", "/api/state", "/api/stats/timeline?days=2")]
    totals = (await rig.container.stats.read()).totals
    assert data(await api.delete(HISTORY, params={"instance_id": tv.id})) == {"deleted": 6}
    assert await rows(api) == left
    assert data(await api.delete(HISTORY, params={"app_type": "sonarr"})) == {"deleted": 0}
    assert data(await api.delete(HISTORY)) == {"deleted": 6}
    assert await rows(api) == []
    assert [data(await api.get(path)) for path in ("/api/caps", "/api/state", "/api/stats/timeline?days=2")] == kept
    assert (await rig.container.stats.read()).totals == totals
    async with rig.container.infra.db.reading() as session:
        assert (await session.exec(select(func.count()).select_from(ItemState))).one() == 12
        assert (await session.exec(select(func.count()).select_from(CapEntry))).one() == 12


async def test_clearing_keeps_unfinished_searches(rig: Rig, api: AsyncClient) -> None:
    made = await rig.add(rig.sonarr(LibrarySpec(series=3)))
    async with rig.container.infra.db.session() as session:
        session.add(_search(made.id, outcome="pending"))
        session.add(_search(made.id, outcome="sending"))
        session.add(_search(made.id, outcome="nothing_found"))
    assert data(await api.delete(HISTORY)) == {"deleted": 1}
    assert {row["outcome"] for row in await rows(api)} == {"pending", "sending"}


@pytest.mark.storage
async def test_retention_deletes_what_is_old_and_nothing_else(
    rig: Rig, api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]
) -> None:
    totals = (await rig.container.stats.read()).totals
    rig.clock.now = START + timedelta(days=366)
    await rig.container.history.purge(0)
    assert len(await rows(api)) == 12
    rig.clock.now = START + timedelta(days=365, hours=1)
    await rig.container.history.purge(365)
    assert len(await rows(api)) == 6
    assert data(await api.get("/api/hunts"))["total"] == 2
    await rig.container.history.purge(1)
    assert await rows(api) == []
    assert data(await api.get("/api/state"))["total"] == 12
    assert (await rig.container.stats.read()).totals == totals


@pytest.mark.storage
async def test_a_text_is_looked_for_in_a_limited_number_of_searches(
    rig: Rig, api: AsyncClient, instances: tuple[InstanceOut, InstanceOut]
) -> None:
    """However long the history, a page costs the same; `to` goes on where it ended."""
    everything = [row["id"] for row in await rows(api)]
    assert data(await api.get(HISTORY, params={"search": "e"}))["searched_back_to"] is None
    found: list[int] = []
    until: datetime | None = None
    pages = 0
    while pages == 0 or until is not None:
        page = await rig.container.history.history(
            HistoryFilter(search=" ", until=until), page=1, page_size=50, max_looked_through=5
        )
        assert page.total == len(page.items)
        found += [row.id for row in page.items if row.id not in found]
        until, pages = page.searched_back_to, pages + 1
        assert pages < 9
    assert sorted(found) == sorted(everything)
    assert pages > 1


async def test_the_total_of_a_long_list_counts_new_rows_at_once(rig: Rig) -> None:
    """A long list is not counted on every page; what came since is added exactly, the rest at most seconds later."""
    now = 0.0
    totals = RowCounts(timer=lambda: now, short=3)
    made = await rig.add(rig.sonarr(LibrarySpec(series=1)))

    async def total(**wanted: Any) -> int:
        async with rig.container.infra.db.reading() as session:
            return await totals.of(session, Search, HistoryFilter(**wanted))

    async def add(*outcomes: str) -> None:
        async with rig.container.infra.db.session() as session:
            session.add_all(_search(made.id, outcome=outcome) for outcome in outcomes)

    assert await total() == 0
    await add("grabbed", "unknown")
    assert await total() == 2
    await add("grabbed", "grabbed", "unknown")
    assert (await total(), await total(outcome="grabbed"), await total(instance_id=made.id)) == (5, 3, 5)
    await add("grabbed", "unknown")
    assert (await total(), await total(outcome="grabbed"), await total(instance_id=made.id)) == (7, 4, 7)
    assert await total(instance_id=99) == 0
    async with rig.container.infra.db.session() as session:
        await session.delete(await session.get_one(Search, 1))
    assert await total() == 7
    now = 10.0
    assert (await total(), await total(outcome="grabbed")) == (6, 3)
    totals.forget()
    await add("unknown")
    assert await total() == 7


def _search(instance_id: int, *, outcome: str) -> Search:
    return Search(
        hunt_id=1,
        instance_id=instance_id,
        instance_name="TV",
        app_type="sonarr",
        hunt_pass="missing",
        media_key="episode:1",
        unit="episode",
        title="The Quiet Ledger",
        outcome=outcome,
        searched_at=START,
    )


async def test_no_filter_sorts_the_whole_history(rig: Rig, api: AsyncClient) -> None:
    """Whatever its length: every first page is read from an index in the order that it is shown in."""
    sent: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "LIMIT " in statement and not statement.startswith("EXPLAIN"):
            sent.append((statement, parameters))

    event.listen(rig.container.infra.db.engines[-1].sync_engine, "before_cursor_execute", note)
    since = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
    both: list[dict[str, str]] = [{}, {"app_type": "sonarr"}, {"instance_id": "1"}]
    for chosen in [*both, {"outcome": "grabbed"}, {"pass": "missing"}]:
        data(await api.get(HISTORY, params=chosen))
        data(await api.get(HISTORY, params={**chosen, **since}))
    for chosen in [*both, {"status": "completed"}]:
        data(await api.get("/api/hunts", params=chosen))
    assert len(sent) == 14
    async with rig.container.infra.db.reading() as session:
        connection = await session.connection()
        for statement, parameters in sent:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row._mapping["detail"] for row in plan.fetchall()]
            assert not [step for step in steps if "TEMP B-TREE" in step], (statement, steps)

"""Every method of every client against the simulated apps over real HTTP: both databases, with and without a base."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
import pytest_asyncio

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode, WrongBaseUrl
from app.arr.http import ArrHttp
from app.arr.models import AppType, CommandStatus, Connection, Database, HuntPass, SearchTarget, SortKey, Unit
from app.arr.probe import probe
from app.arr.registry import make_client
from tests.arr.conftest import Noted
from tests.simulator import Fault, LibrarySpec, SimApp, SimClock, SimSettings, serve
from tests.simulator.faults import FaultKind

pytestmark = pytest.mark.asyncio

Kind = Literal["sonarr", "sonarr5", "radarr"]
SHAPES: list[tuple[Kind, Literal["sqLite", "postgreSQL"], str]] = [
    ("sonarr", "sqLite", ""),
    ("sonarr", "postgreSQL", "/tv"),
    ("sonarr5", "sqLite", "/tv"),
    ("radarr", "sqLite", "/movies"),
    ("radarr", "postgreSQL", ""),
]


@dataclass
class Stage:
    """A simulated app on a socket, and our client for it."""

    app: SimApp
    url: str
    client: ArrClient
    connection: Connection
    http: ArrHttp
    item_ids: list[int]
    """One item searched long ago, one lately, one never; all of them missing."""

    @property
    def episodes(self) -> bool:
        return self.client.app_type is AppType.SONARR

    def target(self, place: int = 0) -> SearchTarget:
        unit = Unit.EPISODE if self.episodes else Unit.MOVIE
        return SearchTarget(unit, item_id=self.item_ids[place])

    async def ids(self, hunt_pass: HuntPass = HuntPass.MISSING, **asked: bool | int) -> list[int]:
        descending, size = bool(asked.get("descending")), asked.get("size", 20)
        page = await self.client.wanted(
            hunt_pass, sort=SortKey.LAST_SEARCH, descending=descending, page=asked.get("page", 1), page_size=size
        )
        assert page.skipped == 0
        return [item.item_id for item in page.items]


def stock(app: SimApp, *, movies: bool) -> list[int]:
    now = datetime.now(UTC)
    searched = [now - timedelta(days=50), now - timedelta(days=5), None]
    if movies:
        return [
            app.library.add_movie(
                title=f"Harbour {n}",
                year=1999,
                tags=["keep"],
                profile_id=2,
                digital=now - timedelta(days=90),
                last_search=at,
            )
            for n, at in enumerate(searched)
        ]
    series = app.library.add_series(title="The Quiet Ledger", ended=True, tags=["keep"], profile_id=2)
    app.library.add_episode(series, 1, 9, has_file=True)
    return [app.library.add_episode(series, 1, n + 1, title="Chapter", last_search=at) for n, at in enumerate(searched)]


@pytest_asyncio.fixture(params=SHAPES, ids=lambda shape: "-".join(shape).replace("/", ""))
async def stage(
    request: pytest.FixtureRequest, noted: Noted, tls: ssl.SSLContext, http: ArrHttp
) -> AsyncIterator[Stage]:
    kind, database, base = request.param
    app = SimApp(kind, SimSettings(database=database, url_base=base), clock=SimClock.frozen(datetime.now(UTC)))
    item_ids = stock(app, movies=kind == "radarr")
    app_type = AppType.RADARR if kind == "radarr" else AppType.SONARR
    async with serve(app) as url:
        connection = Connection(url + base, app.settings.api_key)
        yield Stage(app, url, make_client(app_type, http, connection), connection, http, item_ids)


async def test_status(stage: Stage) -> None:
    status = await stage.client.status()
    assert status.app_name == stage.client.app_name
    assert status.version == stage.app.version
    assert status.url_base == stage.app.url_base
    assert status.database is (Database.POSTGRESQL if stage.app.settings.database == "postgreSQL" else Database.SQLITE)


async def test_probe(stage: Stage) -> None:
    found = await probe(stage.http, stage.client.app_type, stage.connection)
    assert (found.ok, found.app_name, found.error) == (True, stage.client.app_name, None)
    other = next(app_type for app_type in AppType if app_type is not stage.client.app_type)
    assert (await probe(stage.http, other, stage.connection)).error_code is ErrorCode.WRONG_APP
    wrong_key = Connection(stage.connection.url, "f" * 32)
    assert (await probe(stage.http, stage.client.app_type, wrong_key)).error_code is ErrorCode.UNAUTHORIZED


async def test_the_base_is_missing_or_wrong(stage: Stage) -> None:
    base = stage.app.url_base
    asked = stage.url if base else f"{stage.url}/wrong"
    found = await probe(stage.http, stage.client.app_type, Connection(asked, stage.app.settings.api_key))
    assert found.error_code is ErrorCode.WRONG_BASE_URL
    if base:
        assert f"URL base {base}:" in (found.error or "")
        client = make_client(stage.client.app_type, stage.http, Connection(asked, stage.app.settings.api_key))
        with pytest.raises(WrongBaseUrl) as caught:
            await client.search(stage.target())
        assert (caught.value.base, caught.value.may_have_reached) == (base, False)
    assert stage.app.searcher.records == []


async def test_the_wanted_list_is_sorted_by_last_search(stage: Stage) -> None:
    long_ago, lately, never = stage.item_ids
    nulls_first = stage.app.settings.database == "sqLite"
    assert await stage.ids() == ([never, long_ago, lately] if nulls_first else [long_ago, lately, never])
    assert await stage.ids(descending=True) == ([lately, long_ago, never] if nulls_first else [never, lately, long_ago])
    assert await stage.ids(page=2, size=2) == (await stage.ids())[2:]
    assert await stage.ids(page=9) == []


async def test_what_is_below_its_cutoff_is_another_list(stage: Stage) -> None:
    assert set(await stage.ids(HuntPass.CUTOFF)) == set(stage.app.library.cutoff_ids())
    assert not set(await stage.ids(HuntPass.CUTOFF)) & set(stage.item_ids)
    stage.app.library.add_file(stage.item_ids[0], quality_id=1)
    assert stage.item_ids[0] in await stage.ids(HuntPass.CUTOFF)
    assert stage.item_ids[0] not in await stage.ids()


async def test_a_wanted_item_has_what_decisions_need(stage: Stage) -> None:
    page = await stage.client.wanted(HuntPass.MISSING, sort=SortKey.RELEASED, descending=True, page=1, page_size=20)
    assert page.total == 3
    tags = await stage.client.tags()
    profiles = {profile.profile_id: profile.name for profile in await stage.client.quality_profiles()}
    item = next(item for item in page.items if item.item_id == stage.item_ids[0])
    assert item.title == ("The Quiet Ledger - S01E01 - Chapter" if stage.episodes else "Harbour 0 (1999)")
    assert item.monitored
    assert item.added_at is not None
    assert item.last_search_at is not None
    assert (item.dates.released if stage.episodes else item.dates.digital) is not None
    assert item.available is (None if stage.episodes else True)
    assert [tags[tag] for tag in item.tag_ids] == ["keep"]
    assert item.quality_profile_id in profiles


async def test_unmonitored_items_are_not_wanted(stage: Stage) -> None:
    stage.app.library.update_item(stage.item_ids[0], monitored=False)
    assert stage.item_ids[0] not in await stage.ids()


async def test_a_search_is_one_search_and_an_equal_one_is_the_same(stage: Stage) -> None:
    command = await stage.client.search(stage.target())
    assert command.target == stage.target()
    assert not command.status.is_over
    assert (await stage.client.search(stage.target())).command_id == command.command_id
    out = {each.command_id: each for each in await stage.client.commands()}
    assert out[command.command_id].target == stage.target()
    stage.app.advance(60)
    done = {each.command_id: each for each in await stage.client.commands()}[command.command_id]
    assert done.status is CommandStatus.COMPLETED
    assert done.ended_at is not None
    assert done.message
    assert [record.item_ids for record in stage.app.searcher.records] == [(stage.item_ids[0],)]


async def test_a_season_search_and_its_facts(stage: Stage) -> None:
    if not stage.episodes:
        with pytest.raises(ArrError):
            await stage.client.season(1, 1, now=datetime.now(UTC))
        return
    descending = stage.app.settings.database == "sqLite"  # the one that was searched last comes first
    if not descending:
        return
    page = await stage.client.wanted(HuntPass.MISSING, sort=SortKey.LAST_SEARCH, descending=True, page=1, page_size=1)
    owner = page.items[0].owner_id
    assert owner is not None
    season = await stage.client.season(owner, 1, now=datetime.now(UTC))
    assert (season.aired, season.with_file, season.ended) == (4, 1, True)
    assert season.last_search_at == page.items[0].last_search_at
    target = SearchTarget(Unit.SEASON, owner_id=owner, season=1)
    command = await stage.client.search(target)
    assert [each.target for each in await stage.client.commands() if each.command_id == command.command_id] == [target]


async def test_only_what_still_waits_is_cancelled(stage: Stage) -> None:
    for seconds in range(3):  # the app runs three commands at a time
        stage.app.post_command("Test", duration=60_000 + seconds)
    waiting = await stage.client.search(stage.target())
    assert waiting.status is CommandStatus.QUEUED
    assert await stage.client.cancel(waiting.command_id) is True
    running = await stage.client.commands()
    assert waiting.command_id not in {each.command_id for each in running}
    assert await stage.client.cancel(running[0].command_id) is False
    assert await stage.client.cancel(10**6) is False
    stage.app.advance(600)
    assert stage.app.searcher.records == []


async def test_the_queue_holds_unknown_downloads_too(stage: Stage) -> None:
    assert await stage.client.queue() == []
    stage.app.downloads.add([stage.item_ids[0]])
    stage.app.downloads.add([], status="warning")
    rows = await stage.client.queue()
    assert {row.item_id for row in rows} == {stage.item_ids[0], None}
    assert {row.status for row in rows} == {"downloading", "warning"}
    assert all(row.download_id for row in rows)


async def test_a_long_queue_ends(stage: Stage, noted: Noted) -> None:
    for _ in range(2100):
        stage.app.downloads.add([stage.item_ids[0]])
    rows = await stage.client.queue()
    assert len({row.download_id for row in rows}) == 2100
    assert len(noted.requests) == 3


FAULTS: list[FaultKind] = [
    *("starting", "cut_before_headers", "cut_in_body", "html", "broken_json", "wrong_type", "empty_body"),
    *("huge_body", "gzip_bomb", "redirect_loop", "status"),
]


@pytest.mark.parametrize("kind", FAULTS)
async def test_faults_are_clear_errors(stage: Stage, kind: FaultKind) -> None:
    stage.app.faults.add(Fault(kind, path="*"))
    for ask in (stage.client.status, stage.client.queue, stage.client.commands, stage.client.tags, stage.ids):
        with pytest.raises(ArrError) as caught:
            await ask()
        assert caught.value.message.endswith(".")
    assert not (await probe(stage.http, stage.client.app_type, stage.connection)).ok


@pytest.mark.parametrize("kind", ["cut_before_headers", "cut_in_body", "status", "broken_json", "html"])
async def test_one_fault_does_not_fail_a_read_that_may_be_repeated(stage: Stage, kind: FaultKind) -> None:
    stage.app.faults.add(Fault(kind, path="wanted/*", times=1))
    if kind in ("broken_json", "html"):
        with pytest.raises(ArrError):
            await stage.ids()
    assert len(await stage.ids()) == 3


@pytest.mark.parametrize(
    ("fault", "reached"),
    [
        (Fault("drop_reply", path="command"), True),
        (Fault("cut_in_body", path="command"), True),
        (Fault("broken_json", path="command"), True),
        (Fault("wrong_type", path="command"), True),
        (Fault("html", path="command", execute=True), True),
        (Fault("cut_before_headers", path="command"), True),
        (Fault("status", path="command", status=502, execute=True), True),
        (Fault("status", path="command", status=429, retry_after=120), False),
        (Fault("status", path="command", status=401), False),
        (Fault("starting", path="command"), False),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else str(value),
)
async def test_a_search_in_trouble_is_sent_once_and_never_wrongly_called_unsent(
    stage: Stage, noted: Noted, fault: Fault, *, reached: bool
) -> None:
    stage.app.faults.add(replace(fault))  # the simulator counts in it
    with pytest.raises(ArrError) as caught:
        await stage.client.search(stage.target())
    assert caught.value.may_have_reached is reached
    assert len(noted.requests) == 1
    stage.app.advance(60)
    assert len(stage.app.searcher.records) <= int(reached)
    if caught.value.http_status == 429:
        assert caught.value.retry_after == timedelta(seconds=120)


async def test_an_app_that_is_down_was_not_asked(http: ArrHttp) -> None:
    app = SimApp("radarr")
    async with serve(app) as url:
        client = make_client(AppType.RADARR, http, Connection(url, app.settings.api_key))
        assert await client.queue() == []
    with pytest.raises(ArrError) as caught:
        await client.search(SearchTarget(Unit.MOVIE, item_id=1))
    assert (caught.value.code, caught.value.may_have_reached) == (ErrorCode.UNREACHABLE, False)


@pytest.mark.parametrize("kind", ["sonarr", "radarr"])
async def test_a_varied_library_is_read_whole(http: ArrHttp, kind: Literal["sonarr", "radarr"]) -> None:
    app = SimApp(kind, library=LibrarySpec(series=10, movies=150))
    client_type = AppType(kind)
    async with serve(app) as url:
        client = make_client(client_type, http, Connection(url, app.settings.api_key))
        for hunt_pass, truth in (
            (HuntPass.MISSING, app.library.missing_ids()),
            (HuntPass.CUTOFF, app.library.cutoff_ids()),
        ):
            page = await client.wanted(hunt_pass, sort=SortKey.LAST_SEARCH, descending=False, page=1, page_size=1000)
            assert {item.item_id for item in page.items} == set(truth)
            assert (page.total, page.skipped) == (len(truth), 0)
            assert all(item.monitored for item in page.items)

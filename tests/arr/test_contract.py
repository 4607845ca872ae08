"""Every method of every client against the simulated apps over real HTTP: both databases, with and without a base."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.arr.errors import ArrError, ErrorCode, WrongBaseUrl
from app.arr.http import ArrHttp
from app.arr.identify import identify
from app.arr.models import AppDatabase, AppType, CommandStatus, Connection, HuntPass, SearchTarget, SortKey, Unit
from app.arr.probe import probe
from app.arr.registry import REGISTRY, addressed_apps, make_client
from tests.arr.simulated import VARIANTS, SimulatedApp
from tests.http.recorder import Recorder
from tests.simulator import Fault, LibrarySpec, SimApp, serve
from tests.simulator.definitions import AppKind
from tests.simulator.faults import FaultKind

pytestmark = pytest.mark.asyncio


async def test_status(sim: SimulatedApp) -> None:
    status = await sim.client.status()
    assert status.app_name == sim.client.app_name
    assert status.version == sim.app.version
    assert status.url_base == sim.app.url_base
    assert status.database is (
        AppDatabase.POSTGRESQL if sim.app.settings.database == "postgreSQL" else AppDatabase.SQLITE
    )


async def test_probe(sim: SimulatedApp) -> None:
    app_type = sim.client.app_type
    found = await probe(sim.http, app_type, sim.connection)
    assert (found.ok, found.app_name, found.error) == (True, sim.client.app_name, None)
    assert found.variant is VARIANTS.get(sim.app.definition.kind)
    other = next(each for each in AppType if each is not app_type)
    assert (await probe(sim.http, other, sim.connection)).error_code is ErrorCode.WRONG_APP
    wrong_key = Connection(sim.connection.url, "f" * 32)
    assert (await probe(sim.http, app_type, wrong_key)).error_code is ErrorCode.UNAUTHORIZED


async def test_identity(sim: SimulatedApp) -> None:
    status = await identify(sim.http, sim.client.app_type, sim.connection)
    assert status == replace(await sim.client.status(), variant=sim.client.variant)
    assert status.variant is VARIANTS.get(sim.app.definition.kind)
    for app_type in addressed_apps():
        if app_type is not sim.client.app_type:
            with pytest.raises(ArrError) as caught:
                await identify(sim.http, app_type, sim.connection)
            same_number = REGISTRY[app_type].prefix == sim.client.prefix
            assert caught.value.code is (ErrorCode.WRONG_APP if same_number else ErrorCode.NOT_FOUND)


async def test_the_base_is_missing_or_wrong(sim: SimulatedApp) -> None:
    base = sim.app.url_base
    asked = sim.url if base else f"{sim.url}/wrong"
    found = await probe(sim.http, sim.client.app_type, Connection(asked, sim.app.settings.api_key))
    assert found.error_code is ErrorCode.WRONG_BASE_URL
    if base:
        assert f"URL base {base}:" in (found.error or "")
        astray = Connection(asked, sim.app.settings.api_key)
        client = make_client(sim.client.app_type, sim.http, astray, sim.client.variant)
        with pytest.raises(WrongBaseUrl) as caught:
            await client.search(sim.target())
        assert (caught.value.base, caught.value.may_have_reached) == (base, False)
    assert sim.app.searcher.records == []


async def test_the_wanted_list_is_sorted_by_last_search(listed: SimulatedApp) -> None:
    if not listed.client.reports_last_search:
        assert SortKey.LAST_SEARCH not in listed.client.sort_keys
        return
    long_ago, lately, never = listed.item_ids
    nulls_first = listed.app.settings.database == "sqLite"
    key = SortKey.LAST_SEARCH
    up, down = await listed.ids(sort=key), await listed.ids(sort=key, descending=True)
    assert up == ([never, long_ago, lately] if nulls_first else [long_ago, lately, never])
    assert down == ([lately, long_ago, never] if nulls_first else [never, lately, long_ago])


async def test_the_wanted_list_is_sorted_by_release(listed: SimulatedApp) -> None:
    assert await listed.ids() == listed.item_ids
    assert await listed.ids(descending=True) == listed.item_ids[::-1]
    assert await listed.ids(page=2, size=2) == listed.item_ids[2:]
    assert await listed.ids(page=9) == []


async def test_what_is_below_its_cutoff_is_another_list(listed: SimulatedApp) -> None:
    low, low_item = listed.app.definition.catalogue.low[0], listed.item_ids[0]
    assert set(await listed.ids(HuntPass.CUTOFF)) == set(listed.app.library.cutoff_ids())
    listed.app.library.add_file(low_item, quality_id=low, score=-5)
    page = await listed.page(HuntPass.CUTOFF)
    assert low_item in {item.item_id for item in page.items}
    assert low_item not in await listed.ids()
    item = next(item for item in page.items if item.item_id == low_item)
    if listed.client.has_seasons:
        assert item.file == (await listed.client.files([low_item]))[low_item]
    else:
        assert item.file is None


async def test_a_wanted_item_has_what_decisions_need(listed: SimulatedApp) -> None:
    page = await listed.page()
    assert page.total == 3
    tags = await listed.client.tags()
    profiles = {profile.profile_id: profile.name for profile in await listed.client.quality_profiles()}
    item = next(item for item in page.items if item.item_id == listed.item_ids[0])
    (released,) = {*item.dates.known}
    titles = {
        "sonarr": "The Quiet Ledger - S01E01 - Harbour 1",
        "radarr": "Harbour 1 (1999)",
        "whisparr3": "House - Harbour 1 (1999)",
        "whisparr2": f"The Quiet Ledger - {released:%Y-%m-%d} - Harbour 1",
    }
    kind = listed.app.definition.kind.removesuffix("5")
    assert item.title == titles.get(kind, "The Quiet Ledger - Harbour 1")
    assert (item.unit, item.owner_id) == (listed.client.item, listed.owner_id)
    assert item.monitored
    assert item.added_at is not None
    assert (item.last_search_at is not None) is listed.client.reports_last_search
    assert abs(released - (listed.now - timedelta(days=80))) < timedelta(days=1)
    assert item.available is (True if listed.client.item is Unit.MOVIE else None)
    assert [tags[tag] for tag in item.tag_ids] == ["keep"]
    assert item.quality_profile_id in profiles
    if listed.client.has_seasons:
        assert item.season == (released.year if listed.app.definition.seasons_are_years else 1)


async def test_unmonitored_items_are_not_wanted(listed: SimulatedApp) -> None:
    listed.app.library.update_item(listed.item_ids[0], monitored=False)
    assert listed.item_ids[0] not in await listed.ids()


async def test_a_search_is_one_search_and_an_equal_one_is_the_same(sim: SimulatedApp) -> None:
    command = await sim.client.search(sim.target())
    assert command.target == sim.target()
    assert not command.status.is_over
    assert (await sim.client.search(sim.target())).command_id == command.command_id
    out = {each.command_id: each for each in await sim.client.commands()}
    assert out[command.command_id].target == sim.target()
    sim.app.advance(60)
    done = {each.command_id: each for each in await sim.client.commands()}[command.command_id]
    assert done.status is CommandStatus.COMPLETED
    assert done.ended_at is not None
    silent = sim.app.definition.completion_message == "Completed"
    assert (done.grabs is None) is silent
    assert [record.item_ids for record in sim.app.searcher.records] == [(sim.item_ids[0],)]


async def test_a_search_of_an_owner_or_a_season(sim: SimulatedApp) -> None:
    season = 1 if sim.app.definition.kind != "whisparr2" else (sim.now - timedelta(days=60)).year
    for unit in sim.client.units - {sim.client.item}:
        number = season if unit is Unit.SEASON else None
        target = SearchTarget(unit, owner_id=sim.owner_id, season=number)
        command = await sim.client.search(target)
        assert command.target == target
        sim.app.advance(60)
        done = {each.command_id: each for each in await sim.client.commands()}[command.command_id]
        assert (done.target, done.status) == (target, CommandStatus.COMPLETED)
    searched = {item_id for record in sim.app.searcher.records for item_id in record.item_ids}
    assert bool(searched & set(sim.item_ids)) is (sim.owner_id is not None)


async def test_only_what_still_waits_is_cancelled(sim: SimulatedApp) -> None:
    for seconds in range(3):  # the app runs three commands at a time
        sim.app.post_command("Test", duration=60_000 + seconds)
    waiting = await sim.client.search(sim.target())
    assert waiting.status is CommandStatus.QUEUED
    assert await sim.client.cancel(waiting.command_id) is True
    running = await sim.client.commands()
    assert waiting.command_id not in {each.command_id for each in running}
    assert await sim.client.cancel(running[0].command_id) is False
    assert await sim.client.cancel(10**6) is False
    sim.app.advance(600)
    assert sim.app.searcher.records == []


async def test_the_queue_holds_unknown_downloads_too(sim: SimulatedApp) -> None:
    assert await sim.client.queue() == []
    sim.app.downloads.add([sim.item_ids[0]])
    sim.app.downloads.add([], status="warning")
    rows = await sim.client.queue()
    assert {row.item_id for row in rows} == {sim.item_ids[0], None}
    assert {row.status for row in rows} == {"downloading", "warning"}
    assert all(row.download_id for row in rows)


@pytest.mark.process
async def test_a_long_queue_ends(sim: SimulatedApp, recorder: Recorder) -> None:
    for _ in range(2100):
        sim.app.downloads.add([sim.item_ids[0]])
    rows = await sim.client.queue()
    assert len({row.download_id for row in rows}) == 2100
    assert len(recorder.requests) == 3


FAULTS: list[FaultKind] = [
    *("starting", "cut_before_headers", "cut_in_body", "html", "broken_json", "wrong_type", "empty_body"),
    *("huge_body", "gzip_bomb", "redirect_loop", "status"),
]


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.process
async def test_faults_are_clear_errors(sim: SimulatedApp, kind: FaultKind) -> None:
    sim.app.faults.add(Fault(kind, path="*"))
    for ask in (
        sim.client.status,
        sim.client.queue,
        sim.client.commands,
        sim.client.tags,
        sim.client.indexers,
    ):
        with pytest.raises(ArrError) as caught:
            await ask()
        assert caught.value.message.endswith(".")
    assert not (await probe(sim.http, sim.client.app_type, sim.connection)).ok


@pytest.mark.parametrize("kind", ["cut_before_headers", "cut_in_body", "status", "broken_json", "html"])
async def test_one_fault_does_not_fail_a_read_that_may_be_repeated(listed: SimulatedApp, kind: FaultKind) -> None:
    listed.app.faults.add(Fault(kind, path="wanted/*", times=1))
    if kind in ("broken_json", "html"):
        with pytest.raises(ArrError):
            await listed.ids()
    assert len(await listed.ids()) == 3


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
    sim: SimulatedApp, recorder: Recorder, fault: Fault, *, reached: bool
) -> None:
    sim.app.faults.add(replace(fault))  # the simulator counts in it
    with pytest.raises(ArrError) as caught:
        await sim.client.search(sim.target())
    assert caught.value.may_have_reached is reached
    assert len(recorder.requests) == 1
    sim.app.advance(60)
    assert len(sim.app.searcher.records) <= int(reached)
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


@pytest.mark.parametrize("kind", ["sonarr", "radarr", "lidarr", "readarr", "whisparr2", "whisparr3"])
async def test_a_varied_library_is_read_whole(http: ArrHttp, kind: AppKind) -> None:
    app = SimApp(kind, library=LibrarySpec(series=10, movies=150))
    async with serve(app) as url:
        connection = Connection(url, app.settings.api_key)
        client = make_client(AppType(app.definition.app_type), http, connection, VARIANTS.get(kind))
        for hunt_pass, expected in (
            (HuntPass.MISSING, app.library.missing_ids()),
            (HuntPass.CUTOFF, app.library.cutoff_ids()),
        ):
            page = await client.wanted(hunt_pass, sort=SortKey.RELEASED, descending=False, page=1, page_size=1000)
            assert expected
            assert {item.item_id for item in page.items} == set(expected)
            assert (page.total, page.skipped) == (len(expected), 0)
            assert all(item.monitored for item in page.items)

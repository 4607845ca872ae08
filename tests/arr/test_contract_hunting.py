"""What hunts ask of one item, owner or command instead of a whole list, of the simulated apps over real HTTP."""

from datetime import datetime, timedelta

import pytest

from app.arr.errors import ArrError, ErrorCode
from app.arr.models import CommandStatus, HistoryKind, HuntPass, SortKey
from tests.arr.simulated import CASES, SimulatedApp, add_item
from tests.arr.test_contract_library import only
from tests.http.recorder import Recorder

pytestmark = pytest.mark.asyncio


async def test_a_command_is_asked_for_by_its_id(sim: SimulatedApp) -> None:
    command = await sim.client.search(sim.target())
    running = await sim.client.command(command.command_id)
    assert running is not None
    assert (running.target, running.status) == (sim.target(), CommandStatus.STARTED)
    sim.app.advance(60)
    done = await sim.client.command(command.command_id)
    assert done is not None
    assert done.status is CommandStatus.COMPLETED
    assert await sim.client.command(10**6) is None


async def test_after_a_restart_only_the_id_still_finds_a_command(sim: SimulatedApp) -> None:
    """Trial 96."""
    command = await sim.client.search(sim.target())
    sim.app.restart()
    assert command.command_id not in {each.command_id for each in await sim.client.commands()}
    lost = await sim.client.command(command.command_id)
    assert lost is not None
    assert (lost.status, lost.status.is_over, lost.target) == (CommandStatus.ORPHANED, True, sim.target())


async def test_who_carries_a_tag_is_one_small_read(sim: SimulatedApp, recorder: Recorder) -> None:
    """Trial 92."""
    other = await sim.client.add_tag("other")
    tags = {label: tag_id for tag_id, label in (await sim.client.tags()).items()}
    recorder.requests.clear()
    tagged = await sim.client.tagged()
    assert [path.rpartition("/api/")[2][3:] for _, path, *_ in recorder.requests] == ["tag/detail"]
    carriers = {sim.owner_id} if sim.owner_id is not None else {*sim.item_ids, sim.held_id} - {sim.held_id}
    assert carriers <= tagged[tags["keep"]]
    assert tagged[other] == frozenset()


@only(lambda client: client.has_wanted)
@pytest.mark.parametrize("hunt_pass", [HuntPass.MISSING, HuntPass.CUTOFF])
async def test_what_is_wanted_of_an_owner_is_what_the_list_has_of_it(sim: SimulatedApp, hunt_pass: HuntPass) -> None:
    if sim.owner_id is not None:
        sim.app.library.update_item(sim.item_ids[1], monitored=False)
    add_item(sim.app, sim.owner_id, 11, sim.now + timedelta(days=9), None)
    low = add_item(sim.app, sim.owner_id, 12, sim.now - timedelta(days=70), None)
    sim.app.library.add_file(low, quality_id=sim.app.definition.catalogue.low[0], score=5)
    listed = {item.item_id: item for item in (await sim.page(hunt_pass, size=100)).items}
    asked = [sim.owner_id] if sim.owner_id is not None else [*sim.item_ids, sim.held_id, low, *listed]
    found = {item.item_id: item for each in asked for item in await sim.client.wanted_of(hunt_pass, each, now=sim.now)}
    assert set(found) == set(listed)
    assert found
    for item_id, item in found.items():
        whole = listed[item_id]
        assert (item.title, item.tag_ids, item.dates) == (whole.title, whole.tag_ids, whole.dates)
        assert (item.owner_id, item.season, item.quality_profile_id) == (
            *(whole.owner_id, whole.season, whole.quality_profile_id),
        )
    assert await sim.client.wanted_of(hunt_pass, 10**6, now=sim.now) == ()


async def test_nothing_is_wanted_of_an_unmonitored_owner(sim: SimulatedApp) -> None:
    if sim.owner_id is None:
        sim.app.library.update_item(sim.item_ids[0], monitored=False)
    else:
        sim.app.library.update_parent(sim.owner_id, monitored=False)
    asked = sim.item_ids[0] if sim.owner_id is None else sim.owner_id
    for hunt_pass in (HuntPass.MISSING, HuntPass.CUTOFF):
        assert await sim.client.wanted_of(hunt_pass, asked, now=sim.now) == ()


async def test_a_bare_page_and_its_owners_tell_what_a_whole_page_does(listed: SimulatedApp) -> None:
    """Trial 93."""
    whole = (await listed.page()).items
    page = await listed.client.wanted(
        HuntPass.MISSING, sort=SortKey.RELEASED, descending=False, page=1, page_size=100, bare=True
    )
    completed = [
        item
        if item.owner_read or item.owner_id is None
        else item.with_owner(await listed.client.owner_facts(item.owner_id))
        for item in page.items
    ]
    assert tuple(completed) == whole
    needs_owner = listed.client.owner is not None and listed.client.app_type != "lidarr"  # Lidarr always sends it
    assert {item.owner_read for item in page.items} == {not needs_owner}


@pytest.mark.parametrize("sim", [("sonarr", "sqLite", ""), ("sonarr5", "sqLite", "")], indirect=True, ids="-".join)
async def test_the_owner_tells_of_anime_and_its_monitored_seasons(sim: SimulatedApp) -> None:
    assert sim.owner_id is not None
    anime = sim.app.library.add_series(title="Paper Lanterns", series_type="anime")
    for season in (1, 2):
        sim.app.library.add_episode(anime, season, 1, air_date=sim.now - timedelta(days=40))
    sim.app.library.set_season(anime, 2, monitored=False)
    facts = await sim.client.owner_facts(anime)
    assert (facts.title, facts.is_anime, facts.seasons) == ("Paper Lanterns", True, frozenset({1}))
    assert not (await sim.client.owner_facts(sim.owner_id)).is_anime
    assert {item.owner_id for item in (await sim.page()).items if item.is_anime} == {anime}


@only(lambda client: client.owner is None)
async def test_movies_have_no_owner(sim: SimulatedApp) -> None:
    with pytest.raises(ArrError) as caught:
        await sim.client.owner_facts(1)
    assert caught.value.code is ErrorCode.REFUSED


async def test_the_history_is_read_in_pages_newest_first(sim: SimulatedApp, recorder: Recorder) -> None:
    """Trials 38 and 91."""
    for minutes in range(230):
        sim.app.history.add(sim.item_ids[0], "grabbed", date=sim.now - timedelta(minutes=minutes), download_id="D")
    pages = [await sim.client.history_page(number) for number in (1, 2, 3)]
    assert [len(page.events) for page in pages] == [100, 100, 30]
    assert [page.is_last for page in pages] == [False, False, True]
    times = [event.at for page in pages for event in page.events]
    assert times == sorted(times, reverse=True)
    assert [page.oldest_at for page in pages] == [times[99], times[199], times[229]]
    assert {(event.kind, event.item_id) for event in pages[0].events} == {(HistoryKind.GRABBED, sim.item_ids[0])}
    assert {event.season is not None for event in pages[0].events} == {sim.client.has_seasons}
    assert (await sim.client.history_page(4)).events == ()
    assert max(size for *_, size in recorder.requests) < 1024 * 1024


async def test_the_last_searches_of_some_items(sim: SimulatedApp) -> None:
    """Trial 88: whether a search took place."""
    if not sim.client.reports_last_search:
        return
    before = await sim.client.last_searches(sim.item_ids)
    assert set(before) == set(sim.item_ids)
    assert before[sim.item_ids[2]] is None
    for number in list(sim.app.indexers.all):
        sim.app.indexers.all[number].enable_automatic_search = False
    await _search(sim)
    assert await sim.client.last_searches(sim.item_ids) == before
    assert await sim.client.has_no_indexers()
    for number in list(sim.app.indexers.all):
        sim.app.indexers.all[number].enable_automatic_search = True
    started = await _search(sim)
    searched = (await sim.client.last_searches([sim.item_ids[0]]))[sim.item_ids[0]]
    assert searched is not None
    assert searched >= started.replace(microsecond=0)
    assert not await sim.client.has_no_indexers()
    assert await sim.client.last_searches([]) == {}


async def _search(sim: SimulatedApp) -> datetime:
    """Search the first item and let it end."""
    started = sim.app.clock()
    await sim.client.search(sim.target())
    sim.app.advance(60)
    return started


@pytest.mark.parametrize(
    ("source", "kind", "none_left"),
    [
        ("IndexerStatusCheck", "error", True),
        ("IndexerStatusCheck", "warning", False),
        ("IndexerLongTermStatusCheck", "error", True),
        ("IndexerSearchCheck", "warning", True),
        ("DownloadClientCheck", "error", False),
    ],
)
@pytest.mark.parametrize("sim", [CASES[0], CASES[5]], indirect=True, ids="-".join)
async def test_health_tells_when_no_indexer_is_left(
    sim: SimulatedApp, source: str, kind: str, *, none_left: bool
) -> None:
    assert not await sim.client.has_no_indexers()
    sim.app.health.append({"source": source, "type": kind, "message": "Alle Indexer sind wegen Fehlern weg."})
    assert await sim.client.has_no_indexers() is none_left

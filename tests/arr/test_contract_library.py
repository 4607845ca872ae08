"""Reading libraries, files and histories of the simulated apps over real HTTP."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import HistoryEvent, HistoryKind, LibraryMovie, QualityProfile, Upgradable
from tests.arr.simulated import CASES, PROFILE, SimulatedApp, add_item, client_class
from tests.http.recorder import Recorder

pytestmark = pytest.mark.asyncio


def only(fits: Callable[[type[ArrClient]], bool]) -> pytest.MarkDecorator:
    """Parametrize `sim` with the apps whose client fits."""
    cases = [case for case in CASES if fits(client_class(case[0]))]
    return pytest.mark.parametrize("sim", cases, indirect=True, ids="-".join)


@only(lambda client: client.has_seasons)
async def test_a_season(sim: SimulatedApp) -> None:
    assert sim.owner_id is not None
    year = (sim.now - timedelta(days=80)).year
    number = year if sim.app.definition.seasons_are_years else 1
    same = [n for n in (60, 60, 70, 80) if (sim.now - timedelta(days=n)).year == year or number == 1]
    facts = await sim.client.season(sim.owner_id, number, now=sim.now)
    assert (facts.aired, facts.with_file, facts.ended) == (len(same), 1 if 60 in same else 0, True)
    assert (facts.last_search_at is not None) is sim.client.reports_last_search
    add_item(sim.app, sim.owner_id, 50, sim.now + timedelta(days=1), None)
    if number == 1 or (sim.now + timedelta(days=1)).year == year:
        after = await sim.client.season(sim.owner_id, number, now=sim.now)
        assert after == replace(facts, ended=False)
    assert (await sim.client.season(sim.owner_id, 77, now=sim.now)).aired == 0


@only(lambda client: client.has_seasons)
async def test_all_seasons_of_a_series_at_once(sim: SimulatedApp) -> None:
    assert sim.owner_id is not None
    found = await sim.client.seasons(sim.owner_id, now=sim.now)
    assert found
    for number, facts in found.items():
        assert facts == await sim.client.season(sim.owner_id, number, now=sim.now)


@only(lambda client: client.owner is not None)
async def test_how_much_an_owner_covers(sim: SimulatedApp) -> None:
    assert sim.owner_id is not None
    covered = (await sim.client.owner_facts(sim.owner_id)).extent
    assert covered >= 1 if sim.client.has_seasons else covered == 4
    with pytest.raises(ArrError) as caught:
        await sim.client.owner_facts(10**6)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_files(sim: SimulatedApp, recorder: Recorder) -> None:
    found = await sim.client.files([*sim.item_ids, sim.held_id])
    assert set(found) == {sim.held_id}
    file = found[sim.held_id]
    held = sim.app.library.files_of(sim.held_id)
    assert file.file_id in {row["id"] for row in held}
    assert file.quality == sim.app.definition.catalogue.qualities[held[0]["quality_id"]].name
    assert file.score == (10 if sim.client.has_scores else None)
    assert file.cutoff_met is (sim.held_id not in sim.app.library.cutoff_ids())
    assert len(recorder.requests) == (2 if sim.app.definition.kind == "whisparr2" else 1)


async def test_fingerprints_change_with_profiles_and_formats(sim: SimulatedApp) -> None:
    library = sim.app.library
    before = {profile.profile_id: profile for profile in await sim.client.quality_profiles()}
    asked = library.profiles[PROFILE]
    assert before[PROFILE].name == asked.name
    assert before[PROFILE].upgrade_allowed
    assert before[PROFILE].cutoff_score == (100 if sim.client.has_scores else 0)
    library.set_profile(replace(asked, name="Another name"))
    assert {profile.profile_id: profile.fingerprint for profile in await sim.client.quality_profiles()} == {
        number: upgrade.fingerprint for number, upgrade in before.items()
    }
    library.set_profile(replace(asked, cutoff_format_score=90))
    after = {profile.profile_id: profile for profile in await sim.client.quality_profiles()}
    assert {number for number in after if after[number].fingerprint != before[number].fingerprint} == {PROFILE}

    assert {link.indexer_id for link in await sim.client.indexers()} == set(sim.app.indexers.all)
    sim.app.indexers.all[1].enable_automatic_search = False
    added = sim.app.indexers.add()
    ids = {link.indexer_id for link in await sim.client.indexers()}
    assert ids == set(sim.app.indexers.all) - {1}
    assert added.id in ids

    if sim.client.has_scores:
        mark = await sim.client.formats_fingerprint()
        library.set_format(1, name="Renamed")
        assert await sim.client.formats_fingerprint() == mark
        library.set_format(1, specifications=[])
        assert await sim.client.formats_fingerprint() != mark


async def test_a_tag_is_made_and_added_to_what_is_there(sim: SimulatedApp) -> None:
    tag = await sim.client.add_tag("Searched")
    assert await sim.client.add_tag("searched") == tag
    assert (await sim.client.tags())[tag] == "searched"
    ids = [sim.owner_id] if sim.owner_id is not None else sim.item_ids[:2]
    await sim.client.tag_owners(ids, tag)
    await sim.client.tag_owners(ids, tag)
    if sim.client.has_wanted:
        items = {item.item_id: item for item in (await sim.page()).items}
    else:
        items = {movie.item.item_id: movie.item for movie in await sim.client.library()}
    labels = await sim.client.tags()
    assert sorted(labels[each] for each in items[sim.item_ids[0]].tag_ids) == ["keep", "searched"]
    if sim.owner_id is None:
        assert tag not in items[sim.item_ids[2]].tag_ids


async def since(sim: SimulatedApp, moment: datetime) -> list[HistoryEvent]:
    """Events from `moment` (in whole seconds) on, oldest first."""
    page = await sim.client.history_page(1)
    assert page.is_last
    return [event for event in reversed(page.events) if event.at >= moment.replace(microsecond=0)]


async def test_a_search_from_grab_to_import(sim: SimulatedApp) -> None:
    item_id = sim.item_ids[0]
    assert await since(sim, sim.now - timedelta(hours=1)) == []
    sim.app.searcher.force(item_id, "import")
    await sim.client.search(sim.target())
    sim.app.advance(60)
    (grab,) = await since(sim, sim.now)
    assert (grab.kind, grab.item_id, grab.by_search) == (HistoryKind.GRABBED, item_id, True)
    assert grab.owner_id == sim.owner_id
    assert (grab.season is not None) is sim.client.has_seasons
    assert grab.download_id in {row.download_id for row in await sim.client.queue()}
    assert grab.indexer
    assert grab.release_title
    assert (grab.score is not None) is sim.client.has_scores
    sim.app.advance(3600)
    events = await since(sim, sim.now)
    assert [event.at for event in events] == sorted(event.at for event in events)
    imports = [event for event in events if event.kind is HistoryKind.IMPORTED]
    assert {(event.item_id, event.download_id) for event in imports} == {(item_id, grab.download_id)}
    assert {event.by_search for event in imports} == {None}
    file = (await sim.client.files([item_id]))[item_id]
    assert (file.quality, file.score) == (grab.quality, grab.score)
    later = await since(sim, events[-1].at + timedelta(seconds=1))
    assert later == []


async def test_a_grab_of_the_feed_is_not_ours(sim: SimulatedApp) -> None:
    sim.app.rss_grab(sim.item_ids[0], outcome="download_failed")
    sim.app.advance(3600)
    grab, *others = await since(sim, sim.now - timedelta(seconds=1))
    assert (grab.kind, grab.by_search) == (HistoryKind.GRABBED, False)
    assert HistoryKind.FAILED in {event.kind for event in others}


async def test_a_failed_import_is_reported_by_the_history_or_the_queue(sim: SimulatedApp) -> None:
    sim.app.searcher.force(sim.item_ids[0], "import_failed")
    await sim.client.search(sim.target())
    sim.app.advance(3600)
    kinds = {event.kind for event in await since(sim, sim.now)}
    told = {HistoryKind.INCOMPLETE} & kinds
    assert kinds == {HistoryKind.GRABBED} | told
    assert bool(told) is (HistoryKind.INCOMPLETE in sim.client.history_kinds.values())
    assert [row.is_refused for row in await sim.client.queue()] == [True]


async def walk(sim: SimulatedApp, *, budget: int, known: Collection[int] = ()) -> list[Upgradable]:
    """Read the whole library; it ends with an empty step after the last item."""
    profiles: dict[int, QualityProfile] = {
        profile.profile_id: profile for profile in await sim.client.quality_profiles()
    }

    async def is_known(_ids: Sequence[int]) -> Collection[int]:
        return known

    found: list[Upgradable] = []
    next_id = 1
    for _ in range(30):
        step = await sim.client.upgradable(next_id, profiles=profiles, budget=budget, known_items=is_known)
        assert 1 <= step.requests <= budget
        assert step.next_id > next_id
        if step.is_empty and next_id > 5:
            return found
        found += step.items
        next_id = step.next_id
    raise AssertionError("the walk has no end")


@only(lambda client: client.has_scores)
@pytest.mark.parametrize("budget", [3, 20])
async def test_files_with_too_low_scores_are_found(sim: SimulatedApp, budget: int, recorder: Recorder) -> None:
    library = sim.app.library
    good = library.profiles[PROFILE].allowed_qualities()[-1]
    ago = sim.now - timedelta(days=60)
    low, right, unmet, unmonitored = (add_item(sim.app, sim.owner_id, n, ago, None) for n in range(20, 24))
    for item_id, score in ((low, -20), (right, 100), (unmet, 0), (unmonitored, 0), (sim.held_id, 10)):
        library.add_file(item_id, quality_id=good, score=score)
    library.set_quality(unmet, sim.app.definition.catalogue.low[0])
    library.update_item(unmonitored, monitored=False)
    found = await walk(sim, budget=budget)
    assert {upgrade.item.item_id: (upgrade.score, upgrade.cutoff_score) for upgrade in found} == {
        low: (-20, 100),
        sim.held_id: (10, 100),
    }
    files = await sim.client.files([low, sim.held_id])
    assert {upgrade.item.item_id: upgrade.item.file for upgrade in found} == files
    assert all(upgrade.item.monitored and upgrade.item.quality_profile_id == PROFILE for upgrade in found)
    assert all(request[3] < 200_000 for request in recorder.requests)
    if sim.owner_id is None:
        assert [upgrade.item.item_id for upgrade in await walk(sim, budget=budget, known={low})] == [sim.held_id]


@only(lambda client: not client.has_wanted)
async def test_the_library_of_an_app_without_lists(sim: SimulatedApp) -> None:
    low, unmonitored = sim.item_ids[:2]
    sim.app.library.add_file(low, quality_id=sim.app.definition.catalogue.low[0])
    sim.app.library.update_item(unmonitored, monitored=False)
    movies: dict[int, LibraryMovie] = {movie.item.item_id: movie for movie in await sim.client.library()}
    assert {number: (movie.has_file, movie.cutoff_met) for number, movie in movies.items()} == {
        low: (True, False),
        sim.item_ids[2]: (False, None),
        sim.held_id: (True, sim.held_id not in sim.app.library.cutoff_ids()),
    }
    assert all(movie.item.available for movie in movies.values())
    assert movies[low].item.title == "House - Harbour 1 (1999)"

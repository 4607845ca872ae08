"""What is read of the library, its files and its history, against the simulated apps over real HTTP."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.arr.base import ArrClient
from app.arr.errors import ArrError, ErrorCode
from app.arr.models import HistoryKind, LibraryMovie, QualityProfile, Upgradable
from tests.arr.conftest import Noted
from tests.arr.stage import PROFILE, SHAPES, Stage, add_item, client_class

pytestmark = pytest.mark.asyncio


def those(fits: Callable[[type[ArrClient]], bool]) -> pytest.MarkDecorator:
    """Only the stages of these clients."""
    shapes = [shape for shape in SHAPES if fits(client_class(shape[0]))]
    return pytest.mark.parametrize("stage", shapes, indirect=True, ids="-".join)


@those(lambda client: client.has_seasons)
async def test_a_season(stage: Stage) -> None:
    assert stage.owner_id is not None
    year = (stage.now - timedelta(days=80)).year
    number = year if stage.app.definition.seasons_are_years else 1
    same = [n for n in (60, 60, 70, 80) if (stage.now - timedelta(days=n)).year == year or number == 1]
    facts = await stage.client.season(stage.owner_id, number, now=stage.now)
    assert (facts.aired, facts.with_file, facts.ended) == (len(same), 1 if 60 in same else 0, True)
    assert (facts.last_search_at is not None) is stage.client.reports_last_search
    add_item(stage.app, stage.owner_id, 50, stage.now + timedelta(days=1), None)
    if number == 1 or (stage.now + timedelta(days=1)).year == year:
        after = await stage.client.season(stage.owner_id, number, now=stage.now)
        assert after == replace(facts, ended=False)
    assert (await stage.client.season(stage.owner_id, 77, now=stage.now)).aired == 0


@those(lambda client: client.owner is not None)
async def test_how_much_an_owner_covers(stage: Stage) -> None:
    assert stage.owner_id is not None
    covered = await stage.client.extent(stage.owner_id)
    assert covered >= 1 if stage.client.has_seasons else covered == 4
    with pytest.raises(ArrError) as caught:
        await stage.client.extent(10**6)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_files(stage: Stage, noted: Noted) -> None:
    found = await stage.client.files([*stage.item_ids, stage.held_id])
    assert set(found) == {stage.held_id}
    file = found[stage.held_id]
    held = stage.app.library.files_of(stage.held_id)
    assert file.file_id in {row["id"] for row in held}
    assert file.quality == stage.app.definition.catalogue.qualities[held[0]["quality_id"]].name
    assert file.score == (10 if stage.client.has_scores else None)
    assert file.cutoff_met is (stage.held_id not in stage.app.library.cutoff_ids())
    assert len(noted.requests) == (2 if stage.app.definition.kind == "whisparr2" else 1)


async def test_profiles_formats_and_indexers_change_their_marks(stage: Stage) -> None:
    library = stage.app.library
    before = {one.profile_id: one for one in await stage.client.quality_profiles()}
    asked = library.profiles[PROFILE]
    assert before[PROFILE].name == asked.name
    assert before[PROFILE].upgrade_allowed
    assert before[PROFILE].cutoff_score == (100 if stage.client.has_scores else 0)
    library.set_profile(replace(asked, name="Another name"))
    assert {one.profile_id: one.fingerprint for one in await stage.client.quality_profiles()} == {
        number: one.fingerprint for number, one in before.items()
    }
    library.set_profile(replace(asked, cutoff_format_score=90))
    after = {one.profile_id: one for one in await stage.client.quality_profiles()}
    assert {number for number in after if after[number].fingerprint != before[number].fingerprint} == {PROFILE}

    assert await stage.client.indexers() == set(stage.app.indexers.all)
    stage.app.indexers.all[1].enable_automatic_search = False
    added = stage.app.indexers.add()
    assert await stage.client.indexers() == set(stage.app.indexers.all) - {1}
    assert added.id in await stage.client.indexers()

    if stage.client.has_scores:
        mark = await stage.client.formats_fingerprint()
        library.set_format(1, name="Renamed")
        assert await stage.client.formats_fingerprint() == mark
        library.set_format(1, specifications=[])
        assert await stage.client.formats_fingerprint() != mark


async def test_a_tag_is_made_and_added_to_what_is_there(stage: Stage) -> None:
    tag = await stage.client.add_tag("Searched")
    assert await stage.client.add_tag("searched") == tag
    assert (await stage.client.tags())[tag] == "searched"
    ids = [stage.owner_id] if stage.owner_id is not None else stage.item_ids[:2]
    await stage.client.tag_owners(ids, tag)
    await stage.client.tag_owners(ids, tag)
    if stage.client.has_wanted:
        items = {item.item_id: item for item in (await stage.page()).items}
    else:
        items = {one.item.item_id: one.item for one in await stage.client.library()}
    labels = await stage.client.tags()
    assert sorted(labels[each] for each in items[stage.item_ids[0]].tag_ids) == ["keep", "searched"]
    if stage.owner_id is None:
        assert tag not in items[stage.item_ids[2]].tag_ids


async def test_a_search_from_grab_to_import(stage: Stage) -> None:
    item_id = stage.item_ids[0]
    assert await stage.client.history_since(stage.now - timedelta(hours=1)) == []
    stage.app.searcher.force(item_id, "import")
    await stage.client.search(stage.target())
    stage.app.advance(60)
    (grab,) = await stage.client.history_since(stage.now)
    assert (grab.kind, grab.item_id, grab.by_search) == (HistoryKind.GRABBED, item_id, True)
    assert grab.owner_id == stage.owner_id
    assert (grab.season is not None) is stage.client.has_seasons
    assert grab.download_id in {row.download_id for row in await stage.client.queue()}
    assert grab.indexer
    assert grab.release_title
    assert (grab.score is not None) is stage.client.has_scores
    stage.app.advance(3600)
    events = await stage.client.history_since(stage.now)
    assert [event.at for event in events] == sorted(event.at for event in events)
    imports = [event for event in events if event.kind is HistoryKind.IMPORTED]
    assert {(event.item_id, event.download_id) for event in imports} == {(item_id, grab.download_id)}
    assert {event.by_search for event in imports} == {None}
    file = (await stage.client.files([item_id]))[item_id]
    assert (file.quality, file.score) == (grab.quality, grab.score)
    later = await stage.client.history_since(events[-1].at + timedelta(seconds=1))
    assert later == []


async def test_a_grab_of_the_feed_is_not_ours(stage: Stage) -> None:
    stage.app.rss_grab(stage.item_ids[0], outcome="download_failed")
    stage.app.advance(3600)
    grab, *others = await stage.client.history_since(stage.now - timedelta(seconds=1))
    assert (grab.kind, grab.by_search) == (HistoryKind.GRABBED, False)
    assert HistoryKind.FAILED in {event.kind for event in others}


async def test_an_import_that_fails_is_told_by_the_history_or_by_the_queue(stage: Stage) -> None:
    stage.app.searcher.force(stage.item_ids[0], "import_failed")
    await stage.client.search(stage.target())
    stage.app.advance(3600)
    kinds = {event.kind for event in await stage.client.history_since(stage.now)}
    told = {HistoryKind.INCOMPLETE} & kinds
    assert kinds == {HistoryKind.GRABBED} | told
    assert bool(told) is (HistoryKind.INCOMPLETE in stage.client.history_kinds.values())
    assert [row.is_refused for row in await stage.client.queue()] == [True]


async def walk(stage: Stage, *, budget: int, known: Collection[int] = ()) -> list[Upgradable]:
    """The whole library; a stretch without anything behind the last item is the end."""
    profiles: dict[int, QualityProfile] = {one.profile_id: one for one in await stage.client.quality_profiles()}

    async def is_known(_ids: Sequence[int]) -> Collection[int]:
        return known

    found: list[Upgradable] = []
    next_id = 1
    for _ in range(30):
        step = await stage.client.upgradable(next_id, profiles=profiles, budget=budget, known_items=is_known)
        assert 1 <= step.requests <= budget
        assert step.next_id > next_id
        if step.is_empty and next_id > 5:
            return found
        found += step.items
        next_id = step.next_id
    raise AssertionError("the walk has no end")


@those(lambda client: client.has_scores)
@pytest.mark.parametrize("budget", [3, 20])
async def test_the_walk_for_too_low_scores(stage: Stage, budget: int, noted: Noted) -> None:
    library = stage.app.library
    good = library.profiles[PROFILE].allowed_qualities()[-1]
    ago = stage.now - timedelta(days=60)
    low, right, unmet, unmonitored = (add_item(stage.app, stage.owner_id, n, ago, None) for n in range(20, 24))
    for item_id, score in ((low, -20), (right, 100), (unmet, 0), (unmonitored, 0), (stage.held_id, 10)):
        library.add_file(item_id, quality_id=good, score=score)
    library.set_quality(unmet, stage.app.definition.catalogue.low[0])
    library.update_item(unmonitored, monitored=False)
    found = await walk(stage, budget=budget)
    assert {one.item.item_id: (one.score, one.cutoff_score) for one in found} == {
        low: (-20, 100),
        stage.held_id: (10, 100),
    }
    files = await stage.client.files([low, stage.held_id])
    assert {one.item.item_id: one.item.file for one in found} == files
    assert all(one.item.monitored and one.item.quality_profile_id == PROFILE for one in found)
    assert all(request[3] < 200_000 for request in noted.requests)
    if stage.owner_id is None:
        assert [one.item.item_id for one in await walk(stage, budget=budget, known={low})] == [stage.held_id]


@those(lambda client: not client.has_wanted)
async def test_the_library_of_an_app_without_lists(stage: Stage) -> None:
    low, unmonitored = stage.item_ids[:2]
    stage.app.library.add_file(low, quality_id=stage.app.definition.catalogue.low[0])
    stage.app.library.update_item(unmonitored, monitored=False)
    movies: dict[int, LibraryMovie] = {one.item.item_id: one for one in await stage.client.library()}
    assert {number: (one.has_file, one.cutoff_met) for number, one in movies.items()} == {
        low: (True, False),
        stage.item_ids[2]: (False, None),
        stage.held_id: (True, stage.held_id not in stage.app.library.cutoff_ids()),
    }
    assert all(one.item.available for one in movies.values())
    assert movies[low].item.title == "House - Harbour 1 (1999)"

"""Which grab belongs to which search, and what came of it: decided from the app's own record alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arr.models import Command, CommandStatus, HistoryEvent, HistoryKind
from app.hunting.store.models import Outcome
from app.hunting.store.outcomes import (
    LOST_AFTER,
    KeyedEvent,
    Result,
    Tracked,
    from_history,
    given_up,
    of_command,
    refused,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ITEM, SEASON, SERIES = "episode:1", "season:9:3", "series:9"


def search(search_id: int = 1, name: str = ITEM, **changes: Any) -> Tracked:
    plain = Tracked(
        search_id,
        name,
        began_at=NOW,
        ended_at=NOW + 10 * SECOND,
        is_over=True,
        result=Result(Outcome.PENDING),
    )
    return replace(plain, **changes)


def event(
    kind: HistoryKind,
    at: datetime,
    download_id: str | None = "A",
    *,
    keys: tuple[str, ...] = (ITEM, SEASON, SERIES),
    **more: Any,
) -> KeyedEvent:
    return KeyedEvent(HistoryEvent(kind, at, item_id=1, download_id=download_id, **more), keys)


def grab(at: datetime, download_id: str | None = "A", **more: Any) -> KeyedEvent:
    return event(HistoryKind.GRABBED, at, download_id, **more)


def outcome_of(tracked: Tracked, *events: KeyedEvent) -> Outcome:
    found = from_history([tracked], events)
    return found.results.get(tracked.search_id, tracked.result).outcome


@pytest.mark.parametrize(
    ("status", "message", "is_tracked", "outcome"),
    [
        (CommandStatus.COMPLETED, "Completed. 2 reports downloaded.", True, Outcome.GRABBED),
        (CommandStatus.COMPLETED, "Completed. 0 reports downloaded.", True, Outcome.NOTHING_FOUND),
        (CommandStatus.COMPLETED, "Completed", True, Outcome.PENDING),
        (CommandStatus.COMPLETED, "Completed", False, Outcome.UNKNOWN),
        (CommandStatus.COMPLETED, None, True, Outcome.PENDING),
        (CommandStatus.FAILED, "Failed", True, Outcome.SEARCH_FAILED),
        (CommandStatus.ORPHANED, None, True, Outcome.SEARCH_FAILED),
        (CommandStatus.ABORTED, None, False, Outcome.SEARCH_FAILED),
    ],
)
def test_the_result_by_a_command_that_is_over(
    status: CommandStatus, message: str | None, is_tracked: bool, outcome: Outcome
) -> None:
    assert of_command(Command(1, "x", status, None, message=message), is_tracked=is_tracked).outcome is outcome


@pytest.mark.parametrize(
    ("seconds", "is_ours"), [(-1, False), (0, True), (10, True), (70, True), (71, False), (3600, False)]
)
def test_a_grab_is_ours_from_the_begin_of_the_command_to_a_minute_after_its_end(seconds: int, is_ours: bool) -> None:
    expected = Outcome.GRABBED if is_ours else Outcome.NOTHING_FOUND
    assert outcome_of(search(), grab(NOW + seconds * SECOND)) is expected


def test_a_grab_by_rss_or_of_another_item_counts_as_somebody_elses() -> None:
    by_rss = grab(NOW + SECOND, by_search=False)
    other = grab(NOW + SECOND, "B", keys=("episode:2", "season:9:4", "series:9"))
    found = from_history([search()], [by_rss, other])
    assert found.results[1].outcome is Outcome.NOTHING_FOUND
    assert found.foreign == {"episode:1", "episode:2"}


def test_a_command_that_still_runs_may_grab_at_any_time_and_is_not_given_up() -> None:
    running = search(ended_at=None, is_over=False)
    assert outcome_of(running, grab(NOW + 30 * MINUTE)) is Outcome.GRABBED
    assert outcome_of(running) is Outcome.PENDING


def test_nothing_found_is_the_outcome_only_when_every_grab_would_be_known() -> None:
    assert outcome_of(search(is_over=False)) is Outcome.PENDING
    assert outcome_of(search(is_over=True)) is Outcome.NOTHING_FOUND
    assert outcome_of(search(is_over=True, ended_at=None)) is Outcome.UNKNOWN


def test_the_narrowest_search_gets_the_grab_and_of_two_alike_the_later_one() -> None:
    searches = [search(1, SERIES), search(2, SEASON), search(3, ITEM), search(4, ITEM, began_at=NOW + SECOND)]
    found = from_history(searches, [grab(NOW + 5 * SECOND)])
    assert {key for key, result in found.results.items() if result.outcome is Outcome.GRABBED} == {4}
    early = from_history(searches, [grab(NOW)])
    assert {key for key, result in early.results.items() if result.outcome is Outcome.GRABBED} == {3}


def test_the_import_of_the_download_settles_the_search_with_what_it_brought() -> None:
    events = [
        grab(NOW + SECOND, indexer="Nyx", release_title="Show.S03E01", quality="WEBDL-720p", score=10),
        event(HistoryKind.IMPORTED, NOW + 5 * MINUTE, quality="WEBDL-1080p", score=60),
        event(HistoryKind.IMPORTED, NOW + 6 * MINUTE, quality="SDTV"),
    ]
    result = from_history([search()], events).results[1]
    assert (result.outcome, result.indexer, result.release_titles) == (Outcome.IMPORTED, "Nyx", ("Show.S03E01",))
    assert (result.grabbed_at, result.imported_at) == (NOW + SECOND, NOW + 5 * MINUTE)
    assert (result.quality, result.score) == ("WEBDL-1080p", 60)


@pytest.mark.parametrize("kind", [HistoryKind.FAILED, HistoryKind.IGNORED, HistoryKind.INCOMPLETE])
def test_a_failed_download_fails_the_search_until_it_is_imported_all_the_same(kind: HistoryKind) -> None:
    failed = from_history([search()], [grab(NOW), event(kind, NOW + MINUTE)]).results[1]
    assert failed.outcome is Outcome.IMPORT_FAILED
    assert failed.message
    later = search(result=failed)
    assert outcome_of(later, event(HistoryKind.IMPORTED, NOW + 9 * MINUTE)) is Outcome.IMPORTED
    assert outcome_of(later, event(HistoryKind.IMPORTED, NOW + 9 * MINUTE, "other")) is Outcome.IMPORT_FAILED


def test_a_season_fails_only_when_all_of_its_downloads_do() -> None:
    season = search(name=SEASON)
    events = [grab(NOW, "A"), grab(NOW + SECOND, "B"), event(HistoryKind.FAILED, NOW + MINUTE, "A")]
    assert outcome_of(season, *events) is Outcome.GRABBED
    assert outcome_of(season, *events, event(HistoryKind.FAILED, NOW + 2 * MINUTE, "B")) is Outcome.IMPORT_FAILED
    assert outcome_of(season, *events, event(HistoryKind.IMPORTED, NOW + 2 * MINUTE, "B")) is Outcome.IMPORTED


def test_a_download_that_is_stuck_in_the_queue_has_failed_for_now() -> None:
    grabbed = Result(Outcome.GRABBED, download_ids=("A", "B"))
    assert refused(grabbed, {"A"}).outcome is Outcome.GRABBED
    assert refused(refused(grabbed, {"A"}), {"B"}).outcome is Outcome.IMPORT_FAILED
    assert refused(Result(Outcome.GRABBED), {"A"}).outcome is Outcome.GRABBED
    assert refused(Result(Outcome.IMPORTED, download_ids=("A",)), {"A"}).outcome is Outcome.IMPORTED


def test_after_seven_days_a_grab_is_lost_and_a_silent_search_unknown() -> None:
    young, old = NOW - LOST_AFTER + SECOND, NOW - LOST_AFTER
    for outcome, end in ((Outcome.GRABBED, Outcome.LOST), (Outcome.PENDING, Outcome.UNKNOWN)):
        assert given_up(Result(outcome), young, NOW).outcome is outcome
        assert given_up(Result(outcome), old, NOW).outcome is end
    assert given_up(Result(Outcome.IMPORTED), old, NOW).outcome is Outcome.IMPORTED


KEYS = [("episode:1", "season:9:1", "series:9"), ("episode:2", "season:9:1", "series:9"), ("movie:5",)]
OFFSETS = st.integers(-30, 300).map(lambda seconds: NOW + seconds * SECOND)
EVENTS = st.builds(
    lambda kind, at, download_id, keys, by: event(kind, at, download_id, keys=keys, by_search=by),
    st.sampled_from(list(HistoryKind)),
    OFFSETS,
    st.sampled_from([None, "A", "B", "C"]),
    st.sampled_from(KEYS),
    st.sampled_from([None, True, False]),
)
SEARCHES = st.lists(
    st.builds(
        lambda name, began, seconds, over: (name, began, seconds, over),
        st.sampled_from([key for keys in KEYS for key in keys]),
        OFFSETS,
        st.one_of(st.none(), st.integers(0, 60)),
        st.booleans(),
    ),
    max_size=5,
)


def _made(raw: list[tuple[str, datetime, int | None, bool]]) -> list[Tracked]:
    return [
        search(
            number, name, began_at=began, is_over=over, ended_at=None if seconds is None else began + seconds * SECOND
        )
        for number, (name, began, seconds, over) in enumerate(raw, 1)
    ]


@given(SEARCHES, st.lists(EVENTS, max_size=12), st.randoms())
def test_no_download_belongs_to_two_searches_and_the_order_of_reading_does_not_matter(
    raw: list[tuple[str, datetime, int | None, bool]], events: list[KeyedEvent], rng: Any
) -> None:
    searches = _made(raw)
    found = from_history(searches, events)
    owned = [one for result in found.results.values() for one in result.download_ids]
    assert len(owned) == len(set(owned))
    for search_id, result in found.results.items():
        tracked = searches[search_id - 1]
        if result.grabbed_at is not None:
            assert tracked.began_at <= result.grabbed_at
        if result.outcome is Outcome.IMPORTED:
            assert result.grabbed_at is not None
            assert result.imported_at is not None
            assert result.grabbed_at <= result.imported_at


def _possible(events: list[KeyedEvent]) -> list[KeyedEvent]:
    """In the order of time, and nothing happens to a download before it was grabbed."""
    ordered = sorted(events, key=lambda one: (one.event.at, one.event.kind is not HistoryKind.GRABBED))
    grabbed: set[str | None] = set()
    possible = []
    for one in ordered:
        if one.event.kind is HistoryKind.GRABBED:
            grabbed.add(one.event.download_id)
        if one.event.download_id in grabbed:
            possible.append(one)
    return possible


@given(SEARCHES, st.lists(EVENTS, max_size=12), st.integers(0, 12))
def test_reading_the_history_in_two_parts_that_overlap_finds_the_same(
    raw: list[tuple[str, datetime, int | None, bool]], events: list[KeyedEvent], cut: int
) -> None:
    """As long as no search is called over in between."""
    searches = [replace(one, is_over=False) for one in _made(raw)]
    ordered = _possible(events)
    whole = from_history(searches, ordered)
    first = from_history(searches, ordered[:cut])
    between = [replace(one, result=first.results.get(one.search_id, one.result)) for one in searches]
    second = from_history(between, ordered)
    end = {one.search_id: second.results.get(one.search_id, one.result) for one in between}
    expected = {one.search_id: whole.results.get(one.search_id, one.result) for one in searches}
    assert {key: (one.outcome, one.download_ids) for key, one in end.items()} == {
        key: (one.outcome, one.download_ids) for key, one in expected.items()
    }

"""The decision on an item: every reason, their order, and what holds for any item and any settings."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arr.models import SeasonFacts
from app.hunting.selection.item_states import ItemStates
from app.hunting.selection.policy import (
    Candidate,
    PastSearches,
    Reason,
    Rules,
    after_reset,
    as_owner,
    as_season,
    cooldown_end,
    decide,
    merged,
    status,
    wait_after,
)
from app.hunting.selection.selector import wants_season
from app.settings.filters import ResolvedFilters, UnknownName
from app.settings.hunting import HuntingSettings

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RULES = Rules(cooldown=7 * DAY, backoff_factor=2, release_grace=6 * HOUR, added_grace=24 * HOUR)
PLAIN = Candidate(
    key="episode:1",
    title="An episode",
    unit="episode",
    monitored=True,
    item_id=1,
    owner_id=9,
    season=3,
    season_key="season:9:3",
    owner_key="series:9",
    released_at=NOW - 100 * DAY,
    added_at=NOW - 100 * DAY,
    tag_ids=frozenset({1}),
    quality_profile_id=4,
)
SEARCHED = PastSearches(last_searched_at=NOW - DAY)

CASES: list[tuple[dict[str, Any], dict[str, Any], PastSearches, Reason, datetime | None]] = [
    ({}, {}, PastSearches(), Reason.SEARCH, None),
    ({"monitored": False}, {}, PastSearches(), Reason.UNMONITORED, None),
    ({"season": 0}, {}, PastSearches(), Reason.SPECIALS, None),
    ({"season": 0}, {"include_specials": True}, PastSearches(), Reason.SEARCH, None),
    ({}, {"exclude_tags": frozenset({1})}, PastSearches(), Reason.EXCLUDED_TAG, None),
    ({}, {"exclude_tags": frozenset({2})}, PastSearches(), Reason.SEARCH, None),
    ({}, {"include_tags": frozenset({2})}, PastSearches(), Reason.NOT_INCLUDED_TAG, None),
    ({}, {"include_tags": frozenset()}, PastSearches(), Reason.NOT_INCLUDED_TAG, None),
    ({}, {"include_tags": frozenset({1, 2})}, PastSearches(), Reason.SEARCH, None),
    ({}, {"exclude_quality_profiles": frozenset({4})}, PastSearches(), Reason.EXCLUDED_PROFILE, None),
    ({"quality_profile_id": None}, {"exclude_quality_profiles": frozenset({4})}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": NOW + DAY}, {}, PastSearches(), Reason.UNRELEASED, NOW + DAY),
    ({"released_at": NOW + DAY}, {"include_unreleased": True}, PastSearches(), Reason.SEARCH, None),
    ({"available": False}, {}, PastSearches(), Reason.UNRELEASED, None),
    ({"available": False}, {"include_unreleased": True}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": None}, {}, PastSearches(), Reason.UNRELEASED, NOW + 265 * DAY),
    ({"released_at": None, "added_at": None}, {}, PastSearches(), Reason.UNRELEASED, None),
    ({"released_at": None}, {"undated_after": 101 * DAY}, PastSearches(), Reason.UNRELEASED, NOW + DAY),
    ({"released_at": None}, {"undated_after": 100 * DAY}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": None, "available": False}, {"undated_after": 100 * DAY}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": None, "available": False, "out_at": NOW - DAY}, {}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": None, "out_at": NOW + DAY}, {}, PastSearches(), Reason.UNRELEASED, NOW + DAY),
    ({"released_at": None, "has_file": True}, {}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": None, "release_dates": (NOW - 99 * DAY,)}, {}, PastSearches(), Reason.UNRELEASED, None),
    ({"released_at": None, "available": True}, {}, PastSearches(), Reason.SEARCH, None),
    ({"released_at": NOW}, {}, PastSearches(), Reason.RELEASE_GRACE, NOW + 6 * HOUR),
    ({"released_at": NOW - 6 * HOUR}, {}, PastSearches(), Reason.SEARCH, None),
    ({"added_at": NOW - HOUR}, {}, PastSearches(), Reason.ADDED_GRACE, NOW + 23 * HOUR),
    ({"added_at": NOW - DAY}, {}, PastSearches(), Reason.SEARCH, None),
    ({"added_at": None}, {}, PastSearches(), Reason.SEARCH, None),
    ({"added_at": datetime.max.replace(tzinfo=UTC)}, {}, PastSearches(), Reason.SEARCH, None),
    ({}, {}, SEARCHED, Reason.COOLDOWN, NOW + 6 * DAY),
    ({}, {}, replace(SEARCHED, failed_searches=1), Reason.COOLDOWN, NOW + 13 * DAY),
    ({}, {}, replace(SEARCHED, failed_searches=10**6), Reason.COOLDOWN, NOW + 89 * DAY),
    ({}, {}, PastSearches(last_searched_at=NOW - 7 * DAY), Reason.SEARCH, None),
    ({}, {"cooldown": timedelta(0)}, PastSearches(last_searched_at=NOW), Reason.SEARCH, None),
    ({"last_search_at": NOW - DAY}, {}, PastSearches(), Reason.COOLDOWN, NOW + 6 * DAY),
    ({"last_search_at": NOW - DAY}, {}, PastSearches(last_searched_at=NOW - 9 * DAY), Reason.COOLDOWN, NOW + 6 * DAY),
    ({"last_search_at": NOW - DAY}, {}, replace(SEARCHED, reset_at=NOW - HOUR), Reason.SEARCH, None),
    ({"last_search_at": NOW - HOUR}, {}, PastSearches(reset_at=NOW - DAY), Reason.COOLDOWN, NOW + 7 * DAY - HOUR),
    ({"last_search_at": datetime.max.replace(tzinfo=UTC)}, {}, PastSearches(), Reason.SEARCH, None),
    (
        {"released_at": NOW - 10 * HOUR, "last_search_at": NOW - HOUR},
        {"fresh_window": DAY, "fresh_retry": 2 * HOUR},
        PastSearches(),
        Reason.COOLDOWN,
        NOW + HOUR,
    ),
    (
        {"released_at": NOW - 10 * HOUR, "last_search_at": NOW - 3 * HOUR},
        {"fresh_window": DAY, "fresh_retry": 2 * HOUR},
        PastSearches(failed_searches=5),
        Reason.SEARCH,
        None,
    ),
    (
        {"released_at": NOW - 25 * HOUR, "last_search_at": NOW - 3 * HOUR},
        {"fresh_window": DAY, "fresh_retry": 2 * HOUR},
        PastSearches(),
        Reason.COOLDOWN,
        NOW + 7 * DAY - 3 * HOUR,
    ),
]


@pytest.mark.parametrize(("item", "rules", "record", "reason", "until"), CASES)
def test_an_item_gets_its_one_reason(
    item: dict[str, Any], rules: dict[str, Any], record: PastSearches, reason: Reason, until: datetime | None
) -> None:
    decision = decide(replace(PLAIN, **item), replace(RULES, **rules), record, now=NOW)
    assert (decision.reason, decision.until) == (reason, until)


def test_what_is_in_the_queue_is_skipped_if_that_is_wanted() -> None:
    assert decide(PLAIN, RULES, PastSearches(), now=NOW, queued={PLAIN.key}).reason is Reason.QUEUED
    lenient = replace(RULES, skip_queued=False)
    assert decide(PLAIN, lenient, PastSearches(), now=NOW, queued={PLAIN.key}).reason is Reason.SEARCH


def test_when_several_reasons_apply_the_first_in_order_counts() -> None:
    order: list[tuple[dict[str, Any], Reason]] = [
        ({"monitored": True}, Reason.UNMONITORED),
        ({"key": "episode:2"}, Reason.QUEUED),
        ({"season": 3}, Reason.SPECIALS),
        ({"tag_ids": frozenset({2})}, Reason.EXCLUDED_TAG),
        ({"tag_ids": frozenset({3})}, Reason.NOT_INCLUDED_TAG),
        ({"quality_profile_id": 5}, Reason.EXCLUDED_PROFILE),
        ({"released_at": NOW - HOUR}, Reason.UNRELEASED),
        ({"released_at": NOW - 100 * DAY}, Reason.RELEASE_GRACE),
        ({"added_at": NOW - 100 * DAY}, Reason.ADDED_GRACE),
        ({"last_search_at": None}, Reason.COOLDOWN),
    ]
    rules = replace(
        RULES, include_tags=frozenset({3}), exclude_tags=frozenset({1}), exclude_quality_profiles=frozenset({4})
    )
    item = replace(
        PLAIN, monitored=False, season=0, released_at=NOW + DAY, added_at=NOW - HOUR, last_search_at=NOW - DAY
    )
    for change, reason in order:
        assert decide(item, rules, PastSearches(), now=NOW, queued={"episode:1"}).reason is reason
        item = replace(item, **change)
    assert decide(item, rules, PastSearches(), now=NOW, queued={"episode:1"}).reason is Reason.SEARCH


MOMENTS = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-200_000, 2_000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)
MAYBE = st.one_of(st.none(), MOMENTS)
IDS = st.frozensets(st.integers(1, 4))
CANDIDATES = st.builds(
    Candidate,
    key=st.sampled_from(["episode:1", "episode:2"]),
    title=st.just("x"),
    unit=st.sampled_from(["episode", "season", "movie"]),
    monitored=st.booleans(),
    item_id=st.just(1),
    season=st.sampled_from([None, 0, 1]),
    season_key=st.just("season:9:1"),
    owner_id=st.just(9),
    available=st.sampled_from([None, True, False]),
    released_at=MAYBE,
    added_at=MAYBE,
    last_search_at=MAYBE,
    tag_ids=IDS,
    quality_profile_id=st.one_of(st.none(), st.integers(1, 4)),
)
RECORDS = st.builds(PastSearches, last_searched_at=MAYBE, failed_searches=st.integers(0, 10**9), reset_at=MAYBE)
SPANS = st.integers(0, 8760).map(lambda hours: timedelta(hours=hours))
ALL_RULES = st.builds(
    Rules,
    cooldown=SPANS,
    backoff_factor=st.floats(1, 10),
    backoff_max=st.integers(1, 3650).map(timedelta),
    fresh_window=SPANS,
    fresh_retry=SPANS,
    release_grace=SPANS,
    added_grace=SPANS,
    include_specials=st.booleans(),
    include_unreleased=st.booleans(),
    park_after=st.integers(0, 5),
    skip_queued=st.booleans(),
    include_tags=st.one_of(st.none(), IDS),
    exclude_tags=IDS,
    exclude_quality_profiles=IDS,
)
QUEUED = st.frozensets(st.sampled_from(["episode:1", "episode:2"]))


@given(CANDIDATES, ALL_RULES, RECORDS, QUEUED)
def test_every_item_gets_a_decision_and_always_the_same(
    item: Candidate, rules: Rules, record: PastSearches, queued: frozenset[str]
) -> None:
    decision = decide(item, rules, record, now=NOW, queued=queued)
    assert decision == decide(item, rules, record, now=NOW, queued=queued)
    assert decision.until is None or decision.until > NOW


@given(CANDIDATES, ALL_RULES, RECORDS, QUEUED)
@pytest.mark.process
def test_a_search_means_that_no_rule_forbids_it(
    item: Candidate, rules: Rules, record: PastSearches, queued: frozenset[str]
) -> None:
    if decide(item, rules, record, now=NOW, queued=queued).reason is not Reason.SEARCH:
        return
    assert item.monitored
    assert not (rules.skip_queued and item.key in queued)
    assert rules.include_specials or item.season != 0
    assert not item.tag_ids & rules.exclude_tags
    assert rules.include_tags is None or item.tag_ids & rules.include_tags
    assert item.quality_profile_id not in rules.exclude_quality_profiles
    if not rules.include_unreleased:
        has_date = item.released_at is not None or item.release_dates
        assert item.available is not False or not has_date  # what has none is out some time after it was added
        assert item.released_at is None or item.released_at <= NOW
    for at in (item.last_search_at, record.last_searched_at):
        if at is not None and at <= NOW + DAY and (record.reset_at is None or at > record.reset_at):
            least = min(rules.cooldown, rules.fresh_retry) if rules.fresh_window else rules.cooldown
            assert NOW - at >= least


@given(CANDIDATES, ALL_RULES, RECORDS, st.integers(0, 10**6))
def test_a_decision_with_an_end_holds_until_then(
    item: Candidate, rules: Rules, record: PastSearches, seconds: int
) -> None:
    decision = decide(item, rules, record, now=NOW)
    if decision.until is None or decision.until.year > 2100:
        return
    before = min(NOW + timedelta(seconds=seconds), decision.until - timedelta(microseconds=1))
    if decision.reason is not Reason.COOLDOWN or not rules.fresh_window:
        assert decide(item, rules, record, now=before) == decision
    assert decide(item, rules, record, now=decision.until) != decision


@given(ALL_RULES, st.integers(0, 60), st.integers(0, 60))
def test_the_cooldown_grows_with_every_failed_search_up_to_its_maximum(rules: Rules, fewer: int, more: int) -> None:
    first, second = sorted((fewer, more))
    assert rules.cooldown <= wait_after(rules, first) <= wait_after(rules, second)
    assert wait_after(rules, second) <= max(rules.cooldown, rules.backoff_max)
    assert wait_after(rules, 0) == rules.cooldown


@given(st.integers(0, 200_000), st.integers(0, 200_000), ALL_RULES)
def test_a_later_search_never_ends_the_cooldown_sooner(early: int, late: int, rules: Rules) -> None:
    first, second = sorted((NOW - timedelta(minutes=early), NOW - timedelta(minutes=late)))
    ends = [cooldown_end(PLAIN, rules, PastSearches(last_searched_at=at), NOW) for at in (first, second)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[0] <= ends[1]


@given(st.lists(RECORDS, max_size=5))
def test_merged_past_searches_are_the_strictest_of_all(records: list[PastSearches]) -> None:
    known = merged(records)
    assert all(known.failed_searches >= past.failed_searches for past in records)
    for past in records:
        assert past.last_searched_at is None or (known.last_searched_at or NOW) >= past.last_searched_at
        assert past.reset_at is None or (known.reset_at or NOW) >= past.reset_at


EPISODE = replace(PLAIN, key="episode:1")
SIBLING = replace(PLAIN, key="episode:2")
SEASON = as_season(EPISODE, "season", None)
SERIES = as_owner(EPISODE, "series", None)


def reason_of(candidate: Candidate, remembered: ItemStates, rules: Rules = RULES) -> Reason:
    return decide(candidate, rules, remembered.of(candidate, rules, NOW), now=NOW).reason


def test_an_episode_cools_down_with_its_season() -> None:
    assert reason_of(EPISODE, ItemStates({"season:9:3": [SEARCHED]})) is Reason.COOLDOWN
    assert reason_of(EPISODE, ItemStates({"season:9:4": [SEARCHED]})) is Reason.SEARCH


def test_an_episode_and_a_season_cool_down_with_their_series_and_the_series_with_them() -> None:
    known = ItemStates({"series:9": [SEARCHED]})
    assert [reason_of(item, known) for item in (EPISODE, SEASON, SERIES)] == [Reason.COOLDOWN] * 3
    assert reason_of(SERIES, ItemStates({}, {"series:9": [SEARCHED]})) is Reason.COOLDOWN
    assert reason_of(SERIES, ItemStates({"series:8": [SEARCHED]})) is Reason.SEARCH


def test_a_season_cools_down_with_each_of_its_episodes_and_an_episode_not_with_another() -> None:
    known = ItemStates({"episode:2": [SEARCHED]}, {"season:9:3": [SEARCHED]})
    assert reason_of(SEASON, known) is Reason.COOLDOWN
    assert reason_of(SIBLING, known) is Reason.COOLDOWN
    assert reason_of(EPISODE, known) is Reason.SEARCH


def test_the_reset_of_an_episode_does_not_reset_the_others_of_its_season() -> None:
    reset = replace(SEARCHED, reset_at=NOW)
    assert reason_of(SEASON, ItemStates({}, {"season:9:3": [SEARCHED, reset]})) is Reason.COOLDOWN
    assert reason_of(SEASON, ItemStates({}, {"season:9:3": [reset]})) is Reason.SEARCH
    assert after_reset(reset) == PastSearches()
    assert after_reset(SEARCHED) == SEARCHED


def test_a_season_is_not_renewed_by_one_fresh_episode() -> None:
    fresh = replace(PLAIN, released_at=NOW - 10 * HOUR)
    rules = replace(RULES, fresh_window=DAY, fresh_retry=2 * HOUR)
    assert decide(fresh, rules, PastSearches(last_searched_at=NOW - 3 * HOUR), now=NOW).reason is Reason.SEARCH
    season = as_season(fresh, "season", NOW - 3 * HOUR)
    assert decide(season, rules, PastSearches(), now=NOW).reason is Reason.COOLDOWN


def test_a_season_is_the_same_whichever_episode_came_first() -> None:
    season, other = as_season(EPISODE, "season", None), as_season(SIBLING, "season", None)
    assert season == other
    assert (season.key, season.unit, season.item_id, season.season_key) == ("season:9:3", "season", None, None)


def test_only_an_episode_has_a_season() -> None:
    with pytest.raises(ValueError, match="only an episode"):
        as_season(replace(PLAIN, season_key=None), "season", None)


def test_an_owner_is_the_same_whichever_item_came_first() -> None:
    album = replace(
        PLAIN, key="album:1", unit="album", season_key=None, owner_key="artist:9", season=None, owner_title="The Band"
    )
    owner = as_owner(album, "artist", None)
    assert owner == as_owner(replace(album, key="album:2", item_id=2), "artist", None)
    assert (owner.key, owner.unit, owner.item_id, owner.title, owner.parents) == (
        "artist:9",
        "artist",
        None,
        "The Band",
        (),
    )
    with pytest.raises(ValueError, match="no owner"):
        as_owner(replace(album, owner_key=None), "artist", None)


PARKING = replace(RULES, park_after=3)
TIRED = PastSearches(last_searched_at=NOW - 100 * DAY, failed_searches=3)


@pytest.mark.parametrize(
    ("record", "item", "is_parked"),
    [
        (TIRED, {}, True),
        (replace(TIRED, failed_searches=2), {}, False),
        (replace(TIRED, last_searched_at=None), {}, False),
        (replace(TIRED, invalidated_at=NOW - DAY), {}, False),
        (replace(TIRED, invalidated_at=NOW - 101 * DAY), {}, True),
        (replace(TIRED, reset_at=NOW - DAY), {}, False),
        (replace(TIRED, profile_id=4), {}, True),
        (replace(TIRED, profile_id=5), {}, False),
        (replace(TIRED, tag_ids=frozenset({1})), {}, True),
        (replace(TIRED, tag_ids=frozenset({2})), {}, False),
        (replace(TIRED, tag_ids=frozenset({1})), {"tag_ids": frozenset({1, 77})}, True),
        (TIRED, {"release_dates": (NOW - 200 * DAY, NOW - DAY)}, False),
        (TIRED, {"release_dates": (NOW - 200 * DAY, NOW + DAY)}, True),
    ],
)
def test_an_item_is_parked_after_failed_searches_until_something_changes(
    record: PastSearches, item: dict[str, Any], is_parked: bool
) -> None:
    rules = replace(PARKING, tag_searched=ids(77))
    candidate = replace(EPISODE, **item)
    expected = Reason.PARKED if is_parked else Reason.SEARCH
    assert reason_of(candidate, ItemStates({"episode:1": [record]}), rules) is expected
    rested = replace(rules, park_after=0)
    assert reason_of(candidate, ItemStates({"episode:1": [record]}), rested) is Reason.SEARCH


def test_a_change_ends_the_backoff_but_not_the_cooldown() -> None:
    tired = PastSearches(last_searched_at=NOW - 10 * DAY, failed_searches=2)
    assert reason_of(EPISODE, ItemStates({"episode:1": [tired]})) is Reason.COOLDOWN
    woken = replace(tired, invalidated_at=NOW - DAY)
    assert reason_of(EPISODE, ItemStates({"episode:1": [woken]})) is Reason.SEARCH
    recent = replace(woken, last_searched_at=NOW - 2 * DAY)
    assert reason_of(EPISODE, ItemStates({"episode:1": [recent]})) is Reason.COOLDOWN


def test_after_a_failed_season_search_its_episodes_are_searched() -> None:
    failed = {"season:9:3": NOW - DAY}
    assert ItemStates(failed_seasons=failed).is_next_singly(EPISODE)
    older, newer = PastSearches(last_searched_at=NOW - 2 * DAY), PastSearches(last_searched_at=NOW - HOUR)
    assert ItemStates(own={"episode:1": older}, failed_seasons=failed).is_next_singly(EPISODE)
    assert not ItemStates(own={"episode:1": newer}, failed_seasons=failed).is_next_singly(EPISODE)
    assert not ItemStates().is_next_singly(EPISODE)


@pytest.mark.parametrize(
    ("facts", "threshold", "wanted"),
    [
        (None, 0.5, False),
        (SeasonFacts(aired=10, with_file=5, ended=True), 0.5, True),
        (SeasonFacts(aired=10, with_file=6, ended=True), 0.5, False),
        (SeasonFacts(aired=10, with_file=5, ended=False), 0.5, False),
        (SeasonFacts(aired=2, with_file=0, ended=True), 0.5, False),
        (SeasonFacts(aired=3, with_file=0, ended=True), 1.0, True),
        (SeasonFacts(aired=4, with_file=1, ended=True), 1.0, False),
        (SeasonFacts(aired=0, with_file=0, ended=True), 0.1, False),
        (SeasonFacts(aired=30, with_file=28, ended=True), 0.1, False),
    ],
)
def test_auto_searches_a_season_that_ended_and_lacks_enough(
    facts: SeasonFacts | None, threshold: float, wanted: bool
) -> None:
    assert wants_season(facts, threshold) is wanted


NO_FILTERS = {
    "interval_minutes",
    "missing_batch",
    "cutoff_batch",
    "upgrade_batch",
    "missing_mode",
    "cutoff_mode",
    "season_threshold",
    "order",
    "missing_cooldown_hours",
    "cutoff_cooldown_hours",
    "upgrade_cooldown_hours",
    "hourly_cap",
    "daily_cap",
    "min_gap_seconds",
    "max_queue",
    "release_date",
    "windows",
    "track_outcomes",
    "push_channel",
    "command_timeout_minutes",
    "request_concurrency",
}
"""Settings that no decision needs, or that are resolved before: the pass picks its cooldown, the date its release."""
OTHER_VALUES: dict[str, Any] = {
    "include_tags": ["Wanted", "unknown"],
    "exclude_tags": ["NO"],
    "exclude_quality_profiles": ["Any"],
    "tag_searched": "hunted",
}
"""The rest is numbers and switches."""


def ids(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def other_value(name: str) -> Any:
    if name in OTHER_VALUES:
        return OTHER_VALUES[name]
    default = HuntingSettings.model_fields[name].default
    return not default if isinstance(default, bool) else default + 1


@pytest.mark.parametrize("name", sorted(HuntingSettings.model_fields.keys() - NO_FILTERS))
def test_every_filter_setting_reaches_the_rules(name: str) -> None:
    before = HuntingSettings()
    tags, profiles = {"wanted": ids(1), "no": ids(2), "hunted": ids(3)}, {"any": ids(4)}
    after = before.model_copy(update={name: other_value(name)})
    found = [Rules.of(given, 168, ResolvedFilters.of(given, tags, profiles)) for given in (before, after)]
    assert found[0] != found[1]
    changed = {field.name for field in fields(Rules) if len({getattr(rules, field.name) for rules in found}) > 1}
    assert changed == {name.removesuffix("_hours").removesuffix("_days")}


def test_rules_are_time_spans_and_ids() -> None:
    settings = HuntingSettings(
        backoff_max_days=3, fresh_retry_hours=5, include_tags=["Wanted", "gone"], exclude_quality_profiles=["ANY"]
    )
    filters = ResolvedFilters.of(settings, {"wanted": ids(1)}, {"any": ids(4, 5)})
    rules = Rules.of(settings, 24, filters)
    assert (rules.cooldown, rules.backoff_max, rules.fresh_retry) == (DAY, 3 * DAY, 5 * HOUR)
    assert (rules.include_tags, rules.exclude_quality_profiles) == (ids(1), ids(4, 5))
    assert filters.unknown == (UnknownName("include_tags", "gone"),)
    nothing = ResolvedFilters.of(HuntingSettings(), {}, {})
    assert Rules.of(HuntingSettings(), 24, nothing).include_tags is None


@given(CANDIDATES, ALL_RULES, RECORDS)
def test_the_status_is_the_decision_if_no_other_rule_applies(item: Candidate, rules: Rules, past: PastSearches) -> None:
    found, until = status(item, rules, past, NOW)
    decision = decide(item, rules, past, now=NOW)
    if decision.reason in (Reason.COOLDOWN, Reason.PARKED, Reason.SEARCH):
        assert decision.reason.value == found.value.replace("ready", "search")
        assert decision.until == until

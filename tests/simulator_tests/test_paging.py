"""Paging, sort keys, directions, ties and NULL ordering."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from tests.simulator import LibrarySpec, SimApp, SimClock, SimSettings
from tests.simulator_tests.caller import Caller

SEARCHED = "episodes.lastSearchTime"


def filled(count: int, **options: Any) -> Caller:
    library = LibrarySpec.with_missing(count)
    return Caller(SimApp("sonarr", SimSettings(**options), library=library, clock=SimClock.frozen()))


@pytest.fixture(scope="module")
def fifty() -> Caller:
    return filled(50)


@pytest.mark.parametrize("page", [0, -1, -7])
def test_page_0_and_below_is_page_1_with_the_number_echoed(page: int) -> None:
    call = filled(5, tie_block=1)
    answer = call.get("wanted/missing", page=page, pageSize=3).json
    assert (answer["page"], answer["pageSize"], answer["totalRecords"]) == (page, 3, 5)
    assert [r["id"] for r in answer["records"]] == call.ids("wanted/missing", page=1, pageSize=3)


def test_page_size_0_has_no_records_but_the_total(fifty: Caller) -> None:
    answer = fifty.get("wanted/missing", pageSize=0).json
    assert (answer["records"], answer["totalRecords"], answer["pageSize"]) == ([], 50, 0)


def test_page_size_minus_1_is_everything_on_sqlite_and_500_on_postgresql(fifty: Caller) -> None:
    assert len(fifty.records("wanted/missing", pageSize=-1)) == 50
    answer = filled(5, database="postgreSQL").get("wanted/missing", pageSize=-1)
    assert answer.status == 500
    assert "LIMIT" in answer.json["message"]


def test_a_page_past_the_end_is_empty_with_the_right_total(fifty: Caller) -> None:
    answer = fifty.get("wanted/missing", page=99, pageSize=20).json
    assert (answer["page"], answer["records"], answer["totalRecords"]) == (99, [], 50)


def test_defaults_are_page_1_of_10_descending(fifty: Caller) -> None:
    answer = fifty.get("wanted/missing").json
    assert (answer["page"], answer["pageSize"], len(answer["records"])) == (1, 10, 10)
    assert (answer["sortKey"], answer["sortDirection"]) == ("episodes.airDateUtc", "descending")
    dates = [record["airDateUtc"] for record in answer["records"]]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize(
    ("direction", "effective"),
    [
        ("ascending", "ascending"),
        ("Descending", "descending"),
        ("1", "ascending"),
        ("2", "descending"),
        ("default", "ascending"),
        ("0", "ascending"),
    ],
)
def test_directions_are_words_without_case_or_numbers(fifty: Caller, direction: str, effective: str) -> None:
    assert fifty.get("wanted/missing", sortDirection=direction).json["sortDirection"] == effective


@pytest.mark.parametrize("direction", ["asc", "desc", "up", "3", "-1"])
def test_other_directions_are_400(fifty: Caller, direction: str) -> None:
    assert fifty.get("wanted/missing", sortDirection=direction).status == 400


def test_unknown_names_such_as_sort_dir_are_ignored(fifty: Caller) -> None:
    answer = fifty.get("wanted/missing", page=0, pageSize=15, sortKey="airDateUtc", sortDir="desc")
    assert (answer.status, len(answer.json["records"])) == (200, 15)


@pytest.mark.parametrize(
    ("key", "effective"),
    [
        ("episodes.lastSearchTime", "episodes.lastSearchTime"),
        ("EPISODES.LASTSEARCHTIME", "EPISODES.LASTSEARCHTIME"),
        ("lastSearchTime", "episodes.airDateUtc"),
        ("id; DROP TABLE items", "episodes.airDateUtc"),
    ],
)
def test_sort_keys_are_an_allow_list_without_case(fifty: Caller, key: str, effective: str) -> None:
    answer = fifty.get("wanted/missing", sortKey=key)
    assert (answer.status, answer.json["sortKey"]) == (200, effective)


def test_radarrs_bare_key_does_nothing(radarr: Caller) -> None:
    radarr.app.library.add_movie(title="B", last_search=1)
    radarr.app.library.add_movie(title="A", last_search=2)
    answer = radarr.get("wanted/missing", sortKey="lastSearchTime", sortDirection="ascending").json
    assert answer["sortKey"] == "movieMetadata.sortTitle"
    assert [record["title"] for record in answer["records"]] == ["A", "B"]
    answer = radarr.get("wanted/missing", sortKey="movies.lastSearchTime", sortDirection="ascending").json
    assert [record["title"] for record in answer["records"]] == ["B", "A"]


LAST_SEARCH = {
    "sonarr": SEARCHED,
    "whisparr2": SEARCHED,
    "radarr": "movies.lastSearchTime",
    "whisparr3": "movies.lastSearchTime",
    "lidarr": "albums.lastSearchTime",
    "readarr": "lastSearchTime",
}


@pytest.mark.parametrize("kind", list(LAST_SEARCH))
@pytest.mark.parametrize(
    ("store", "direction", "expected"),
    [
        ("sqLite", "ascending", [None, 1, 2]),
        ("sqLite", "descending", [2, 1, None]),
        ("postgreSQL", "ascending", [1, 2, None]),
        ("postgreSQL", "descending", [None, 2, 1]),
    ],
)
def test_never_searched_items_come_where_the_database_puts_nulls(
    kind: Any, store: Any, direction: str, expected: list[int | None]
) -> None:
    call = Caller(SimApp(kind, SimSettings(database=store), clock=SimClock.frozen()))
    times = {call.app.add_item(last_search=n): n for n in (2, None, 1)}
    ids = call.ids("wanted/missing", sortKey=LAST_SEARCH[kind], sortDirection=direction)
    assert [times[item_id] for item_id in ids] == expected


def test_ties_change_places_between_requests() -> None:
    call = filled(40)
    seen = {tuple(call.ids("wanted/missing", pageSize=10, sortKey=SEARCHED)) for _ in range(8)}
    assert len(seen) > 1


def test_ties_can_be_told_to_stay() -> None:
    call = filled(40, tie_block=1)
    assert len({tuple(call.ids("wanted/missing", pageSize=10, sortKey=SEARCHED)) for _ in range(8)}) == 1


@limits(max_examples=60, deadline=None)
@given(
    times=st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=0, max_size=30),
    size=st.integers(1, 12),
    store=st.sampled_from(["sqLite", "postgreSQL"]),
    descending=st.booleans(),
    block=st.integers(1, 6),
)
def test_any_single_request_is_a_sorted_window_of_a_permutation(
    times: list[int | None], size: int, store: Any, descending: bool, block: int
) -> None:
    app = SimApp("sonarr", SimSettings(database=store, tie_block=block), clock=SimClock.frozen())
    call = Caller(app)
    series = app.library.add_series()
    known = {app.library.add_episode(series, 1, n, last_search=at): at for n, at in enumerate(times, start=1)}
    null = math.inf if store == "postgreSQL" else -math.inf
    direction = "descending" if descending else "ascending"
    ranked = sorted((null if at is None else at for at in times), reverse=descending)
    for page in range(1, len(times) // size + 3):
        ids = call.ids("wanted/missing", page=page, pageSize=size, sortKey=SEARCHED, sortDirection=direction)
        keys = [null if known[item_id] is None else known[item_id] for item_id in ids]
        assert keys == ranked[(page - 1) * size : page * size]
        assert len(set(ids)) == len(ids)
    # One request for all of them holds each exactly once, however the ties were turned.
    everything = call.ids("wanted/missing", pageSize=max(len(times), 1), sortKey=SEARCHED, sortDirection=direction)
    assert sorted(everything) == sorted(known)
    app.close()


def test_a_hundred_thousand_missing_items_are_counted_and_paged() -> None:
    call = filled(100_000)
    first = call.get("wanted/missing", page=1, pageSize=20, sortKey=SEARCHED, sortDirection="ascending").json
    assert (first["totalRecords"], len(first["records"])) == (100_000, 20)
    last = call.get("wanted/missing", page=5_000, pageSize=20, sortKey=SEARCHED, sortDirection="ascending").json
    assert len(last["records"]) == 20
    assert not {r["id"] for r in first["records"]} & {r["id"] for r in last["records"]}


@pytest.mark.parametrize("store", ["sqLite", "postgreSQL"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_the_first_page_by_search_time_comes_from_an_index(store: Any, direction: str) -> None:
    app = filled(10, database=store).app
    rule, values = app.wanted_rule("missing", True, app.clock.timestamp())
    order = app.db.order_by("i.last_search_at", "i.id", descending=direction == "DESC")
    query = f"EXPLAIN QUERY PLAN SELECT i.id FROM items i {rule} {order}"  # noqa: S608 - the simulator's own words
    plan = " ".join(row["detail"] for row in app.db.rows(query, values))
    assert "missing_by_last_search_at" in plan
    assert "TEMP B-TREE" not in plan

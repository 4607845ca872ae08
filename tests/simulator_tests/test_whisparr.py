"""Whisparr: v2 beside Sonarr, both eros beside Radarr."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulator import LibrarySpec, SimApp, SimClock
from tests.simulator_tests.caller import Caller
from tests.simulator_tests.conftest import caller

OLD = datetime(2015, 5, 1, tzinfo=UTC)


@pytest.fixture(params=["whisparr3old", "whisparr3"])
def eros(request: pytest.FixtureRequest) -> Caller:
    return caller(request.param)


def test_an_episode_of_v2_has_a_date_without_time_and_no_search_time(whisparr2: Caller) -> None:
    library = whisparr2.app.library
    site = library.add_series(title="Some Site")
    library.add_episode(site, 2015, 1, title="Scene", air_date=OLD, last_search=OLD)
    (record,) = whisparr2.records("wanted/missing")
    assert (record["releaseDate"], record["seriesId"]) == ("2015-05-01", site)
    assert (record["seasonNumber"], record["grabbed"], record["actors"]) == (2015, False, [])
    assert not {"airDate", "airDateUtc", "episodeNumber", "lastSearchTime", "seriesTitle"} & set(record)


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("episodes.airDateUtc", 200),
        ("episodes.lastSearchTime", 200),
        ("series.sortTitle", 200),
        ("releaseDate", 500),
        ("x", 500),
    ],
)
def test_v2_puts_any_key_into_sql(whisparr2: Caller, key: str, status: int) -> None:
    whisparr2.app.add_item()
    assert whisparr2.get("wanted/missing").json["sortKey"] == "Episodes.Id"
    assert whisparr2.get("wanted/missing", sortKey=key).status == status


def test_v2_has_sonarrs_rule_of_runtime_and_specials(whisparr2: Caller) -> None:
    library, now = whisparr2.app.library, whisparr2.app.clock.timestamp()
    site = library.add_series(runtime=45)
    special = library.add_episode(site, 0, 1)
    library.add_episode(site, 0, 2, has_file=True, quality_id=1)
    library.add_episode(site, 2026, 1, air_date=now - 44 * 60)
    assert whisparr2.ids("wanted/missing") == [special]
    assert whisparr2.ids("wanted/cutoff") == []
    whisparr2.app.advance(60)
    assert whisparr2.get("wanted/missing").json["totalRecords"] == 2


def test_the_episode_list_of_v2_includes_nothing_but_images(whisparr2: Caller, sonarr: Caller) -> None:
    asked = {"includeSeries": "true", "includeEpisodeFile": "true", "includeImages": "true"}
    for call, included in ((sonarr, {"series", "episodeFile", "images"}), (whisparr2, {"images"})):
        series = call.app.add_owner()
        item = call.app.add_item(series, has_file=True)
        (record,) = call.get("episode", seriesId=series, **asked).json
        assert set(record) & {"series", "episodeFile", "images"} == included
        assert call.get(f"episode/{item}").json["episodeFile"]["seriesId"] == series


def test_seeded_seasons_of_v2_are_years(whisparr2: Caller) -> None:
    app = SimApp("whisparr2", library=LibrarySpec(series=3, seasons=3), clock=SimClock.frozen())
    (site, *_) = Caller(app).get("series").json
    assert [season["seasonNumber"] for season in site["seasons"]] == [0, 2024, 2025, 2026]
    answer = Caller(app).run("SeasonSearch", seriesId=site["id"], seasonNumber=2025)
    assert (answer["status"], answer["message"]) == ("completed", "Completed")
    assert app.searcher.records[0].season == 2025


def test_queue_and_history_of_v2(whisparr2: Caller) -> None:
    app = whisparr2.app
    first, second = app.add_item(), app.add_item()
    app.downloads.add([first, second], quality_id=5)
    rows = whisparr2.records("queue", quality=[5, 7], status="paused", sortKey="anything")
    assert len(rows) == 2
    assert not {"added", "downloadClientHasPostImportCategory"} & set(rows[0])
    assert {"seasonNumber", "episodeHasFile", "languages"} <= set(rows[0])
    assert whisparr2.records("queue", quality=[7, 5]) == []
    whisparr2.delete(f"queue/{rows[0]['id']}", removeFromClient="false", changeCategory="true")
    history = whisparr2.records("history", eventType=[7, 1])
    assert [row["eventType"] for row in history] == ["downloadIgnored"] * 2


def test_old_eros_has_no_wanted_lists_but_tells_what_they_would_hold(whisparr3old: Caller) -> None:
    for path in ("wanted/missing", "wanted/cutoff"):
        answer = whisparr3old.get(path, page=1, pageSize=10)
        assert (answer.status, answer.reply.body) == (404, b"")
    app = whisparr3old.app
    missing, poor = app.add_item(), app.add_item(has_file=True, quality_id=1)
    movies = whisparr3old.get("movie", excludeLocalCovers="true").json
    found = [each["id"] for each in movies if each["monitored"] and not each["hasFile"] and each["isAvailable"]]
    below = [each["id"] for each in movies if each.get("movieFile", {}).get("qualityCutoffNotMet")]
    assert (found, below) == ([missing], [poor])
    whisparr3old.run("MissingMoviesSearch")
    assert app.searcher.records[0].item_ids == (missing,)


def test_scenes_of_both_eros(whisparr3old: Caller, whisparr3: Caller) -> None:
    shown = {}
    for call in (whisparr3old, whisparr3):
        item = call.app.library.add_scene(studio="Blue", performers=["Ann B"], release_date=OLD, last_search=OLD)
        call.app.library.add_movie(title="A Film")
        shown[call.app.definition.kind] = call.get(f"movie/{item}").json
        assert [each["itemType"] for each in call.get("movie").json] == ["scene", "movie"]
    for record in shown.values():
        assert record["studioTitle"] == "Blue"
        assert record["stashId"] == record["foreignId"]
        assert not {"minimumAvailability", "inCinemas", "digitalRelease", "studio"} & set(record)
    old, new = shown["whisparr3old"], shown["whisparr3"]
    assert (old["credits"][0]["personName"], new["credits"][0]["performer"]["name"]) == ("Ann B", "Ann B")
    assert (old["releaseDate"], new["releaseDate"]) == ("2015-05-01", "2015-05-01T00:00:00Z")
    assert not {"lastSearchTime", "movieFileId"} & set(old)
    assert (new["lastSearchTime"], new["movieFileId"]) == ("2015-05-01T00:00:00Z", 0)
    stash = new["stashId"]
    assert [each["id"] for each in whisparr3.get("movie", stashId=stash).json] == [new["id"]]


@pytest.mark.parametrize(("status", "available"), [("released", True), ("announced", False), ("inCinemas", False)])
def test_only_what_is_released_is_available_in_eros(eros: Caller, status: str, available: bool) -> None:
    eros.app.library.add_movie(status=status, minimum_availability="announced", in_cinemas=OLD, digital=OLD)
    assert [each["isAvailable"] for each in eros.get("movie").json] == [available]


def test_new_eros_lists_what_is_not_released_too(whisparr3: Caller) -> None:
    item = whisparr3.app.library.add_scene(status="announced")
    whisparr3.app.library.add_scene(year=0)
    (record,) = whisparr3.records("wanted/missing", sortKey="movieMetadata.releaseDate")
    assert (record["id"], record["isAvailable"]) == (item, False)
    answer = whisparr3.get("wanted/missing", sortKey="movieMetadata.digitalRelease").json
    assert answer["sortKey"] == "movieMetadata.sortTitle"


def test_performers_and_studios_are_searched_by_their_monitored_scenes(eros: Caller) -> None:
    app, library = eros.app, eros.app.library
    app.settings.grab_share = 0.0
    one = library.add_scene(studio="Blue", performers=["Ann"], year=2020)
    two = library.add_scene(studio="Red", performers=["Ann", "Ben"], year=2021)
    library.add_scene(studio="Red", performers=["Ann"], monitored=False)
    three = library.add_scene(studio="Red", performers=["Ben"], year=2022)
    people = {each["fullName"]: each["id"] for each in eros.get("performer").json}
    studios = {each["title"]: each["id"] for each in eros.get("studio").json}

    def searched(name: str, **fields: Any) -> list[int]:
        before = len(app.searcher.records)
        assert eros.run(name, **fields)["status"] == "completed"
        assert {record.unit for record in app.searcher.records[before:]} == {"movie"}
        return [item for record in app.searcher.records[before:] for item in record.item_ids]

    assert searched("PerformersSearch", performerIds=[people["Ann"]]) == [one, two]
    assert searched("PerformersSearch", performerIds=[people["Ann"]], studioIds=[studios["Red"]]) == [two]
    assert searched("PerformersSearch", performerIds=list(people.values())) == [one, two, three]
    assert searched("StudiosSearch", studioIds=[studios["Red"]]) == [two, three]
    assert searched("StudiosSearch", studioIds=[studios["Red"]], years=[2022]) == [three]
    for name in ("PerformersSearch", "StudiosSearch"):
        assert eros.run(name)["status"] == "failed"
    assert eros.get(f"performer/{people['Ben']}").json["fullName"] == "Ben"
    assert eros.get("studio/99").status == 404


def test_studio_searches_tell_their_grabs_in_new_eros_only(eros: Caller) -> None:
    item = eros.app.library.add_scene(studio="Blue")
    eros.app.searcher.force(item, "import")
    told = eros.run("StudiosSearch", studioIds=[1])["message"]
    old = eros.app.definition.kind == "whisparr3old"
    assert told == ("Completed" if old else "Studio search completed. 1 reports downloaded.")


def test_eros_lists_ids_and_reads_many(eros: Caller) -> None:
    ids = [eros.app.library.add_scene() for _ in range(3)]
    assert eros.get("movie/list").json == ids
    assert [each["id"] for each in eros.post("movie/bulk", ids[1:]).json] == ids[1:]
    assert eros.post("movie/bulk", {"ids": ids}).status == 400


def test_files_of_unknown_movies_are_passed_over_and_of_unknown_series_404(any_app: Caller) -> None:
    definition = any_app.app.definition
    item = any_app.app.add_item(has_file=True)
    if definition.movie_like:
        assert [file["movieId"] for file in any_app.get("moviefile", movieId=[404, item]).json] == [item]
    elif definition.seasons:
        answer = any_app.get("episodefile", seriesId=404)
        assert (answer.status, answer.json["message"]) == (404, "Series with ID 404 does not exist")


def test_a_seeded_eros_library_has_movies_and_scenes_of_some_studios(eros: Caller) -> None:
    app = SimApp(eros.app.definition.kind, library=LibrarySpec(movies=200), clock=SimClock.frozen())
    movies = Caller(app).get("movie").json
    assert {movie["itemType"] for movie in movies} == {"movie", "scene"}
    assert {movie["isAvailable"] for movie in movies} == {True, False}
    assert len({movie["studioTitle"] for movie in movies}) == 5

"""Series, movies, files, tags, editors, history, calendar and the seeded libraries."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulator import LibrarySpec, SimApp, SimClock, SimSettings
from tests.simulator.store import DAY
from tests.simulator_tests.caller import Caller
from tests.simulator_tests.conftest import KINDS


def test_series_statistics_and_airings(sonarr: Caller) -> None:
    library, now = sonarr.app.library, sonarr.app.clock()
    series_id = library.add_series(title="Harbour", ended=False)
    library.add_episode(series_id, 0, 1)
    library.add_episode(series_id, 1, 1, air_date=now - timedelta(days=9), has_file=True)
    library.add_episode(series_id, 1, 2, air_date=now - timedelta(days=2))
    library.add_episode(series_id, 1, 3, air_date=now - timedelta(days=1), monitored=False)
    library.add_episode(series_id, 1, 4, air_date=now + timedelta(days=5))
    library.set_season(series_id, 2, monitored=False)
    series = sonarr.get(f"series/{series_id}").json
    specials, first, second = series["seasons"]
    assert (specials["seasonNumber"], first["monitored"], second["monitored"]) == (0, True, False)
    assert first["statistics"] | {"releaseGroups": []} == {
        "nextAiring": "2026-01-20T12:00:00Z",
        "previousAiring": "2026-01-13T12:00:00Z",
        "episodeFileCount": 1,
        "episodeCount": 2,
        "totalEpisodeCount": 4,
        "sizeOnDisk": 1_500_000_000,
        "releaseGroups": [],
        "percentOfEpisodes": 50.0,
    }
    assert second["statistics"]["totalEpisodeCount"] == 0
    assert (series["statistics"]["seasonCount"], series["statistics"]["episodeCount"]) == (1, 2)
    assert sonarr.get("series").json == [series]
    assert sonarr.get("series", tvdbId=series["tvdbId"]).json == [series]


def test_episodes_by_series_season_ids_or_file(sonarr: Caller) -> None:
    library = sonarr.app.library
    series_id = library.add_series()
    one, two = library.add_episode(series_id, 1, 1, has_file=True), library.add_episode(series_id, 2, 1)
    assert [e["id"] for e in sonarr.get("episode", seriesId=series_id).json] == [one, two]
    assert [e["id"] for e in sonarr.get("episode", seriesId=series_id, seasonNumber=2).json] == [two]
    assert [e["id"] for e in sonarr.get("episode", episodeIds=[two, one]).json] == [one, two]
    file_id = sonarr.get(f"episode/{one}").json["episodeFileId"]
    assert [e["id"] for e in sonarr.get("episode", episodeFileId=file_id).json] == [one]
    answer = sonarr.get("episode")
    assert (answer.status, answer.json["message"]) == (
        400,
        "BadRequest: seriesId or episodeIds must be provided",
    )


def test_single_episodes_come_with_series_file_and_images(sonarr: Caller) -> None:
    library = sonarr.app.library
    episode_id = library.add_episode(library.add_series(title="Harbour"), 1, 1, has_file=True, score=50)
    episode = sonarr.get(f"episode/{episode_id}").json
    assert episode["series"]["title"] == "Harbour"
    assert episode["episodeFile"]["customFormatScore"] == 50
    assert episode["images"]


def test_monitoring_episodes(sonarr: Caller) -> None:
    library = sonarr.app.library
    ids = [library.add_episode(library.add_series(), 1, 1) for _ in range(2)]
    answer = sonarr.put("episode/monitor", {"episodeIds": ids, "monitored": False})
    assert (answer.status, [episode["monitored"] for episode in answer.json]) == (202, [False, False])
    assert sonarr.put(f"episode/{ids[0]}", {"monitored": True}).status == 202
    assert sonarr.ids("wanted/missing") == [ids[0]]


def test_movies_by_list_id_and_tmdb_id(radarr: Caller) -> None:
    movie_id = radarr.app.library.add_movie(title="The Ledger", has_file=True, score=50)
    (listed,) = radarr.get("movie", excludeLocalCovers="true").json
    assert "customFormatScore" not in listed["movieFile"]
    assert "qualityCutoffNotMet" in listed["movieFile"]
    single = radarr.get(f"movie/{movie_id}").json
    assert "customFormatScore" not in single["movieFile"]
    assert radarr.get("movie", tmdbId=single["tmdbId"]).json[0]["id"] == movie_id
    assert radarr.get("moviefile", movieId=[movie_id]).json[0]["customFormatScore"] == 50
    assert radarr.get("moviefile").status == 400


def test_files_can_be_listed_read_and_deleted(sonarr: Caller) -> None:
    series_id = sonarr.app.library.add_series()
    sonarr.app.library.add_episode(series_id, 1, 1, has_file=True)
    (file,) = sonarr.get("episodefile", seriesId=series_id).json
    assert sonarr.get(f"episodefile/{file['id']}").json == file
    assert sonarr.get("episodefile").status == 400
    assert sonarr.delete(f"episodefile/{file['id']}").status == 200
    assert sonarr.get(f"episodefile/{file['id']}").status == 404
    assert sonarr.get("wanted/missing").json["totalRecords"] == 1


def test_tags_are_lower_cased_and_made_once(any_app: Caller) -> None:
    assert any_app.get("tag").json == []
    made = any_app.post("tag", {"label": "Hunted"})
    assert (made.status, made.json["label"]) == (201, "hunted")
    assert made.json["id"] != 0
    assert any_app.get("tag").json == [made.json] == [any_app.get(f"tag/{made.json['id']}").json]
    rules = any_app.app.definition
    assert any_app.post("tag", {"label": ""}).status == (201 if rules.blank_tags else 400)
    assert any_app.post("tag", {"label": "a b"}).status == (400 if rules.tag_pattern else 201)
    again = any_app.post("tag", {"label": "HUNTED"})
    assert (again.status == 409) if rules.unique_tags else (again.json == made.json)
    assert any_app.delete(f"tag/{made.json['id']}").status == 200
    assert made.json not in any_app.get("tag").json


def test_a_tag_in_use_stays(any_app: Caller) -> None:
    app = any_app.app
    if app.definition.owner:
        app.add_owner(tags=["kept"])
    else:
        app.add_item(tags=["kept"])
    (tag,) = any_app.get("tag").json
    assert any_app.delete(f"tag/{tag['id']}").status == 409
    assert any_app.get("tag").json == [tag]


@pytest.mark.parametrize(
    ("way", "expected"), [("add", [1, 2, 3]), ("remove", [1]), ("replace", [2, 3]), ("Replace", [2, 3]), (1, [1])]
)
def test_the_editors_apply_tags(any_app: Caller, way: Any, expected: list[int]) -> None:
    app = any_app.app
    library, words = app.library, app.definition.names
    tags = [library.tag(label) for label in ("a", "b", "c")]
    make = app.add_owner if words.parent else app.add_item
    owner, other = make(tags=["a", "b"]), make()
    path = words.parent or words.item
    body = {f"{path}Ids": [owner], "tags": tags[1:], "applyTags": way}
    answer = any_app.put(f"{path}/editor", body)
    assert (answer.status, [sorted(entry["tags"]) for entry in answer.json]) == (202, [expected])
    assert any_app.get(f"{path}/{other}").json["tags"] == []


def test_the_editors_change_profile_and_monitoring_of_many(any_app: Caller) -> None:
    words = any_app.app.definition.names
    make = any_app.app.add_owner if words.parent else any_app.app.add_item
    ids = [make(), make()]
    path = words.parent or words.item
    answer = any_app.put(f"{path}/editor", {f"{path}Ids": ids, "qualityProfileId": 2, "monitored": False})
    assert [(entry["qualityProfileId"], entry["monitored"]) for entry in answer.json] == [(2, False)] * 2
    assert any_app.put(f"{path}/editor", {f"{path}Ids": [404], "monitored": True}).status == 500


def test_adding_needs_a_profile_and_a_path(any_app: Caller) -> None:
    path = any_app.app.definition.names.parent or any_app.app.definition.names.item
    assert any_app.post(path, {}).status == 400
    assert any_app.post(path, {"title": "T", "path": "/x"}).json[0]["propertyName"] == "QualityProfileId"
    assert any_app.post(path, {"title": "T", "qualityProfileId": 1}).json[0]["propertyName"] == "Path"
    tag_id = any_app.app.library.tag("x")
    made = any_app.post(path, {"title": "T", "qualityProfileId": 1, "path": "/x", "year": 1999, "tags": [tag_id]})
    assert (made.status, made.json["tags"], made.headers["location"]) == (
        *(201, [tag_id]),
        f"/{any_app.app.definition.prefix}/{path}/{made.json['id']}",
    )
    changed = any_app.put(f"{path}/{made.json['id']}", {"monitored": True, "qualityProfileId": 2, "tags": []})
    assert (changed.status, changed.json["monitored"], changed.json["qualityProfileId"]) == (202, True, 2)
    assert any_app.delete(f"{path}/{made.json['id']}").status == 200
    assert any_app.get(f"{path}/{made.json['id']}").status == 404


def test_history_pages_filters_and_since(any_app: Caller) -> None:
    empty = any_app.get("history", page=1, pageSize=15, sortKey="date").json
    assert (empty["records"], empty["page"], empty["pageSize"]) == ([], 1, 15)
    item, shape = any_app.app.add_item(), any_app.app.definition.history
    start = any_app.app.clock()
    events = ("grabbed", shape.imported, "downloadFailed")
    for hours, event in enumerate(events):
        any_app.app.history.add(item, event, date=start + timedelta(hours=hours), download_id=f"D{hours}")
    assert [row["eventType"] for row in any_app.records("history")] == list(reversed(events))
    chosen = [row["eventType"] for row in any_app.records("history", eventType=[1, 3])]
    assert chosen == ([events[0]] if any_app.app.definition.kind == "whisparr2" else [events[1], events[0]])
    assert [row["downloadId"] for row in any_app.records("history", downloadId="D2")] == ["D2"]
    assert any_app.get("history", eventType="grabbed").status == 400
    later = (start + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [row["eventType"] for row in any_app.get("history/since", date=later).json] == list(events[1:])
    assert [row["downloadId"] for row in any_app.get("history/since", eventType="downloadFailed").json] == ["D2"]
    assert len(any_app.get("history/since").json) == 3
    assert any_app.get("history/since", date="yesterday").status == 400


def test_history_of_one_owner(sonarr: Caller, radarr: Caller) -> None:
    series_id = sonarr.app.library.add_series(title="Harbour")
    episode_id = sonarr.app.library.add_episode(series_id, 2, 1)
    sonarr.app.history.add(episode_id, "grabbed", data={"releaseSource": "Rss"})
    (row,) = sonarr.get("history/series", seriesId=series_id, seasonNumber=2, includeSeries="true").json
    assert (row["series"]["title"], row["data"]["releaseSource"]) == ("Harbour", "Rss")
    assert sonarr.get("history/series", seriesId=series_id, seasonNumber=1).json == []
    movie_id = radarr.app.library.add_movie()
    radarr.app.history.add(movie_id, "grabbed")
    assert [r["movieId"] for r in radarr.get("history/movie", movieId=movie_id).json] == [movie_id]


def test_the_calendar_window_and_its_unmonitored_flag(any_app: Caller) -> None:
    app, now = any_app.app, any_app.app.clock()
    soon = now + timedelta(hours=5)
    one, hidden = app.add_item(released=soon), app.add_item(released=soon, monitored=False)
    app.add_item(released=now + timedelta(days=30))
    window = {"start": "2026-01-15T00:00:00Z", "end": "2026-01-16T00:00:00Z"}
    assert [item["id"] for item in any_app.get("calendar", **window).json] == [one]
    assert [item["id"] for item in any_app.get("calendar", unmonitored="true", **window).json] == [one, hidden]


def test_builders_take_aware_dates_only(sonarr: Caller) -> None:
    series_id = sonarr.app.library.add_series()
    with pytest.raises(ValueError, match="aware"):
        sonarr.app.library.add_episode(series_id, 1, 1, air_date=datetime(2020, 1, 1))  # noqa: DTZ001 - the point
    sonarr.app.library.add_episode(series_id, 1, 1, air_date=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("kind", ["sonarr", "radarr"])
def test_a_seeded_library_is_varied_and_repeatable(kind: Any) -> None:
    def made(seed: int) -> SimApp:
        return SimApp(kind, SimSettings(seed=seed), library=LibrarySpec(series=40, movies=800), clock=SimClock.frozen())

    app = made(7)
    items = app.db.rows("SELECT * FROM items")
    assert [tuple(row) for row in items] == [tuple(row) for row in made(7).db.rows("SELECT * FROM items")]
    assert [tuple(row) for row in items] != [tuple(row) for row in made(8).db.rows("SELECT * FROM items")]
    now = app.clock.timestamp()
    owners = items if kind == "radarr" else app.db.rows("SELECT * FROM parents")
    assert {row["monitored"] for row in items} == {0, 1}
    assert len({row["profile_id"] for row in owners}) == 3
    assert {row["tags"] for row in owners} > {"[]"}
    assert {row["last_search_at"] is None for row in items} == {True, False}
    assert any(now - row["added_at"] < DAY for row in owners)
    if kind == "sonarr":
        assert {row["season"] for row in items} == {0, 1, 2, 3}
        assert any(row["air_at"] is None for row in items)
        assert any((row["air_at"] or 0) > now for row in items)
        assert any(0 <= now - (row["air_at"] or 0) < 2 * DAY for row in items)
        assert {row["status"] for row in owners} == {"ended", "continuing"}
        assert {row["monitored"] for row in app.db.rows("SELECT * FROM seasons WHERE number > 0")} == {0, 1}
    else:
        assert {row["availability"] for row in items} == {"announced", "inCinemas", "released"}
        available = {movie["isAvailable"] for movie in Caller(app).get("movie").json}
        assert available == {True, False}
        assert {row["status"] for row in items} >= {"released", "announced"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [10, 137, 1000])
def test_with_missing_makes_exactly_that_many(kind: Any, count: int) -> None:
    app = SimApp(kind, library=LibrarySpec.with_missing(count), clock=SimClock.frozen())
    assert app.state()["missing"] == len(app.library.missing_ids()) == count

"""What the search commands do, and what comes of a search."""

from typing import Any

import pytest

from tests.simulator import LibrarySpec, SimApp, SimClock, SimSettings
from tests.simulator_tests.caller import Caller

DAY = 86_400


def searched(call: Caller) -> list[tuple[str, tuple[int, ...]]]:
    return [(record.unit, record.item_ids) for record in call.app.searcher.records]


def barren(call: Caller) -> Caller:
    call.app.settings.grab_share = 0.0
    return call


def test_an_episode_search_marks_each_item_and_ignores_monitoring(sonarr: Caller) -> None:
    library = barren(sonarr).app.library
    series_id = library.add_series(monitored=False)
    ids = [library.add_episode(series_id, 1, n, monitored=False) for n in (1, 2)]
    done = sonarr.run("EpisodeSearch", episodeIds=[ids[1], ids[0]])
    assert done["message"] == "Episode search completed. 0 reports downloaded."
    assert searched(sonarr) == [("episode", (ids[1],)), ("episode", (ids[0],))]
    assert sonarr.get(f"episode/{ids[0]}").json["lastSearchTime"] == done["ended"]


def test_an_unknown_episode_ends_the_command_there(sonarr: Caller) -> None:
    library = sonarr.app.library
    series_id = library.add_series()
    first, last = (library.add_episode(series_id, 1, n) for n in (1, 2))
    assert sonarr.run("EpisodeSearch", episodeIds=[first, 404, last])["status"] == "failed"
    assert searched(sonarr) == [("episode", (first,))]


def test_one_unknown_movie_fails_the_whole_command(radarr: Caller) -> None:
    movie_id = radarr.app.library.add_movie()
    failed = radarr.run("MoviesSearch", movieIds=[movie_id, 404])
    assert failed["status"] == "failed"
    assert "Expected query to return 2 rows but returned 1" in failed["exception"]
    assert searched(radarr) == []


def test_radarr_searches_what_it_is_told_longest_unsearched_first(radarr: Caller) -> None:
    library = barren(radarr).app.library
    late = library.add_movie(last_search=200, monitored=False)
    early = library.add_movie(last_search=100, minimum_availability="released")
    never = library.add_movie()
    done = radarr.run("MoviesSearch", movieIds=[late, early, never])
    assert done["message"] == "Completed search for 3 movies. 0 reports downloaded."
    assert searched(radarr) == [("movie", (never,)), ("movie", (early,)), ("movie", (late,))]


def test_a_season_search_covers_monitored_episodes_with_or_without_files(sonarr: Caller) -> None:
    library = barren(sonarr).app.library
    series_id = library.add_series()
    wanted = [library.add_episode(series_id, 1, 1), library.add_episode(series_id, 1, 2, has_file=True)]
    library.add_episode(series_id, 1, 3, monitored=False)
    library.add_episode(series_id, 2, 1)
    done = sonarr.run("SeasonSearch", seriesId=series_id, seasonNumber=1)
    assert done["message"] == "Season search completed. 0 reports downloaded."
    assert searched(sonarr) == [("season", tuple(wanted))]
    unknown = sonarr.run("SeasonSearch", seriesId=99, seasonNumber=1)
    assert (unknown["status"], unknown["message"]) == ("completed", "Season search completed. 0 reports downloaded.")


def test_a_series_search_goes_season_by_season(sonarr: Caller) -> None:
    library = barren(sonarr).app.library
    series_id = library.add_series()
    second, first = library.add_episode(series_id, 2, 1), library.add_episode(series_id, 1, 1)
    library.add_episode(series_id, 0, 1)
    library.set_season(series_id, 0, monitored=False)
    sonarr.run("SeriesSearch", seriesId=series_id)
    assert searched(sonarr) == [("season", (first,)), ("season", (second,))]


def test_a_series_search_without_monitored_seasons_takes_missing_episodes_singly(sonarr: Caller) -> None:
    library = barren(sonarr).app.library
    series_id = library.add_series()
    missing = library.add_episode(series_id, 1, 1)
    library.add_episode(series_id, 1, 2, has_file=True)
    library.add_episode(series_id, 1, 3, air_date=sonarr.app.clock.timestamp() + DAY)
    library.set_season(series_id, 1, monitored=False)
    sonarr.run("SeriesSearch", seriesId=series_id)
    assert searched(sonarr) == [("episode", (missing,))]


def test_the_v5_tree_leaves_complete_episodes_out_when_upgrades_are_off(sonarr: Caller, sonarr5: Caller) -> None:
    for call, count in ((sonarr, 2), (sonarr5, 1)):
        library = barren(call).app.library
        series_id = library.add_series(profile_id=3)
        library.add_episode(series_id, 1, 1)
        library.add_episode(series_id, 1, 2, has_file=True)
        call.run("SeriesSearch", seriesId=series_id)
        assert len(call.app.searcher.records[0].item_ids) == count


def test_a_missing_search_groups_by_season_and_leaves_queued_items_out(sonarr: Caller) -> None:
    library = barren(sonarr).app.library
    series_id, other = library.add_series(), library.add_series()
    pair = [library.add_episode(series_id, 1, n, last_search=500) for n in (1, 2)]
    single = library.add_episode(series_id, 2, 1)
    queued = library.add_episode(other, 1, 1)
    sonarr.app.downloads.add([queued])
    done = sonarr.run("MissingEpisodeSearch")
    assert done["message"] == "Completed search for 3 episodes. 0 reports downloaded."
    assert searched(sonarr) == [("episode", (single,)), ("season", tuple(pair))]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("MissingEpisodeSearch", "seriesIds", [1]),
        ("MissingEpisodeSearch", "qualityProfileIds", [1]),
        ("MissingEpisodeSearch", "seriesType", ["anime"]),
        ("MissingEpisodeSearch", "seriesTags", [1]),
        ("CutoffUnmetEpisodeSearch", "quality", [1]),
    ],
)
def test_the_v5_trees_filters(sonarr5: Caller, name: str, field: str, value: list[Any]) -> None:
    library = barren(sonarr5).app.library
    cutoff = name.startswith("Cutoff")
    first = library.add_series(series_type="anime", tags=["x"], profile_id=1)
    second = library.add_series(tags=["y"], profile_id=2)
    chosen = library.add_episode(first, 1, 1, has_file=cutoff, quality_id=1)
    library.add_episode(second, 1, 1, has_file=cutoff, quality_id=8)
    sonarr5.run(name, **{field: value})
    assert searched(sonarr5) == [("episode", (chosen,))]


def test_cutoff_and_missing_searches_of_radarr(radarr: Caller) -> None:
    library = barren(radarr).app.library
    missing, below = library.add_movie(), library.add_movie(has_file=True, quality_id=1)
    library.add_movie(monitored=False)
    radarr.run("MissingMoviesSearch")
    radarr.run("CutoffUnmetMoviesSearch")
    assert searched(radarr) == [("movie", (missing,)), ("movie", (below,))]


def test_without_indexers_a_search_completes_and_marks_nothing() -> None:
    call = Caller(SimApp("radarr", SimSettings(indexers=0, grab_share=1.0), clock=SimClock.frozen()))
    movie_id = call.app.library.add_movie()
    assert call.run("MoviesSearch", movieIds=[movie_id])["status"] == "completed"
    assert "lastSearchTime" not in call.get(f"movie/{movie_id}").json
    assert call.app.searcher.records[0].indexers == 0
    assert call.get("health").json[0]["source"] == "IndexerSearchCheck"


def test_a_grab_is_in_history_at_once_in_the_queue_then_imported(radarr: Caller) -> None:
    movie_id = radarr.app.library.add_movie()
    radarr.app.searcher.force(movie_id, "import")
    done = radarr.run("MoviesSearch", movieIds=[movie_id])
    assert done["message"] == "Completed search for 1 movies. 1 reports downloaded."
    (grab,) = radarr.records("history")
    assert (grab["eventType"], grab["movieId"], grab["date"]) == ("grabbed", movie_id, done["ended"])
    assert grab["data"]["releaseSource"] == "UserInvokedSearch"
    (row,) = radarr.records("queue")
    assert (row["movieId"], row["downloadId"]) == (movie_id, grab["downloadId"])
    radarr.app.advance(2 * 3600)
    assert radarr.records("queue") == []
    imported = radarr.records("history", eventType=3)
    assert [entry["downloadId"] for entry in imported] == [grab["downloadId"]]
    assert radarr.get(f"movie/{movie_id}").json["hasFile"] is True


def test_an_import_can_be_refused_and_then_stays_in_the_queue(sonarr: Caller) -> None:
    episode_id = sonarr.app.library.add_episode(sonarr.app.library.add_series(), 1, 1)
    sonarr.app.searcher.force(episode_id, "import_failed")
    sonarr.run("EpisodeSearch", episodeIds=[episode_id])
    sonarr.app.advance(DAY)
    (row,) = sonarr.records("queue")
    assert (row["status"], row["trackedDownloadState"], row["trackedDownloadStatus"]) == (
        *("completed", "importBlocked"),
        "warning",
    )
    assert row["statusMessages"][0]["messages"]
    assert sonarr.records("history", eventType=3) == []


def test_a_failed_download_is_blocklisted_and_searched_again_by_the_app(sonarr: Caller) -> None:
    episode_id = sonarr.app.library.add_episode(sonarr.app.library.add_series(), 1, 1)
    sonarr.app.settings.grab_share = 0.0
    sonarr.app.searcher.force(episode_id, "download_failed")
    sonarr.run("EpisodeSearch", episodeIds=[episode_id])
    sonarr.app.advance(DAY)
    assert [entry["eventType"] for entry in sonarr.records("history")] == ["downloadFailed", "grabbed"]
    assert sonarr.get("blocklist").json["totalRecords"] == 1
    assert [record.trigger for record in sonarr.app.searcher.records] == ["manual", "unspecified"]


def test_what_is_queued_or_good_enough_is_not_grabbed_again(radarr: Caller) -> None:
    radarr.app.settings.grab_share = 1.0
    library = radarr.app.library
    good = library.add_movie(has_file=True, quality_id=7, profile_id=1)
    queued = library.add_movie()
    radarr.app.downloads.add([queued])
    radarr.run("MoviesSearch", movieIds=[good, queued])
    assert [record.grabbed for record in radarr.app.searcher.records] == [0, 0]


def test_an_upgrade_ends_at_or_above_the_cutoff(sonarr: Caller) -> None:
    library = sonarr.app.library
    episode_id = library.add_episode(library.add_series(profile_id=2), 1, 1, has_file=True, quality_id=1)
    assert library.cutoff_ids() == {episode_id}
    sonarr.app.searcher.force(episode_id, "import")
    sonarr.run("CutoffUnmetEpisodeSearch")
    sonarr.app.advance(DAY)
    assert library.cutoff_ids() == set()
    assert "episodeFileDeleted" in [entry["eventType"] for entry in sonarr.records("history")]


def test_a_search_can_be_made_to_fail(radarr: Caller) -> None:
    movie_id = radarr.app.library.add_movie()
    radarr.app.searcher.force(movie_id, "fail")
    assert radarr.run("MoviesSearch", movieIds=[movie_id])["status"] == "failed"
    assert "lastSearchTime" not in radarr.get(f"movie/{movie_id}").json


@pytest.mark.parametrize("kind", ["sonarr", "radarr"])
def test_the_same_seed_has_the_same_outcomes(kind: Any) -> None:
    def outcomes(seed: int) -> list[tuple[tuple[int, ...], int]]:
        settings = SimSettings(seed=seed, grab_share=0.5)
        app = SimApp(kind, settings, library=LibrarySpec(series=4, movies=60), clock=SimClock.frozen())
        app.post_command("MissingMoviesSearch" if kind == "radarr" else "MissingEpisodeSearch")
        app.advance(5)
        return [(record.item_ids, record.grabbed) for record in app.searcher.records]

    assert outcomes(1) == outcomes(1) != outcomes(2)
    grabs = [grabbed > 0 for _, grabbed in outcomes(1)]
    assert 0 < sum(grabs) < len(grabs)

"""What counts as missing or below the cutoff, and how a record looks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.simulator import LibrarySpec, SimApp, SimClock
from tests.simulator.definitions import AppKind
from tests.simulator_tests.caller import Caller
from tests.simulator_tests.conftest import KINDS, WITHOUT_WANTED

OLD = datetime(2015, 5, 1, tzinfo=UTC)


def test_nothing_is_wanted_in_an_empty_app(wanting: Caller) -> None:
    for kind in ("missing", "cutoff"):
        answer = wanting.get(f"wanted/{kind}", page=0, pageSize=15, sortDir="desc")
        assert (answer.json["records"], answer.json["totalRecords"]) == ([], 0)


@pytest.mark.parametrize(
    ("series", "episode", "listed_as_monitored"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_sonarr_monitored_means_both_and_unmonitored_means_either(
    sonarr: Caller, series: bool, episode: bool, listed_as_monitored: bool
) -> None:
    series_id = sonarr.app.library.add_series(monitored=series)
    episode_id = sonarr.app.library.add_episode(series_id, 1, 1, air_date=OLD, monitored=episode)
    assert sonarr.ids("wanted/missing") == ([episode_id] if listed_as_monitored else [])
    assert sonarr.ids("wanted/missing", monitored="false") == ([] if listed_as_monitored else [episode_id])


def test_the_seasons_monitoring_is_not_consulted(sonarr: Caller) -> None:
    series_id = sonarr.app.library.add_series()
    episode_id = sonarr.app.library.add_episode(series_id, 1, 1)
    sonarr.app.library.set_season(series_id, 1, monitored=False)
    assert sonarr.ids("wanted/missing") == [episode_id]


def test_an_episode_is_missing_once_its_runtime_is_over(sonarr: Caller) -> None:
    series_id = sonarr.app.library.add_series(runtime=45)
    starts = sonarr.app.clock.timestamp() + 60
    sonarr.app.library.add_episode(series_id, 1, 1, air_date=starts)
    sonarr.app.advance(60 + 44 * 60)
    assert sonarr.get("wanted/missing").json["totalRecords"] == 0
    sonarr.app.advance(60)
    assert sonarr.get("wanted/missing").json["totalRecords"] == 1


def test_an_episode_without_air_date_is_never_missing(sonarr: Caller) -> None:
    series_id = sonarr.app.library.add_series()
    sonarr.app.library.add_episode(series_id, 1, 1, aired=False)
    assert sonarr.ids("wanted/missing") == []


def test_specials_are_missing_but_never_below_the_cutoff(sonarr: Caller) -> None:
    series_id = sonarr.app.library.add_series(profile_id=1)
    missing = sonarr.app.library.add_episode(series_id, 0, 1)
    sonarr.app.library.add_episode(series_id, 0, 2, has_file=True, quality_id=1)
    regular = sonarr.app.library.add_episode(series_id, 1, 1, has_file=True, quality_id=1)
    assert sonarr.ids("wanted/missing") == [missing]
    assert sonarr.ids("wanted/cutoff") == [regular]


def test_radarr_lists_unreleased_movies_and_says_that_they_are_not_available(radarr: Caller) -> None:
    future = radarr.app.clock.timestamp() + 86_400
    movie_id = radarr.app.library.add_movie(minimum_availability="released", digital=future, status="announced")
    radarr.app.library.add_movie(year=0)
    (record,) = radarr.records("wanted/missing")
    assert (record["id"], record["isAvailable"]) == (movie_id, False)
    radarr.app.advance(86_400)
    assert radarr.records("wanted/missing")[0]["isAvailable"] is True


@pytest.mark.parametrize(
    ("minimum", "cinema", "digital", "physical", "expected"),
    [
        ("announced", None, None, None, True),
        ("tba", 10, 10, 10, True),
        ("inCinemas", -1, 10, None, True),
        ("inCinemas", 1, -1, None, False),
        ("inCinemas", None, -1, None, True),
        ("released", -10, 5, -1, True),
        ("released", -89, None, None, False),
        ("released", -90, None, None, True),
        ("released", None, None, None, False),
    ],
)
def test_availability(
    radarr: Caller, minimum: str, cinema: int | None, digital: int | None, physical: int | None, expected: bool
) -> None:
    now = radarr.app.clock.timestamp()
    dates = [None if days is None else now + days * 86_400 for days in (cinema, digital, physical)]
    radarr.app.library.add_movie(minimum_availability=minimum, in_cinemas=dates[0], digital=dates[1], physical=dates[2])
    assert radarr.records("wanted/missing")[0]["isAvailable"] is expected


def test_the_availability_delay_is_added(radarr: Caller) -> None:
    radarr.app.settings.availability_delay_days = 2
    radarr.app.library.add_movie(minimum_availability="released", digital=radarr.app.clock.timestamp() - 86_400)
    assert radarr.records("wanted/missing")[0]["isAvailable"] is False
    radarr.app.advance(86_400)
    assert radarr.records("wanted/missing")[0]["isAvailable"] is True


def test_radarr_monitored_is_plain_equality(radarr: Caller) -> None:
    yes, no = radarr.app.library.add_movie(), radarr.app.library.add_movie(monitored=False)
    assert radarr.ids("wanted/missing") == [yes]
    assert radarr.ids("wanted/missing", monitored="false") == [no]


@pytest.mark.parametrize(("monitored", "flag", "listed"), [(True, "true", 1), (False, "true", 0), (False, "false", 1)])
def test_a_file_below_the_cutoff_of_profile_1_is_cutoff_unmet(
    wanting: Caller, monitored: bool, flag: str, listed: int
) -> None:
    """SDTV below HDTV-720p, MP3-192 below Lossless, PDF below AZW3; the owner's flag is as good as the item's."""
    app = wanting.app
    if app.definition.owner:
        app.add_item(app.add_owner(monitored=monitored), has_file=True, quality_id=1)
    else:
        app.add_item(monitored=monitored, has_file=True, quality_id=1)
    assert wanting.get("wanted/cutoff", monitored=flag).json["totalRecords"] == listed
    assert wanting.get("wanted/missing", monitored=flag).json["totalRecords"] == 0


def test_cutoff_ignores_the_format_score(radarr: Caller) -> None:
    assert radarr.app.library.profiles[2].cutoff_format_score == 100
    radarr.app.library.add_movie(has_file=True, quality_id=3, score=0, profile_id=2)
    assert radarr.ids("wanted/cutoff") == []


def test_a_group_as_cutoff_counts_its_members_as_met(radarr: Caller) -> None:
    below = radarr.app.library.add_movie(has_file=True, quality_id=9, profile_id=2)
    for member in (15, 3):
        radarr.app.library.add_movie(has_file=True, quality_id=member, profile_id=2)
    assert radarr.ids("wanted/cutoff") == [below]


def test_without_upgrades_only_files_below_the_first_allowed_quality_count(radarr: Caller) -> None:
    below = radarr.app.library.add_movie(has_file=True, quality_id=1, profile_id=3)
    radarr.app.library.add_movie(has_file=True, quality_id=4, profile_id=3)  # allowed, but below the cutoff
    assert radarr.ids("wanted/cutoff") == [below]


def test_an_unknown_cutoff_counts_as_the_first_step(radarr: Caller) -> None:
    profile = radarr.app.library.profiles[1]
    radarr.app.library.add_movie(has_file=True, quality_id=1)
    radarr.app.library.set_profile(replace(profile, cutoff=777))
    assert radarr.ids("wanted/cutoff") == []


def test_changing_profile_quality_or_monitoring_changes_the_lists(sonarr: Caller) -> None:
    library = sonarr.app.library
    series_id = library.add_series(profile_id=1)
    episode_id = library.add_episode(series_id, 1, 1, has_file=True, quality_id=5)
    assert sonarr.ids("wanted/cutoff") == []
    library.update_parent(series_id, profile_id=4)
    assert sonarr.ids("wanted/cutoff") == [episode_id]
    library.set_quality(episode_id, 19)
    assert sonarr.ids("wanted/cutoff") == []
    library.remove_file(episode_id)
    assert sonarr.ids("wanted/missing") == [episode_id]
    library.update_parent(series_id, monitored=0)
    assert sonarr.ids("wanted/missing") == []


def test_sonarr_records_have_what_is_asked_for_and_no_nulls(sonarr: Caller) -> None:
    library = sonarr.app.library
    series_id = library.add_series(title="Harbour Lights")
    library.add_episode(series_id, 1, 1, air_date=OLD, has_file=True, quality_id=1)
    (bare,) = sonarr.records("wanted/cutoff")
    assert not {"series", "images", "episodeFile", "lastSearchTime"} & set(bare)
    assert (bare["airDateUtc"], bare["airDate"]) == ("2015-05-01T00:00:00Z", "2015-05-01")
    (full,) = sonarr.records("wanted/cutoff", includeSeries="true", includeImages="true", includeEpisodeFile="true")
    assert full["series"]["title"] == "Harbour Lights"
    assert not {"statistics", "alternateTitles", "rootFolderPath"} & set(full["series"])
    assert full["episodeFile"]["quality"]["quality"]["name"] == "SDTV"
    assert full["images"]


def test_radarr_cutoff_records_have_no_movie_file(radarr: Caller) -> None:
    radarr.app.library.add_movie(title="The Ledger", has_file=True, quality_id=1)
    (record,) = radarr.records("wanted/cutoff")
    assert "movieFile" not in record
    assert (record["hasFile"], record["alternateTitles"], record["title"]) == (True, [], "The Ledger")
    assert record["statistics"]["movieFileCount"] == 1


def test_wanted_by_id_is_the_episode_in_sonarr_and_404_in_radarr(sonarr: Caller, radarr: Caller) -> None:
    episode_id = sonarr.app.library.add_episode(sonarr.app.library.add_series(), 1, 1, has_file=True)
    assert sonarr.get(f"wanted/missing/{episode_id}").json["id"] == episode_id
    assert radarr.get(f"wanted/missing/{radarr.app.library.add_movie()}").status == 404


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != WITHOUT_WANTED])
def test_the_lists_agree_with_the_data_of_a_varied_library(kind: AppKind) -> None:
    app = SimApp(kind, library=LibrarySpec(series=30, movies=600), clock=SimClock.frozen())
    call = Caller(app)
    for name, expected in (("missing", app.library.missing_ids()), ("cutoff", app.library.cutoff_ids())):
        answer = call.get(f"wanted/{name}", pageSize=5_000).json
        assert {record["id"] for record in answer["records"]} == expected
        assert answer["totalRecords"] == len(expected) > 0

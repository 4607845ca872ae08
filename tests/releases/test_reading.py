"""What a person reads in a name: where Radarr is wrong, and where names are odd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.matching import clean_title
from app.releases.models import Quality, ReleaseKind
from app.releases.reader import MAX_NAME_LENGTH, read_release_name


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        ("Salt.Road.2021.2160p.BluRay.HEVC.10bit-GRP", Quality.BLURAY_2160P),
        ("Salt.Road.2021.BluRay.4K.HEVC-GRP", Quality.BLURAY_2160P),
        ("Salt.Road.2021.4K.BDRip.x264-GRP", Quality.BLURAY_2160P),
        ("Salt.Road.2021.WEB-DL.4K-GRP", Quality.WEBDL_2160P),
        ("Copper.Valley.2003.1080p.AMZN.x264-GRP", Quality.WEBDL_1080P),
        ("Copper.Valley.2003.720p.NF.H264-GRP", Quality.WEBDL_720P),
        ("Salt.Road.2021.1080p.BDRip.x264-R2", Quality.BLURAY_1080P),
        ("Salt.Road.2021.1080p.BDRip.x264-PDTV", Quality.BLURAY_1080P),
        ("Glass.Orchard.2003.1080p.BluRay.DTS.XviD-GRP", Quality.BLURAY_1080P),
        ("Salt.Road.2021.BluRay.Disc.1.2160p.x265-GRP", Quality.BLURAY_2160P),
        ("Night.Ferry.2016.COMPLETE.BLURAY-GRP", Quality.BR_DISK),
        ("Night Ferry 2016 1080p Blu-ray AVC DTS-HD MA 5.1", Quality.BR_DISK),
    ],
)
def test_the_quality_is_what_a_person_reads(name: str, quality: Quality) -> None:
    assert read_release_name(name).quality is quality


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Harbor.Watch.2019.S01E02.720p.HDTV.x264-GRP", ReleaseKind.EPISODE),
        ("Harbor.Watch.2019.Episode.1.720p.HDTV.x264-GRP", ReleaseKind.EPISODE),
        ("WWE.Raw.2019.05.06.720p.HDTV.x264-GRP", ReleaseKind.EPISODE),
        ("Quarry.Trilogy.2001.1080p.BluRay.x264-GRP", ReleaseKind.PACK),
        ("Quarry Collection (1979-2017) 1080p BluRay", ReleaseKind.PACK),
        ("Harbor.2019.Trailer.1080p", ReleaseKind.EXTRA),
        ("Harbor.2019.Behind.the.Scenes.1080p", ReleaseKind.EXTRA),
        ("Some Author - Some Book (2019) [Audiobook] M4B 64kbps", ReleaseKind.OTHER_MEDIUM),
        ("Some Artist - Some Album (2019) [FLAC]", ReleaseKind.OTHER_MEDIUM),
        ("Free.Sample.2019.1080p.BluRay.x264-GRP", ReleaseKind.MOVIE),
        ("Glass.Orchard.2003.1080p.BluRay.The.Criterion.Collection.DTS.x264-GRP", ReleaseKind.MOVIE),
    ],
)
def test_what_is_no_single_movie_is_told(name: str, kind: ReleaseKind) -> None:
    assert read_release_name(name).kind is kind


@pytest.mark.parametrize(
    ("words", "languages"),
    [
        ("ESP", {"Spanish"}),
        ("CZECH", {"Czech"}),
        ("NL", {"Dutch"}),
        ("HIN", {"Hindi"}),
        ("JPN", {"Japanese"}),
        ("SWE", {"Swedish"}),
        ("LAT", {"Spanish (Latino)"}),
        ("PT", {"Portuguese"}),
        ("FARSI", {"Persian"}),
        ("German.DL", {"German", "Original"}),
        ("German.ML", {"German", "Original", "English"}),
        ("NL.Subs", set()),
        ("Die.Hard", set()),
    ],
)
def test_languages_are_read_where_they_stand(words: str, languages: set[str]) -> None:
    assert set(read_release_name(f"Iron.Meadow.2019.{words}.1080p.BluRay.x264-GRP").languages) == languages


@pytest.mark.parametrize(
    "edition",
    ["Criterion", "4K.Remaster", "Redux", "Limited.Edition", "Deluxe.Edition", "International.Cut", "B&W", "DC"],
)
def test_editions_that_radarr_does_not_know(edition: str) -> None:
    name = f"Iron.Meadow.2019.{edition}.1080p.BluRay.x264-GRP"
    assert read_release_name(name).edition == edition.replace(".", " ")


@pytest.mark.parametrize("word", ["ESub", "ESubs", "NORDiCSUBS", "SweSub", "SUBBED", "PLSUB"])
def test_soft_subtitles_are_no_part_of_the_picture(word: str) -> None:
    assert read_release_name(f"Iron.Meadow.2019.1080p.WEB-DL.{word}.H264-GRP").hardcoded_subtitles is None


@pytest.mark.parametrize("word", ["HC", "KORSUB", "HARDSUB", "HCSUBS"])
def test_hardcoded_subtitles_are(word: str) -> None:
    assert read_release_name(f"Iron.Meadow.2019.1080p.{word}.WEB-DL.H264-GRP").hardcoded_subtitles == word


def test_numbers_of_databases_are_read() -> None:
    read = read_release_name("Iron Meadow (2019) {imdb-tt0810001} {tmdb-810001} Bluray-1080p")
    assert (read.imdb_id, read.tmdb_id) == ("tt0810001", 810001)


def test_a_name_without_a_year_still_gives_its_title() -> None:
    read = read_release_name("Iron.Meadow.1080p.BluRay.x264-GRP")
    assert (read.titles, read.year, read.quality) == (("Iron Meadow",), None, Quality.BLURAY_1080P)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dr. Marrow & the Café: Part II", "Dr.Marrow.and.the.Cafe.Part.2"),
        ("Quarry: The Return", "Quarry Return"),
        ("Größe: Ärger", "Groesse Aerger"),
        ("What's Left", "Whats Left"),
        ("S.W.A.M.P.", "SWAMP"),
    ],
)
def test_titles_that_are_the_same(one: str, other: str) -> None:
    assert clean_title(one) == clean_title(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("The Up", "Up"), ("Iron Meadow", "Iron Meadow 2"), ("Up", "Up in Smoke"), ("Harbor 2", "Harbor 3")],
)
def test_titles_that_are_not(one: str, other: str) -> None:
    assert clean_title(one) != clean_title(other)


WORDS = st.sampled_from(
    [
        "Iron",
        "Meadow",
        "2019",
        "(2019)",
        "[2019]",
        "1080p",
        "BluRay",
        "x264-",
        "GRP",
        "German",
        "DL",
        "S01E01",
        "-",
        "[",
        "]",
    ]
)


@given(st.one_of(st.text(max_size=1200), st.lists(WORDS, max_size=60).map(".".join)))
def test_any_text_is_read(name: str) -> None:
    read = read_release_name(name)
    assert len(read.name) <= MAX_NAME_LENGTH
    assert all(title.strip() for title in read.titles)
    assert read.year is None or 1800 <= read.year <= 2099


@given(st.text(max_size=300))
def test_any_title_can_be_cleaned(title: str) -> None:
    assert not any(character.isspace() for character in clean_title(title))

"""Which files of a download are imported. The downloads are those that were tried on a running Radarr."""

import pytest

from app.movie_hunt.decisions.facts import MovieFacts
from app.movie_hunt.importing.choosing import ChosenFiles, ImportReason, JobFile, WaitsForPerson, choose
from app.releases.reader import read_release_name

MOVIE = MovieFacts("Iron Meadow", 2019, runtime_minutes=100)
MB = 1024 * 1024
MAIN = "Iron.Meadow.2019.1080p.BluRay.x264-GRP.mkv"


def chosen(*files: tuple[str, int]) -> ChosenFiles:
    return choose([JobFile(path, size * MB) for path, size in files], MOVIE, read_release_name)


@pytest.mark.parametrize(
    ("files", "video"),
    [
        ([(MAIN, 200)], MAIN),
        ([(MAIN, 200), (MAIN.replace(".mkv", ".sample.mkv"), 50)], MAIN),
        ([("a8f3kd9s0fk3jd8s.mkv", 200)], "a8f3kd9s0fk3jd8s.mkv"),
        ([("Iron Meadow.mkv", 200)], "Iron Meadow.mkv"),
        ([("Iron.Meadow.2018.1080p.BluRay.x264-GRP.mkv", 200)], "Iron.Meadow.2018.1080p.BluRay.x264-GRP.mkv"),
        ([(MAIN, 200), ("codec.exe", 5)], MAIN),
        ([(MAIN, 200), ("Iron.Meadow.2019-trailer.mkv", 90)], MAIN),
        ([(MAIN, 120), ("zz.other.cut.mkv", 200)], MAIN),
        ([("iron.iso", 200)], "iron.iso"),
        # Radarr takes the largest file of a pack, which is another movie.
        (
            [
                ("Iron.Meadow.2019.1080p.mkv", 200),
                ("Iron.Meadow.2.2022.1080p.mkv", 210),
                ("Iron.Meadow.3.2024.mkv", 220),
            ],
            "Iron.Meadow.2019.1080p.mkv",
        ),
    ],
)
def test_the_movie_is_found(files: list[tuple[str, int]], video: str) -> None:
    assert chosen(*files).video.path == video


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("iron.rar", 100), ("iron.r00", 100), ("iron.sfv", 1)], ImportReason.ARCHIVES_ONLY),
        ([("film.zip", 200)], ImportReason.ARCHIVES_ONLY),
        ([("Iron.Meadow.2019.exe", 200)], ImportReason.EXECUTABLE),
        ([("Iron.Meadow.2019.mkv.exe", 100)], ImportReason.EXECUTABLE),
        ([("readme.txt", 1), ("a.jpg", 1)], ImportReason.NO_VIDEO),
        ([(f"{MAIN}.part", 200), (f"{MAIN}.!qB", 10)], ImportReason.NO_VIDEO),
        ([("sample.mkv", 10)], ImportReason.SAMPLE_ONLY),
        ([(f"_UNPACK_x/{MAIN}", 200)], ImportReason.UNPACKING),
        ([("x.CD1.avi", 200), ("x.CD2.avi", 200)], ImportReason.SEVERAL_PARTS),
        ([("VIDEO_TS/VTS_01_1.VOB", 200), ("VIDEO_TS/VIDEO_TS.IFO", 1)], ImportReason.DISC_FOLDER),
        ([("BDMV/STREAM/00001.m2ts", 200), ("BDMV/index.bdmv", 1)], ImportReason.DISC_FOLDER),
        # Radarr imports these as the movie.
        ([("Copper.Valley.2018.1080p.BluRay.x264-GRP.mkv", 200)], ImportReason.OTHER_MOVIE),
        ([("Iron.Meadow.S01E01.1080p.WEB-DL.mkv", 200)], ImportReason.OTHER_MOVIE),
        ([("a.mkv", 200), ("b.mkv", 190)], ImportReason.SEVERAL_MOVIES),
    ],
)
def test_what_is_not_certain_waits_for_a_person(files: list[tuple[str, int]], reason: ImportReason) -> None:
    with pytest.raises(WaitsForPerson) as waits:
        chosen(*files)
    assert waits.value.reason is reason
    assert str(waits.value).rstrip(")").endswith((".", "mkv"))


def test_subtitles_with_its_name_beside_it_and_in_a_folder_of_their_own_come_along() -> None:
    stem = MAIN.removesuffix(".mkv")
    files = [(MAIN, 200), (f"{stem}.en.srt", 1), ("other.srt", 1), ("Subs/2_English.srt", 1), ("Deep/er/x.srt", 1)]
    assert [each.path for each in chosen(*files).subtitles] == [f"{stem}.en.srt", "other.srt", "Subs/2_English.srt"]


def test_with_several_videos_only_subtitles_of_its_name_do() -> None:
    stem = MAIN.removesuffix(".mkv")
    files = [(MAIN, 200), ("Iron.Meadow.2.2022.mkv", 210), (f"{stem}.srt", 1), ("Iron.Meadow.2.2022.srt", 1)]
    assert [each.path for each in chosen(*files).subtitles] == [f"{stem}.srt"]

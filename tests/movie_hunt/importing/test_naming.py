"""Names of imported files, and paths of clients."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movie_hunt.importing.naming import movie_file, movie_folder, subtitle_file
from app.movie_hunt.importing.paths import to_local
from app.releases.models import Quality

ROOT = Path("/movies")


@pytest.mark.parametrize(
    ("title", "folder"),
    [
        ("Iron Meadow", "Iron Meadow (2019)"),
        ("Quarry: The Return", "Quarry - The Return (2019)"),
        ("Quarry:Return", "Quarry-Return (2019)"),
        ("What? *Now* / Then", "What! -Now- + Then (2019)"),
        ('<Odd> | "Title"', "Odd Title (2019)"),
        ("Tab\there\u202eevil", "Tab here evil (2019)"),
        ("..", "Movie (2019)"),
        ("CON", "CON (2019)"),
        ("静かな港", "静かな港 (2019)"),
    ],
)
def test_a_folder_has_a_safe_name(title: str, folder: str) -> None:
    assert movie_folder(ROOT, title, 2019).name == folder


def test_a_reserved_name_of_windows_is_changed() -> None:
    assert movie_folder(ROOT, "CON", None).name == "_CON"


def test_a_file_has_title_year_and_quality() -> None:
    folder = movie_folder(ROOT, "Iron Meadow", 2019)
    file = movie_file(folder, "Iron Meadow", 2019, Quality.BLURAY_1080P, ".MKV")
    assert file == ROOT / "Iron Meadow (2019)" / "Iron Meadow (2019) Bluray-1080p.mkv"


@pytest.mark.parametrize(
    ("subtitle", "name"),
    [
        ("x.en.srt", "Video.en.srt"),
        ("x.de.forced.srt", "Video.de.forced.srt"),
        ("x.srt", "Video.srt"),
        ("2_English.srt", "Video.srt"),
    ],
)
def test_subtitles_keep_their_marks(subtitle: str, name: str) -> None:
    assert subtitle_file(ROOT / "Video.mkv", "x", subtitle).name == name


@given(
    st.text(max_size=400), st.one_of(st.none(), st.integers(1870, 2200)), st.sampled_from(Quality), st.text(max_size=20)
)
def test_no_title_leads_out_of_the_root(title: str, year: int | None, quality: Quality, extension: str) -> None:
    folder = movie_folder(ROOT, title, year)
    file = movie_file(folder, title, year, quality, extension)
    assert (folder.parent, file.parent) == (ROOT, folder)
    assert all(0 < len(part.encode()) <= 255 for part in (folder.name, file.name))
    assert not set(folder.name + file.name) & set('/\\:?*<>|"\0\n')


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/downloads/x", "/mnt/d/x"),
        ("/downloads/movies/x", "/mnt/m/x"),
        ("/downloads2/x", "/downloads2/x"),
        ("C:\\Downloads\\x\\y.mkv", "/mnt/c/x/y.mkv"),
        ("c:\\downloads\\x", "/mnt/c/x"),
        ("D:\\x", None),
        ("/downloads/../etc", None),
        ("relative/x", None),
    ],
)
def test_paths_of_a_client_are_translated(path: str, local: str | None) -> None:
    mappings = [
        {"remote": "/downloads", "local": "/mnt/d"},
        {"remote": "/downloads/movies/", "local": "/mnt/m"},
        {"remote": "C:\\Downloads", "local": "/mnt/c"},
    ]
    assert to_local(path, mappings) == (None if local is None else Path(local))

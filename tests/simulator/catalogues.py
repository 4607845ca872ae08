"""The apps' qualities and a variety of profiles: plain, with a format score, without upgrades, and a demanding one."""

from collections.abc import Iterable
from dataclasses import replace

from tests.simulator.qualities import Catalogue, Profile, Quality, Steps, ladder


def _by_id(qualities: Iterable[Quality]) -> dict[int, Quality]:
    return {quality.id: quality for quality in qualities}


_VIDEO = _by_id(
    (
        Quality(0, "Unknown", "unknown", 0, "unknown"),
        Quality(1, "SDTV", "television", 480, "tv"),
        Quality(2, "DVD", "dvd", 480, "dvd"),
        Quality(3, "WEBDL-1080p", "web", 1080, "webdl"),
        Quality(4, "HDTV-720p", "television", 720, "tv"),
        Quality(5, "WEBDL-720p", "web", 720, "webdl"),
        Quality(6, "Bluray-720p", "bluray", 720, "bluray"),
        Quality(7, "Bluray-1080p", "bluray", 1080, "bluray"),
        Quality(8, "WEBDL-480p", "web", 480, "webdl"),
        Quality(9, "HDTV-1080p", "television", 1080, "tv"),
        Quality(14, "WEBRip-720p", "webRip", 720, "webrip"),
        Quality(15, "WEBRip-1080p", "webRip", 1080, "webrip"),
        Quality(16, "HDTV-2160p", "television", 2160, "tv"),
        Quality(18, "WEBDL-2160p", "web", 2160, "webdl"),
        Quality(19, "Bluray-2160p", "bluray", 2160, "bluray"),
    )
)
_VIDEO_STEPS: Steps = (
    (0, "", (0,)),
    (0, "", (1,)),
    (0, "", (8,)),
    (0, "", (2,)),
    (0, "", (4,)),
    (0, "", (9,)),
    (1001, "WEB 720p", (14, 5)),
    (0, "", (6,)),
    (1002, "WEB 1080p", (15, 3)),
    (0, "", (7,)),
    (0, "", (16,)),
    (0, "", (18,)),
    (0, "", (19,)),
)
_MUSIC = _by_id(
    (
        Quality(0, "Unknown"),
        Quality(1, "MP3-192"),
        Quality(2, "MP3-VBR-V0"),
        Quality(3, "MP3-256"),
        Quality(4, "MP3-320"),
        Quality(5, "MP3-160"),
        Quality(6, "FLAC"),
        Quality(7, "ALAC"),
        Quality(8, "MP3-VBR-V2"),
        Quality(13, "WAV"),
        Quality(21, "FLAC 24bit"),
    )
)
_MUSIC_STEPS: Steps = (
    (0, "", (0,)),
    (1001, "Poor Quality Lossy", (5,)),
    (1002, "Low Quality Lossy", (1,)),
    (1003, "Mid Quality Lossy", (3, 8)),
    (1004, "High Quality Lossy", (2, 4)),
    (1005, "Lossless", (6, 7, 21)),
    (0, "", (13,)),
)
_BOOKS = _by_id(
    (
        Quality(0, "Unknown Text"),
        Quality(1, "PDF"),
        Quality(2, "MOBI"),
        Quality(3, "EPUB"),
        Quality(4, "AZW3"),
        Quality(10, "MP3"),
        Quality(11, "FLAC"),
        Quality(12, "M4B"),
        Quality(13, "Unknown Audio"),
    )
)
_BOOK_STEPS: Steps = tuple((0, "", (quality_id,)) for quality_id in (0, 1, 2, 3, 4, 13, 10, 12, 11))


def _video_profiles() -> list[Profile]:
    hd = ladder(_VIDEO_STEPS, {9, 15, 3, 7})
    return [
        Profile(1, "Any", ladder(_VIDEO_STEPS, {1, 8, 2, 4, 9, 14, 5, 6, 15, 3, 7}), cutoff=4),
        Profile(2, "HD-1080p", hd, cutoff=1002, cutoff_format_score=100, format_scores={1: 50, 2: 50}),
        Profile(
            3,
            "No upgrades",
            ladder(_VIDEO_STEPS, {4, 14, 5, 6}),
            cutoff=6,
            upgrade_allowed=False,
            cutoff_format_score=100,
        ),
        Profile(4, "Ultra-HD", ladder(_VIDEO_STEPS, {16, 18, 19}), cutoff=19, format_scores={1: 100}),
    ]


def _music_profiles() -> list[Profile]:
    lossless = ladder(_MUSIC_STEPS, {6, 7, 21})
    return [
        Profile(1, "Any", ladder(_MUSIC_STEPS, set(_MUSIC) - {0}), cutoff=1005),
        Profile(2, "Lossless", lossless, cutoff=1005, cutoff_format_score=100, format_scores={1: 50, 2: 50}),
        Profile(
            3,
            "No upgrades",
            ladder(_MUSIC_STEPS, {2, 4, 6, 7}),
            cutoff=1005,
            upgrade_allowed=False,
            cutoff_format_score=100,
        ),
        Profile(4, "Studio", ladder(_MUSIC_STEPS, {13}), cutoff=13, format_scores={1: 100}),
    ]


def _book_profiles() -> list[Profile]:
    return [
        Profile(1, "eBook", ladder(_BOOK_STEPS, {1, 2, 3, 4}), cutoff=4),
        Profile(
            2, "Scored", ladder(_BOOK_STEPS, {3, 4}), cutoff=3, cutoff_format_score=100, format_scores={1: 50, 2: 50}
        ),
        Profile(
            3, "No upgrades", ladder(_BOOK_STEPS, {3, 4}), cutoff=4, upgrade_allowed=False, cutoff_format_score=100
        ),
        Profile(4, "Spoken", ladder(_BOOK_STEPS, {10, 12, 11}), cutoff=11, format_scores={1: 100}),
    ]


EPISODES = Catalogue(
    _VIDEO, _video_profiles, usual=5, low=(1, 8, 2), high=(7, 3, 15), form="series", min_upgrade_score=True
)
SIZED_EPISODES = replace(EPISODES, sized=True)
OLD_EPISODES = replace(EPISODES, min_upgrade_score=False)
MOVIES = replace(EPISODES, form="movie", language=True)
OLD_SCENES = replace(MOVIES, min_upgrade_score=False)
SCENES = replace(MOVIES, form="series")  # eros of 2026 has Sonarr's words for the sources, and no modifier
MUSIC = Catalogue(_MUSIC, _music_profiles, usual=6, low=(1, 5), high=(6, 7), form="bare")
BOOKS = Catalogue(_BOOKS, _book_profiles, usual=4, low=(1, 2), high=(4,), form="bare")

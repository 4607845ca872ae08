"""What is read in the name of a release. The names of qualities are Radarr's, which users know."""

from dataclasses import dataclass
from enum import StrEnum


class Quality(StrEnum):
    """Source and resolution, from the worst to the best as most people order them."""

    UNKNOWN = "Unknown"
    WORKPRINT = "WORKPRINT"
    CAM = "CAM"
    TELESYNC = "TELESYNC"
    TELECINE = "TELECINE"
    REGIONAL = "REGIONAL"
    DVDSCR = "DVDSCR"
    SDTV = "SDTV"
    DVD = "DVD"
    DVD_R = "DVD-R"
    WEBDL_480P = "WEBDL-480p"
    WEBRIP_480P = "WEBRip-480p"
    BLURAY_480P = "Bluray-480p"
    BLURAY_576P = "Bluray-576p"
    HDTV_720P = "HDTV-720p"
    WEBDL_720P = "WEBDL-720p"
    WEBRIP_720P = "WEBRip-720p"
    BLURAY_720P = "Bluray-720p"
    HDTV_1080P = "HDTV-1080p"
    WEBDL_1080P = "WEBDL-1080p"
    WEBRIP_1080P = "WEBRip-1080p"
    BLURAY_1080P = "Bluray-1080p"
    REMUX_1080P = "Remux-1080p"
    HDTV_2160P = "HDTV-2160p"
    WEBDL_2160P = "WEBDL-2160p"
    WEBRIP_2160P = "WEBRip-2160p"
    BLURAY_2160P = "Bluray-2160p"
    REMUX_2160P = "Remux-2160p"
    BR_DISK = "BR-DISK"
    RAW_HD = "Raw-HD"


class ReleaseKind(StrEnum):
    """What a release holds, as its name says."""

    MOVIE = "movie"
    EPISODE = "episode"
    """An episode or a season of a series, or a sports event."""
    PACK = "pack"
    """Several movies: a trilogy, a collection."""
    EXTRA = "extra"
    """A trailer, a sample, a featurette, a soundtrack of a movie."""
    OTHER_MEDIUM = "other_medium"
    """Music, a book, a game, a program."""


@dataclass(frozen=True, slots=True, order=True)
class Revision:
    """Versions of one release by quality of the work: 1 is the first, a PROPER or REPACK is 2."""

    version: int = 1
    real: int = 0
    is_repack: bool = False


FIRST_REVISION = Revision()


@dataclass(frozen=True, slots=True)
class ReleaseName:
    """A release's name, read."""

    name: str
    titles: tuple[str, ...] = ()
    """The title with blanks, then its parts where the name gives several (`A AKA B`). Empty: it could not be read."""
    year: int | None = None
    quality: Quality = Quality.UNKNOWN
    revision: Revision = FIRST_REVISION
    edition: str | None = None
    languages: tuple[str, ...] = ()
    """English names of languages as TMDB and Radarr have them (`German`, `Portuguese (Brazil)`), and `Original`.

    Empty: the name says nothing, which means the language that the movie was made in.
    """
    group: str | None = None
    hardcoded_subtitles: str | None = None
    """The word that says that subtitles are part of the picture, such as `HC`."""
    imdb_id: str | None = None
    """With its `tt`."""
    tmdb_id: int | None = None
    kind: ReleaseKind = ReleaseKind.MOVIE

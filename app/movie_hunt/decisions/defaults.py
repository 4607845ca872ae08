"""The order of qualities and the sizes that a profile begins with. The figures are Radarr's."""

from app.movie_hunt.decisions.facts import SizeBand
from app.releases.models import Quality

DEFAULT_GROUPS: tuple[tuple[Quality, ...], ...] = (
    (Quality.UNKNOWN,),
    (Quality.WORKPRINT,),
    (Quality.CAM,),
    (Quality.TELESYNC,),
    (Quality.TELECINE,),
    (Quality.REGIONAL,),
    (Quality.DVDSCR,),
    (Quality.SDTV,),
    (Quality.DVD,),
    (Quality.DVD_R,),
    (Quality.WEBDL_480P, Quality.WEBRIP_480P),
    (Quality.BLURAY_480P,),
    (Quality.BLURAY_576P,),
    (Quality.HDTV_720P,),
    (Quality.WEBDL_720P, Quality.WEBRIP_720P),
    (Quality.BLURAY_720P,),
    (Quality.HDTV_1080P,),
    (Quality.WEBDL_1080P, Quality.WEBRIP_1080P),
    (Quality.BLURAY_1080P,),
    (Quality.REMUX_1080P,),
    (Quality.HDTV_2160P,),
    (Quality.WEBDL_2160P, Quality.WEBRIP_2160P),
    (Quality.BLURAY_2160P,),
    (Quality.REMUX_2160P,),
    (Quality.BR_DISK,),
    (Quality.RAW_HD,),
)
DEFAULT_ALLOWED = frozenset(
    {
        Quality.HDTV_720P,
        Quality.WEBDL_720P,
        Quality.WEBRIP_720P,
        Quality.BLURAY_720P,
        Quality.HDTV_1080P,
        Quality.WEBDL_1080P,
        Quality.WEBRIP_1080P,
        Quality.BLURAY_1080P,
    }
)
DEFAULT_CUTOFF = Quality.BLURAY_1080P
MAX_RATE, PREFERRED_RATE = 100.0, 95.0
UNLIMITED = frozenset(
    {
        Quality.BLURAY_1080P,
        Quality.REMUX_1080P,
        Quality.HDTV_2160P,
        Quality.WEBDL_2160P,
        Quality.WEBRIP_2160P,
        Quality.BLURAY_2160P,
        Quality.REMUX_2160P,
        Quality.BR_DISK,
        Quality.RAW_HD,
    }
)


def default_size(quality: Quality) -> SizeBand:
    return SizeBand() if quality in UNLIMITED else SizeBand(0.0, PREFERRED_RATE, MAX_RATE)

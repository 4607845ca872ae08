"""Source and resolution in what follows the year, and the quality that both make."""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.releases.models import Quality


class Source(StrEnum):
    CAM = "CAM"
    TELESYNC = "TELESYNC"
    TELECINE = "TELECINE"
    WORKPRINT = "WORKPRINT"
    DVDSCR = "DVDSCR"
    REGIONAL = "REGIONAL"
    DVD = "DVD"
    DVD_R = "DVD-R"
    TV = "HDTV"
    RAW_HD = "Raw-HD"
    WEBDL = "WEBDL"
    WEBRIP = "WEBRip"
    BLURAY = "Bluray"
    BLURAY_RIP = "BDRip"
    """A rip of a disc: without a resolution it is of standard definition."""


_SOURCES: tuple[tuple[Source, str], ...] = (
    (Source.BLURAY_RIP, r"(?:UHD-?)?BD-?Rips?|BR-?Rips?|HD-?DVD-?Rip|BDLight"),
    (Source.BLURAY, r"Blu[ ._-]?Rays?|HD-?DVD|BD(?:25|50|66|100)?|BDISO|BR-?DISK|UHDBD|UHD2BD|BD-?Remux|BDMux"),
    (Source.WEBRIP, r"WEB-?Rips?|WEBMux|WEB-?HD-?Rip"),
    (Source.WEBDL, r"WEB-?DL(?:-?Rip)?|WEB|WebHD|AmazonHD|AmazonSD|iTunesHD|NetflixU?HD|WEB-?HD|DLWEB"),
    (Source.RAW_HD, r"RawHD|RAW-HD"),
    (Source.TV, r"HD-?TV(?:-?Rip)?|SD-?TV|PDTV|DSR(?:ip)?|DTH-?Rip|TV-?Rip|DVB(?:-?Rip)?|SAT-?Rip|WS-?PDTV|UHDTV|DTV"),
    (Source.DVDSCR, r"DVD-?SCR(?:EENER)?|SCR(?:EENER)?|BDSCR|WEBSCR|HDSCR|VHSSCR"),
    (Source.REGIONAL, r"R[0-9]|REGIONAL|DVD-?R5"),
    (Source.DVD_R, r"(?:[0-9]x)?DVD-?[R59]|(?:[0-9]x)?M?DVD-?R|DVDISO"),
    (Source.DVD, r"DVD(?:-?Rip|Mux)?|NTSC|PAL|xvidvd"),
    (Source.CAM, r"CAM(?:-?Rip)?|HD-?CAM(?:-?Rip)?|HQ-?CAM(?:-?Rip)?|NEW-?CAM"),
    (Source.TELESYNC, r"TS(?:-?Rip)?|TELESYNCH?|HD-?TS(?:-?Rip)?|PDVD|PRE-?DVD|TSRip|HQ-?TS"),
    (Source.TELECINE, r"TC|TELECINE|HD-?TC"),
    (Source.WORKPRINT, r"WORKPRINT|WP"),
)
_SOURCE = re.compile(
    "(?<![A-Za-z0-9])(?:" + "|".join(f"(?P<s{number}>{text})" for number, (_, text) in enumerate(_SOURCES)) + ")"
    "(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_SERVICE = re.compile(
    r"(?<![A-Za-z0-9])(?:AMZN|NF|DSNP|HMAX|MAX|ATVP|HULU|PCOK|PMTP|iT|STAN|CRAV|MA|iP|ITUNES|NETFLIX)(?![A-Za-z0-9])"
)
_RESOLUTION = re.compile(
    r"(?<![A-Za-z0-9])(?:(?P<r360>360p)|(?P<r480>480[pi]|540p|640x480|848x480|854x480)|(?P<r576>576[pi])|"
    r"(?P<r720>720[pi]|1280x720|960p)|(?P<r1080>1080[pi]|1920x1080|1440p|FHD|4kto1080p)|(?P<r2160>2160[pi]|3840x2160))"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_UHD = re.compile(r"(?<![A-Za-z0-9])UHD(?![A-Za-z0-9])", re.IGNORECASE)
_4K = re.compile(r"(?<![A-Za-z0-9])4K(?![A-Za-z0-9])", re.IGNORECASE)
_4K_EDITION = re.compile(r"(?<![A-Za-z0-9])4K[ ._-](?:Remaster|Restor|Scan)|Upscaled?[ ._-]4K", re.IGNORECASE)
_REMUX = re.compile(r"(?<![A-Za-z0-9])(?:BD|UHD)?-?REMUX(?![A-Za-z0-9])", re.IGNORECASE)
_X264 = re.compile(r"(?<![A-Za-z0-9])x\.?264(?![A-Za-z0-9])", re.IGNORECASE)
_XVID = re.compile(r"(?<![A-Za-z0-9])(?:XviD|DivX)(?![A-Za-z0-9])", re.IGNORECASE)
_MPEG2 = re.compile(r"(?<![A-Za-z0-9])MPEG-?2(?![A-Za-z0-9])", re.IGNORECASE)
_ENCODED = re.compile(r"(?<![A-Za-z0-9])(?:[xh][ ._-]?26[45]|REMUX|10-?bit|AV1)(?![A-Za-z0-9])", re.IGNORECASE)
_DISC_CODEC = re.compile(r"(?<![A-Za-z0-9])(?:AVC|VC-?1|MPEG-?2|BD25|BD50|BD66|BD100)(?![A-Za-z0-9])", re.IGNORECASE)
_DISC = re.compile(
    r"(?<![A-Za-z0-9])(?:COMPLETE[ ._-](?:UHD[ ._-])?(?:BLU-?RAY|BD)|"
    r"(?:COMPLETE[ ._-])?(?:BD|Blu-?ray|BR)[ ._-]?(?:ISO|DISK|DISC)|"
    r"(?:UHD[ ._-])?BLU-?RAY[ ._-]COMPLETE|BDMV|BD-?(?:25|50|66|100)|BR-?DISK|BDISO|"
    r"FULL[ ._-]DISC|(?:BLU-?RAY|BD)[ ._-](?:[0-9]+[pi][ ._-])?ISO)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{2,4})$")
_BY_EXTENSION = {
    "mkv": Quality.WEBDL_720P,
    "mk3d": Quality.WEBDL_720P,
    "m2ts": Quality.BLURAY_720P,
    **dict.fromkeys(("iso", "img", "vob", "ifo"), Quality.DVD),
    **dict.fromkeys(
        ("avi", "divx", "mp4", "m4v", "wmv", "mov", "flv", "ogm", "mpg", "mpeg", "ts", "webm", "asf", "rmvb", "strm"),
        Quality.SDTV,
    ),
}
_WITHOUT_RESOLUTION = {
    Source.CAM: Quality.CAM,
    Source.TELESYNC: Quality.TELESYNC,
    Source.TELECINE: Quality.TELECINE,
    Source.WORKPRINT: Quality.WORKPRINT,
    Source.DVDSCR: Quality.DVDSCR,
    Source.REGIONAL: Quality.REGIONAL,
    Source.DVD: Quality.DVD,
    Source.DVD_R: Quality.DVD_R,
    Source.RAW_HD: Quality.RAW_HD,
}
"""Sources whose quality no resolution in the name changes."""
_BLURAY = {480: Quality.BLURAY_480P, 576: Quality.BLURAY_576P, 720: Quality.BLURAY_720P, 1080: Quality.BLURAY_1080P}
_TV = {720: Quality.HDTV_720P, 1080: Quality.HDTV_1080P, 2160: Quality.HDTV_2160P}
_WEBDL = {720: Quality.WEBDL_720P, 1080: Quality.WEBDL_1080P, 2160: Quality.WEBDL_2160P}
_WEBRIP = {720: Quality.WEBRIP_720P, 1080: Quality.WEBRIP_1080P, 2160: Quality.WEBRIP_2160P}
_REMUXED = {1080: Quality.REMUX_1080P, 2160: Quality.REMUX_2160P}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the rest of the name says besides source and resolution."""

    source: Source | None
    resolution: int | None
    is_remux: bool
    is_xvid: bool


def quality_words_begin(text: str) -> int | None:
    """Where the first word of source or resolution stands; `None` without one."""
    found = [each.start() for each in (_SOURCE.search(text), _RESOLUTION.search(text)) if each]
    return min(found, default=None)


def read_quality(tail: str, name: str) -> Quality:
    """The quality that `tail`, what follows the year, says; by the file's ending where it says nothing."""
    seen = _Seen(_source(tail), _resolution(tail), bool(_REMUX.search(tail)), bool(_XVID.search(tail)))
    if seen.source is Source.TV and _MPEG2.search(tail) and (seen.resolution or 0) >= 720:
        return Quality.RAW_HD
    if _is_disc(tail, seen):
        return Quality.BR_DISK
    quality = _by_source(seen)
    if quality is not None:
        return quality
    if _SERVICE.search(tail):
        return _WEBDL.get(seen.resolution or 0, Quality.WEBDL_480P)
    if seen.resolution is not None:
        return _by_resolution(seen)
    if _X264.search(tail):
        return Quality.SDTV
    ending = _EXTENSION.search(name)
    return _BY_EXTENSION.get(ending[1].lower(), Quality.UNKNOWN) if ending else Quality.UNKNOWN


def _source(tail: str) -> Source | None:
    """The last source word counts, but one that is the group after the last hyphen counts only alone."""
    found = list(_SOURCE.finditer(tail))
    if not found:
        return None
    last = found[-1]
    is_group = last.start() > 0 and tail[last.start() - 1] == "-" and not tail[last.end() :].strip(" .)]")
    if is_group and len(found) > 1:
        last = found[-2]
    return _SOURCES[int((last.lastgroup or "s0")[1:])][0]


def _resolution(tail: str) -> int | None:
    """The first resolution; without one, UHD and 4K are 2160."""
    found = _RESOLUTION.search(tail)
    if found:
        number = int((found.lastgroup or "r0")[1:])
        return 480 if number == 360 else number
    if _UHD.search(tail):
        return 2160
    return 2160 if _4K.search(tail) and not _4K_EDITION.search(tail) else None


def _is_disc(tail: str, seen: _Seen) -> bool:
    if seen.is_remux or _ENCODED.search(tail):
        return False
    if _DISC.search(tail):
        return True
    return seen.source is Source.BLURAY and bool(_DISC_CODEC.search(tail)) and seen.resolution != 720


def _by_source(seen: _Seen) -> Quality | None:
    source, resolution = seen.source, seen.resolution
    if source is None:
        return None
    if source in _WITHOUT_RESOLUTION:
        return _WITHOUT_RESOLUTION[source]
    if source in (Source.BLURAY, Source.BLURAY_RIP):
        return _bluray(seen)
    if source is Source.TV:
        return _TV.get(resolution or 0, Quality.SDTV)
    if source is Source.WEBDL:
        return _WEBDL.get(resolution or 0, Quality.WEBDL_480P)
    return _WEBRIP.get(resolution or 0, Quality.WEBRIP_480P)


def _bluray(seen: _Seen) -> Quality:
    if seen.resolution == 2160:
        return Quality.REMUX_2160P if seen.is_remux else Quality.BLURAY_2160P
    if seen.is_remux and seen.resolution in (None, 1080):
        return Quality.REMUX_1080P
    if seen.resolution is None:
        return Quality.BLURAY_480P if seen.is_xvid or seen.source is Source.BLURAY_RIP else Quality.BLURAY_720P
    return _BLURAY[seen.resolution]


def _by_resolution(seen: _Seen) -> Quality:
    if seen.is_remux and seen.resolution in _REMUXED:
        return _REMUXED[seen.resolution or 0]
    return _TV.get(seen.resolution or 0, Quality.SDTV)

"""What a release is, when it is no single movie."""

import re

from app.releases.models import ReleaseKind
from app.releases.sources import quality_words_begin

_EPISODE = re.compile(
    r"(?<![A-Za-z0-9])(?:S[0-9]{1,2}[ ._-]?EP?[0-9]{1,3}|S[0-9]{1,4}(?:[ ._-]?D[0-9]{1,2}|E[0-9]{1,3})?(?![A-Za-z0-9])|"
    r"[0-9]{1,2}x[0-9]{2,3}(?![0-9])|"
    r"(?:Season|Saison|Staffel|Series|Cap|Vol)[ ._-]?[0-9]{1,4}|Episode[ ._-]?[0-9]{1,3}|E[0-9]{2,3}(?![A-Za-z0-9])|"
    r"Complete[ ._-](?:Series|Season)|Week[ ._-]?[0-9]{1,2}|"
    r"UFC[ ._-]?[0-9]{1,3}|WWE|NBA|NFL|NHL|MLB|Formula[ ._-]?[12E]|Grand[ ._-]Prix|MotoGP)",
    re.IGNORECASE,
)
_IN_TITLE = re.compile(
    r"(?<![A-Za-z0-9])S[0-9]{1,2}[ ._-]?EP?[0-9]{1,3}(?![0-9])|[^A-Za-z0-9][0-9]{1,2}x[0-9]{2,3}(?![0-9])",
    re.IGNORECASE,
)
_DATED = re.compile(r"^[ ._-](?:0[1-9]|1[0-2])[ ._-](?:0[1-9]|[12][0-9]|3[01])(?![0-9])")
_SPORT = re.compile(r"^(?:UFC|WWE|NBA|NFL|NHL|MLB|MotoGP|Formula[ ._-]?[12E])(?![A-Za-z0-9])", re.IGNORECASE)
_PACK = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:Tri|Quadri|Tetra|Penta|Hexa|Hepta|Octa|Ana|Duo|Dio)logy|Quadrilogy|Collection|"
    r"Box[ ._-]?Set|"
    r"Movies?[ ._-]Pack|Film[ ._-]?Pack|[0-9]+[ ._-](?:Movies?|Films?)|"
    r"[0-9]{1,2}[ ._-]?(?:-|and|&)[ ._-]?[0-9]{1,2}(?=[ ._-](?:18|19|20)[0-9]{2})|"
    r"I-III|I-IV|(?:19|20)[0-9]{2}[ ._]?-[ ._]?(?:19|20)[0-9]{2}|Saga|Anthology)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_EXTRA = re.compile(
    r"(?<![A-Za-z0-9])(?:Trailers?|Teasers?|Sample|Featurettes?|Behind[ ._-]the[ ._-]Scenes|Making[ ._-]Of|"
    r"Deleted[ ._-]Scenes|"
    r"Bonus(?:[ ._-]Disc)?|Extras|Interviews?|Soundtrack|OST|Wallpapers?|Subtitles?[ ._-]Only|Subpack)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"(?<![A-Za-z0-9])(?:FLAC(?=[\])])|MP3|M4B|Audiobook|[0-9]{2,3}kbps|EPUB|MOBI|PDF|CBR|CBZ|AZW3|X{3}|Keygen|Crack(?:ed)?|"
    r"x86|x64|Setup|Portable|NSW|PS[2-5]|Xbox(?:360)?|GOG|CODEX|SKIDROW|RELOADED|Repack[ ._-]FitGirl|"
    r"FitGirl|APK|MacOSX?|Discography|"
    r"Album|Macbook)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_GROUP = re.compile(r"-[A-Za-z0-9]{1,40}$")
_COLLECTION_EDITION = re.compile(r"Criterion[ ._-]Collection", re.IGNORECASE)


def kind_of(title: str, tail: str) -> ReleaseKind:
    """By the words of the title and of what follows the year.

    A title may hold a word like `Sample` or `Season`: only what follows the year tells extras and other media.
    """
    tail = _GROUP.sub("", tail)
    if _EPISODE.search(tail) or _DATED.match(tail) or _SPORT.match(title) or _episode_in_title(title):
        return ReleaseKind.EPISODE
    if _EXTRA.search(tail):
        return ReleaseKind.EXTRA
    if _PACK.search(_COLLECTION_EDITION.sub("", title)) or _PACK.search(_COLLECTION_EDITION.sub("", tail)):
        return ReleaseKind.PACK
    is_video = quality_words_begin(tail) is not None
    return ReleaseKind.OTHER_MEDIUM if not is_video and _OTHER.search(tail) else ReleaseKind.MOVIE


def has_episode(name: str) -> bool:
    """Whether the name holds the number of an episode or a season anywhere."""
    return _EPISODE.search(name) is not None


def _episode_in_title(title: str) -> bool:
    return _IN_TITLE.search(title) is not None

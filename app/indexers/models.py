"""What an indexer is asked and what it answers. No value of its XML leaves this package unchecked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

MOVIE_CATEGORIES = (2000, 2010, 2020, 2030, 2040, 2045, 2050, 2060)


class IndexerKind(StrEnum):
    NEWZNAB = "newznab"
    TORZNAB = "torznab"


class Protocol(StrEnum):
    TORRENT = "torrent"
    USENET = "usenet"


class ReleaseFlag(StrEnum):
    """What an indexer says of a release besides its name (`downloadvolumefactor`, `uploadvolumefactor`, `tag`)."""

    FREELEECH = "freeleech"
    HALFLEECH = "halfleech"
    DOUBLE_UPLOAD = "double_upload"
    INTERNAL = "internal"
    SCENE = "scene"
    NUKED = "nuked"


@dataclass(frozen=True, slots=True)
class IndexerConnection:
    """An indexer and how to reach it."""

    kind: IndexerKind
    name: str
    url: str
    """Without a trailing slash."""
    api_path: str = "/api"
    api_key: str = field(default="", repr=False)
    categories: Sequence[int] = MOVIE_CATEGORIES
    verify_tls: bool = True
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What `t=caps` says of an indexer."""

    movie_search_params: frozenset[str] = frozenset()
    """Empty where it has no search for movies."""
    has_text_search: bool = True
    is_raw_search: bool = False
    """`searchEngine="raw"`: it wants titles as they are."""
    page_size: int = 100
    """`limits@default` within `limits@max`, at most 100."""
    categories: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MovieQuery:
    """The movie that is looked for."""

    title: str
    year: int | None = None
    original_title: str | None = None
    tmdb_id: int | None = None
    imdb_id: str | None = None
    """With its `tt`."""


@dataclass(frozen=True, slots=True)
class FoundRelease:
    """One item of an indexer's answer."""

    guid: str
    """The indexer's own, cut to 500 characters."""
    title: str
    protocol: Protocol
    link: str = field(repr=False)
    """Where the `.torrent` or NZB is fetched, or a magnet link. It may hold the user's key: it is shown to nobody."""
    info_url: str | None = None
    size: int | None = None
    """In bytes; `None` where the indexer does not say."""
    published_at: datetime | None = None
    categories: frozenset[int] = frozenset()
    imdb_id: str | None = None
    tmdb_id: int | None = None
    seeders: int | None = None
    peers: int | None = None
    """Seeders and leechers together."""
    info_hash: str | None = None
    """In lower case hexadecimal digits."""
    flags: frozenset[ReleaseFlag] = frozenset()
    has_password: bool = False
    minimum_ratio: float | None = None
    minimum_seed_time: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """Requests and grabs that an indexer says are left (`apilimits`); `None` where it does not."""

    requests_left: int | None = None
    grabs_left: int | None = None


NO_LIMITS = ApiLimits()


@dataclass(frozen=True, slots=True)
class FoundReleases:
    """The answer to a search, and what it took."""

    releases: Sequence[FoundRelease]
    requests: int
    limits: ApiLimits = NO_LIMITS
    by_id: bool = False
    """Whether ids found them, not text."""


@dataclass(frozen=True, slots=True)
class FetchedRelease:
    """What stands behind a release's link: exactly one of both."""

    magnet: str | None = None
    content: bytes | None = None

"""What a decision is made of: the movie, the profile, the releases offered, and what is known besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.indexers.models import Protocol, ReleaseFlag
from app.releases.matching import clean_titles
from app.releases.models import FIRST_REVISION, Quality, ReleaseName, Revision


class Rejection(StrEnum):
    """Why a release is not grabbed. A release may have several."""

    UNREADABLE = "unreadable"
    """Its name cannot be read."""
    WRONG_MOVIE = "wrong_movie"
    """Its title is not the movie's."""
    WRONG_YEAR = "wrong_year"
    WRONG_ID = "wrong_id"
    """The indexer's TMDB or IMDb number is another movie's."""
    NOT_A_MOVIE = "not_a_movie"
    """An episode, a sports event, music, a book, a game."""
    PACK = "pack"
    EXTRA = "extra"
    SAMPLE = "sample"
    WRONG_CATEGORY = "wrong_category"
    QUALITY_NOT_ALLOWED = "quality_not_allowed"
    SIZE_BELOW_MIN = "size_below_min"
    SIZE_ABOVE_MAX = "size_above_max"
    SIZE_ABOVE_GLOBAL_MAX = "size_above_global_max"
    BLOCKLISTED = "blocklisted"
    DOWNLOADING_SAME_OR_BETTER = "downloading_same_or_better"
    WORD_FORBIDDEN = "word_forbidden"
    WORD_REQUIRED = "word_required"
    SCORE_BELOW_MIN = "score_below_min"
    LANGUAGE = "language"
    HARDCODED_SUBTITLES = "hardcoded_subtitles"
    UPGRADES_OFF = "upgrades_off"
    CUTOFF_MET = "cutoff_met"
    FILE_SAME_OR_BETTER = "file_same_or_better"
    """The quality of the file that is there is equal or better."""
    FILE_SCORE_SAME_OR_HIGHER = "file_score_same_or_higher"
    REPACK_OF_ANOTHER_GROUP = "repack_of_another_group"
    TOO_FEW_SEEDERS = "too_few_seeders"
    PROTOCOL_OFF = "protocol_off"
    """No enabled download client takes it."""
    RETENTION = "retention"
    """Older than the usenet servers keep."""
    PASSWORD = "password"  # noqa: S105 - a reason
    NUKED = "nuked"
    MINIMUM_AGE = "minimum_age"
    """Usenet: it may not be complete yet. It becomes acceptable by itself."""
    FREE_SPACE = "free_space"


@dataclass(frozen=True, slots=True)
class SizeBand:
    """Megabytes (MiB) a minute of runtime; `None` is no limit."""

    min: float = 0.0
    preferred: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """A quality profile. Qualities of one group are worth the same."""

    groups: Sequence[frozenset[Quality]]
    """From the worst to the best; allowed or not."""
    allowed: frozenset[Quality]
    cutoff: Quality
    upgrades_allowed: bool = True
    sizes: Mapping[Quality, SizeBand] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)
    """Scores of words and regular expressions as they are written in the profile: `/expression/` or a plain word."""
    required_words: Sequence[str] = ()
    """One of them must be in the name."""
    forbidden_words: Sequence[str] = ()
    min_score: int = 0
    cutoff_score: int | None = None
    """With the cutoff's quality a better score is an upgrade until it is reached; `None`: no upgrade by score."""
    min_score_increment: int = 1
    languages: frozenset[str] = frozenset()
    """One of them must be among the release's; empty allows all. `Original` is the movie's own."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """The file that a movie has, or a download of it that is on its way."""

    quality: Quality
    revision: Revision = FIRST_REVISION
    score: int = 0
    group: str | None = None
    edition: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class MovieFacts:
    title: str
    year: int | None
    original_title: str | None = None
    alternative_titles: Sequence[str] = ()
    tmdb_id: int | None = None
    imdb_id: str | None = None
    runtime_minutes: int | None = None
    original_language: str | None = None
    """English name, as in `ReleaseName.languages`."""
    file: HeldFile | None = None
    downloading: Sequence[HeldFile] = ()

    @property
    def clean_titles(self) -> set[str]:
        """All of its titles in the form in which they are compared."""
        return clean_titles((self.title, self.original_title, *self.alternative_titles))


@dataclass(frozen=True, slots=True)
class Offer:
    """A release that an indexer offers, with its name read."""

    name: ReleaseName
    guid: str
    indexer_id: int
    protocol: Protocol
    indexer_priority: int = 25
    """1 to 50; the lower number wins."""
    size: int | None = None
    published_at: datetime | None = None
    categories: frozenset[int] = frozenset()
    tmdb_id: int | None = None
    imdb_id: str | None = None
    seeders: int | None = None
    peers: int | None = None
    min_seeders: int = 1
    """The indexer's setting."""
    info_hash: str | None = None
    flags: frozenset[ReleaseFlag] = frozenset()
    has_password: bool = False


@dataclass(frozen=True, slots=True)
class BlockedRelease:
    """An entry of the blocklist."""

    title: str
    protocol: Protocol
    indexer_id: int | None = None
    info_hash: str | None = None
    size: int | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrabRules:
    """What holds for all movies."""

    now: datetime
    protocols: frozenset[Protocol] = frozenset(Protocol)
    """Those that an enabled client takes."""
    preferred_protocol: Protocol = Protocol.TORRENT
    prefers_flags: bool = False
    allows_hardcoded_subtitles: bool = False
    upgrades_to_propers: bool = True
    """Whether a better revision of the same quality is an upgrade."""
    max_size: int | None = None
    """In bytes, of any release."""
    retention_days: int | None = None
    minimum_age_minutes: int = 0
    free_space: int | None = None
    """In bytes, in the movie's root folder, less what is to stay free."""
    blocklist: Sequence[BlockedRelease] = ()


@dataclass(frozen=True, slots=True)
class JudgedOffer:
    """An offer and the verdict on it."""

    offer: Offer
    score: int
    rejections: tuple[Rejection, ...]
    """Empty: it may be grabbed."""
    is_temporary: bool = False
    """Nothing but time stands against it."""

    @property
    def is_approved(self) -> bool:
        return not self.rejections

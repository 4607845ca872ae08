"""Bodies and replies of the library, of searches, the queue and the history."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.core.fields import Int64, ShortName, one_line
from app.core.schemas import In, Out, UtcTime, example, patch_of
from app.indexers.models import Protocol, ReleaseFlag
from app.movie_hunt.decisions.facts import Rejection
from app.movie_hunt.models import GrabState, MinimumAvailability, MovieEvent, SearchStatus
from app.movie_hunt.status import MovieStatus
from app.releases.models import Quality, ReleaseKind

MAX_ID = 2**31 - 1
MAX_SEARCHED_AT_ONCE = 100

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(one_line)]
RowNumber = Annotated[int, Field(ge=1, le=MAX_ID)]
TmdbNumber = Annotated[int, Field(ge=1, le=MAX_ID, description="The movie's number at TMDB.")]
Tags = Annotated[list[ShortName], Field(max_length=50)]


class MovieSettings(In):
    """What the user decides about a movie."""

    monitored: bool = Field(True, description="Search for it by the clock and in the newest releases.")
    quality_profile_id: RowNumber | None = Field(None, description="Null is the first profile.")
    root_folder_id: RowNumber | None = Field(None, description="Null is the first root folder.")
    minimum_availability: MinimumAvailability = Field(
        MinimumAvailability.RELEASED, description="From when on it is searched."
    )
    tags: Tags = Field(default_factory=list, description="For your own use.")


class MovieIn(MovieSettings):
    """Either `tmdb_id`, or `title` and `year`: then nothing is asked of TMDB."""

    model_config = example({"tmdb_id": 603, "search_now": True})

    tmdb_id: TmdbNumber | None = None
    title: Title | None = None
    year: int | None = Field(None, ge=1870, le=2200)
    search_now: bool = Field(False, description="Search for it at once.")

    @model_validator(mode="after")
    def _names_a_movie(self) -> "MovieIn":
        if self.tmdb_id is None and (self.title is None or self.year is None):
            raise ValueError("give tmdb_id, or title and year")
        if self.tmdb_id is not None and (self.title is not None or self.year is not None):
            raise ValueError("give either tmdb_id or title and year: with tmdb_id the others come from TMDB")
        return self


@patch_of(MovieSettings)
class MoviePatch(In):
    """Only what is in the body is changed."""

    model_config = example({"monitored": False})


class MovieFileOut(Out):
    """The file of a movie."""

    path: str
    size: Int64 = Field(description="In bytes.")
    quality: Quality
    languages: list[str] = Field(description="Empty where the release did not say: the movie's own.")
    group: str | None
    edition: str | None
    score: int
    release_title: str | None
    imported_at: UtcTime


class MovieOut(Out):
    """A movie of the library."""

    id: int
    tmdb_id: int | None
    imdb_id: str | None
    title: str
    original_title: str | None
    year: int | None
    overview: str
    runtime_minutes: int | None
    genres: list[str]
    poster_url: str | None
    monitored: bool
    quality_profile_id: int
    root_folder_id: int | None
    minimum_availability: MinimumAvailability
    tags: list[str]
    status: MovieStatus
    in_cinemas_at: UtcTime | None
    digital_at: UtcTime | None
    physical_at: UtcTime | None
    available_at: UtcTime | None = Field(description="From when on it is searched; null while no date is known.")
    file: MovieFileOut | None
    added_at: UtcTime
    last_search_at: UtcTime | None
    next_search_at: UtcTime | None = Field(description="When it is searched by the clock, at the earliest.")


class MovieLookupOut(Out):
    """A movie at TMDB."""

    tmdb_id: int
    imdb_id: str | None = Field(description="Null in results of a search by title.")
    title: str
    original_title: str
    year: int | None
    overview: str
    poster_url: str | None
    movie_id: int | None = Field(description="Its number in the library; null when it is not there.")


class MovieSearchIn(In):
    """Exactly one of both."""

    model_config = example({"movie_ids": [1, 2]})

    movie_ids: list[RowNumber] | None = Field(None, min_length=1, max_length=MAX_SEARCHED_AT_ONCE)
    all_missing: bool = Field(False, description="Every monitored movie that is available and has no file.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "MovieSearchIn":
        if (self.movie_ids is None) is not self.all_missing:
            raise ValueError("give either movie_ids or all_missing: true")
        return self


class MovieSearchOut(Out):
    """A search for the releases of a movie."""

    id: int
    movie_id: int
    status: SearchStatus
    grabs: bool = Field(description="False: it only lists releases for a person to choose from.")
    requested_at: UtcTime
    started_at: UtcTime | None
    ended_at: UtcTime | None
    found: int = Field(description="Releases that the indexers offered.")
    approved: int = Field(description="Releases that may be grabbed.")
    message: str = Field(description="What came of it.")


class QueuedSearchesOut(Out):
    """One search for each movie; one that was open already is not queued again."""

    queued: int = Field(description="New searches.")
    searches: list[MovieSearchOut] = Field(description="All of them, at most 100.")


class RejectionOut(Out):
    """Why a release is not grabbed."""

    reason: Rejection
    message: str


class MovieReleaseOut(Out):
    """A release that the last search found, as its name was read, with the verdict on it."""

    id: int
    rank: int = Field(description="1 is the best.")
    title: str
    indexer_id: int
    indexer: str
    protocol: Protocol
    size: Int64 | None
    published_at: UtcTime | None
    seeders: int | None
    peers: int | None
    flags: list[ReleaseFlag]
    info_url: str | None
    kind: ReleaseKind
    read_titles: list[str] = Field(description="Titles that were read in the name.")
    read_year: int | None
    quality: Quality
    version: int = Field(description="Of its revision: 1, a PROPER or REPACK 2.")
    edition: str | None
    languages: list[str]
    group: str | None
    score: int
    approved: bool
    rejections: list[RejectionOut]


class MovieReleasesOut(Out):
    """What the last search found, best first."""

    search: MovieSearchOut | None = Field(description="The last search; null when there was none.")
    releases: list[MovieReleaseOut]


class GrabIn(In):
    model_config = example({"release_id": 17})

    release_id: RowNumber = Field(description="A release of the last search; it may be one that was rejected.")


class GrabOut(Out):
    """A release that was handed to a download client, and what becomes of it."""

    id: int
    movie_id: int
    movie_title: str
    movie_year: int | None
    title: str = Field(description="The release.")
    state: GrabState
    client_state: str | None = Field(description="As the download client sees it.")
    message: str | None
    client_id: int | None
    client: str | None
    indexer_id: int | None
    indexer: str | None
    download_id: str | None = Field(description="The download client's own number of it.")
    protocol: Protocol
    quality: Quality
    score: int
    size: Int64 | None
    size_left: Int64 | None = Field(description="Bytes that are not there yet.")
    grabbed_at: UtcTime
    completed_at: UtcTime | None


class RejectionCountOut(Out):
    reason: Rejection
    releases: int


class MovieHistoryOut(Out):
    """Something that happened to a movie."""

    id: int
    movie_id: int
    tmdb_id: int | None
    movie_title: str
    event: MovieEvent
    at: UtcTime
    release_title: str | None
    indexer: str | None
    client: str | None
    quality: str | None
    score: int | None
    size: Int64 | None
    reason: str | None
    rejections: list[RejectionCountOut] = Field(description="Of a search: how many releases had which reason.")


class BlocklistOut(Out):
    """A release that is not grabbed again."""

    id: int
    movie_id: int
    movie_title: str
    title: str
    protocol: Protocol
    indexer: str | None
    size: Int64 | None
    reason: str
    at: UtcTime

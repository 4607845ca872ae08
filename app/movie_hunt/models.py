"""The tables of Movie Hunt: what the user configured, the library, and what was searched, grabbed and imported."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime

KEEPS_IDS = {"sqlite_autoincrement": True}
"""Of a table whose ids must not come back: jobs, events and history name them."""


class MinimumAvailability(StrEnum):
    """From when on a movie is searched."""

    ANNOUNCED = "announced"
    IN_CINEMAS = "in_cinemas"
    RELEASED = "released"


class SearchStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class GrabState(StrEnum):
    """How far a release is that was chosen."""

    GRABBING = "grabbing"
    """It is being handed to the download client; a crash here is put right at the next start."""
    DOWNLOADING = "downloading"
    IMPORTING = "importing"
    WAITING = "waiting"
    """A person has to look: `message` says why."""
    IMPORTED = "imported"
    FAILED = "failed"


OPEN_GRABS = (GrabState.GRABBING, GrabState.DOWNLOADING, GrabState.IMPORTING, GrabState.WAITING)


class MovieEvent(StrEnum):
    """What a row of the history tells."""

    SEARCHED = "searched"
    GRABBED = "grabbed"
    GRAB_FAILED = "grab_failed"
    DOWNLOAD_FAILED = "download_failed"
    IMPORTED = "imported"
    IMPORT_FAILED = "import_failed"
    UPGRADED = "upgraded"
    DELETED = "deleted"


class MovieProfile(SQLModel, table=True):
    """What may be grabbed, and what is better."""

    __tablename__ = "movie_hunt_profiles"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100, unique=True)
    rules: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """As `ProfileDocument` of `app/movie_hunt/profiles.py` has it."""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class MovieIndexer(SQLModel, table=True):
    """A Newznab or Torznab feed of the user's."""

    __tablename__ = "movie_hunt_indexers"
    __table_args__ = (KEEPS_IDS,)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100, unique=True)
    kind: str = Field(max_length=20)
    url: str = Field(max_length=500)
    api_path: str = Field(max_length=200)
    api_key: str = Field(default="", max_length=1000)
    """Encrypted by the secret box; empty without one."""
    categories: list[int] = Field(default_factory=list, sa_type=JSON)
    priority: int = 25
    min_seeders: int = 1
    enabled: bool = True
    rss: bool = True
    verify_tls: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class MovieIndexerState(SQLModel, table=True):
    """What was observed of an indexer; one row for each, from its creation on."""

    __tablename__ = "movie_hunt_indexer_states"

    indexer_id: int = Field(primary_key=True, foreign_key="movie_hunt_indexers.id", ondelete="CASCADE")
    capabilities: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    capabilities_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failures: int = 0
    """Failures in a row: the rest grows with them."""
    rest_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error_code: str | None = Field(default=None, max_length=40)
    error: str | None = None
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    feed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its newest releases were read."""
    feed_guids: list[str] = Field(default_factory=list, sa_type=JSON)
    """Hashes of the releases that the last reading brought."""


class MovieDownloadClient(SQLModel, table=True):
    """A download client of the user's."""

    __tablename__ = "movie_hunt_clients"
    __table_args__ = (KEEPS_IDS,)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100, unique=True)
    kind: str = Field(max_length=20)
    url: str = Field(max_length=500)
    username: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=1000)
    """Encrypted by the secret box; empty without one."""
    api_key: str = Field(default="", max_length=1000)
    """Encrypted by the secret box; empty without one."""
    category: str = Field(max_length=100)
    priority: int = 1
    remove_completed: bool = True
    enabled: bool = True
    verify_tls: bool = True
    path_mappings: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    """`remote`: a folder as the client sees it, `local`: the same as we see it."""
    online: bool | None = None
    error_code: str | None = Field(default=None, max_length=40)
    error: str | None = None
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class RootFolder(SQLModel, table=True):
    """A folder that holds movies."""

    __tablename__ = "movie_hunt_root_folders"

    id: int | None = Field(default=None, primary_key=True)
    path: str = Field(max_length=1000, unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Movie(SQLModel, table=True):
    """A movie of the library."""

    __tablename__ = "movie_hunt_movies"
    __table_args__ = (
        Index("ix_movie_hunt_movies_due", "monitored", "next_search_at"),
        KEEPS_IDS,
    )

    id: int | None = Field(default=None, primary_key=True)
    tmdb_id: int | None = Field(default=None, unique=True)
    imdb_id: str | None = Field(default=None, max_length=20)
    title: str = Field(max_length=300)
    sort_title: str = Field(max_length=300, index=True)
    original_title: str | None = Field(default=None, max_length=300)
    alternative_titles: list[str] = Field(default_factory=list, sa_type=JSON)
    original_language: str | None = Field(default=None, max_length=20)
    """ISO 639-1."""
    year: int | None = None
    overview: str = ""
    runtime_minutes: int | None = None
    genres: list[str] = Field(default_factory=list, sa_type=JSON)
    poster_url: str | None = Field(default=None, max_length=500)
    # The moment when the day begins in UTC.
    in_cinemas_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    digital_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    physical_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    metadata_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    monitored: bool = True
    quality_profile_id: int = Field(foreign_key="movie_hunt_profiles.id")
    root_folder_id: int | None = Field(default=None, foreign_key="movie_hunt_root_folders.id")
    minimum_availability: str = Field(max_length=20)
    tags: list[str] = Field(default_factory=list, sa_type=JSON)
    available_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """From when on it is searched, as `minimum_availability` and the dates say; `None` while that is not known."""
    added_at: datetime = Field(sa_type=UtcDateTime)
    last_search_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_searches: int = 0
    """Searches in a row that brought nothing: the wait grows with them."""
    next_search_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it is searched again by itself; `None`: never, for it has its file or is not monitored."""


class MovieFile(SQLModel, table=True):
    """The file of a movie."""

    __tablename__ = "movie_hunt_files"

    movie_id: int = Field(primary_key=True, foreign_key="movie_hunt_movies.id", ondelete="CASCADE")
    path: str = Field(max_length=1000)
    size: int = Field(sa_type=BigInteger)
    quality: str = Field(max_length=20)
    version: int = 1
    """Of its revision; 2 is a PROPER or REPACK."""
    is_repack: bool = False
    languages: list[str] = Field(default_factory=list, sa_type=JSON)
    group: str | None = Field(default=None, max_length=100)
    edition: str | None = Field(default=None, max_length=100)
    score: int = 0
    release_title: str | None = Field(default=None, max_length=1000)
    imported_at: datetime = Field(sa_type=UtcDateTime)


class MovieSearch(SQLModel, table=True):
    """One search for the releases of a movie, from its request to its end."""

    __tablename__ = "movie_hunt_searches"
    __table_args__ = (
        # At most one open search a movie: a second request finds the first.
        Index(
            "uq_movie_hunt_searches_open",
            "movie_id",
            unique=True,
            sqlite_where=text("status IN ('queued', 'running')"),
            postgresql_where=text("status IN ('queued', 'running')"),
        ),
        KEEPS_IDS,
    )

    id: int | None = Field(default=None, primary_key=True)
    movie_id: int = Field(foreign_key="movie_hunt_movies.id", ondelete="CASCADE", index=True)
    status: str = Field(default=SearchStatus.QUEUED, max_length=20)
    grabs: bool = True
    """False: it only lists releases for a person to choose from."""
    is_automatic: bool = False
    """Asked for by the clock, or for all missing movies: it waits for its turn in the hour."""
    requested_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    found: int = 0
    approved: int = 0
    message: str = ""
    """What came of it, in a sentence."""


class StoredRelease(SQLModel, table=True):
    """A release that the last search of a movie found, with the verdict on it."""

    __tablename__ = "movie_hunt_releases"
    __table_args__ = (
        UniqueConstraint("movie_id", "indexer_id", "guid", name="uq_movie_hunt_releases_guid"),
        KEEPS_IDS,
    )

    id: int | None = Field(default=None, primary_key=True)
    movie_id: int = Field(foreign_key="movie_hunt_movies.id", ondelete="CASCADE")
    indexer_id: int = Field(foreign_key="movie_hunt_indexers.id", ondelete="CASCADE", index=True)
    guid: str = Field(max_length=500)
    title: str = Field(max_length=1000)
    rank: int
    """1 is the best."""
    rejections: list[str] = Field(default_factory=list, sa_type=JSON)
    score: int = 0
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """As `ReleaseFacts` of `app/movie_hunt/release_facts.py` has them."""
    link: str
    """Encrypted by the secret box: it may hold the user's key."""
    found_at: datetime = Field(sa_type=UtcDateTime)


class Grab(SQLModel, table=True):
    """A release that was handed to a download client, and what becomes of it."""

    __tablename__ = "movie_hunt_grabs"
    __table_args__ = (
        # At most one download a movie that is not at its end.
        Index(
            "uq_movie_hunt_grabs_open",
            "movie_id",
            unique=True,
            sqlite_where=text("state IN ('grabbing', 'downloading', 'importing', 'waiting')"),
            postgresql_where=text("state IN ('grabbing', 'downloading', 'importing', 'waiting')"),
        ),
        KEEPS_IDS,
    )

    id: int | None = Field(default=None, primary_key=True)
    movie_id: int = Field(foreign_key="movie_hunt_movies.id", ondelete="CASCADE", index=True)
    client_id: int | None = Field(default=None, foreign_key="movie_hunt_clients.id", ondelete="SET NULL", index=True)
    indexer_id: int | None = Field(default=None, foreign_key="movie_hunt_indexers.id", ondelete="SET NULL", index=True)
    download_id: str | None = Field(default=None, max_length=200, index=True)
    """The client's own; of a torrent it is known before the client is asked."""
    state: str = Field(max_length=20)
    client_state: str | None = Field(default=None, max_length=20)
    message: str | None = None
    title: str = Field(max_length=1000)
    protocol: str = Field(max_length=10)
    quality: str = Field(max_length=20)
    score: int = 0
    size: int | None = Field(default=None, sa_type=BigInteger)
    left: int | None = Field(default=None, sa_type=BigInteger)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    """As `StoredRelease` has them."""
    missing: int = 0
    """How often in a row the client had it neither in its queue nor in its history."""
    journal: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What its import was about to do; whoever finds this after a crash finishes or undoes it."""
    grabbed_at: datetime = Field(sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was taken out of the client after its import."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MovieHistory(SQLModel, table=True):
    """What happened to a movie. It outlives the movie."""

    __tablename__ = "movie_hunt_history"
    __table_args__ = (Index("ix_movie_hunt_history_movie", "movie_id", "id"), KEEPS_IDS)

    id: int | None = Field(default=None, primary_key=True)
    movie_id: int
    tmdb_id: int | None = Field(default=None, index=True)
    movie_title: str = Field(max_length=300)
    event: str = Field(max_length=20)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    release_title: str | None = Field(default=None, max_length=1000)
    indexer: str | None = Field(default=None, max_length=100)
    client: str | None = Field(default=None, max_length=100)
    quality: str | None = Field(default=None, max_length=20)
    score: int | None = None
    size: int | None = Field(default=None, sa_type=BigInteger)
    reason: str | None = None
    rejections: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    """Of a search: how many releases were rejected for which reason."""


class BlocklistEntry(SQLModel, table=True):
    """A release that failed: it is not grabbed again."""

    __tablename__ = "movie_hunt_blocklist"

    id: int | None = Field(default=None, primary_key=True)
    movie_id: int = Field(foreign_key="movie_hunt_movies.id", ondelete="CASCADE", index=True)
    title: str = Field(max_length=1000)
    protocol: str = Field(max_length=10)
    indexer_id: int | None = Field(default=None, foreign_key="movie_hunt_indexers.id", ondelete="SET NULL", index=True)
    info_hash: str | None = Field(default=None, max_length=64)
    size: int | None = Field(default=None, sa_type=BigInteger)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = ""
    at: datetime = Field(sa_type=UtcDateTime)

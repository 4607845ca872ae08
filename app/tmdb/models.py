"""A movie as TMDB knows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class MovieMetadata:
    """`alternative_titles`, dates and `runtime_minutes` are known of details only, not of found movies."""

    tmdb_id: int
    title: str
    original_title: str
    original_language: str
    """ISO 639-1, in lower case."""
    year: int | None
    overview: str = ""
    imdb_id: str | None = None
    """With its `tt`."""
    alternative_titles: Sequence[str] = ()
    runtime_minutes: int | None = None
    """`None` where TMDB says 0."""
    genres: Sequence[str] = ()
    poster_url: str | None = None
    in_cinemas_on: date | None = None
    """The first theatrical date of any country (types 2, 3)."""
    digital_on: date | None = None
    physical_on: date | None = None

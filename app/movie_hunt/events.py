"""Makes the events of movies."""

from typing import TypeVar

from app.events.payloads import MoviePayload
from app.movie_hunt.models import Grab, Movie

E = TypeVar("E", bound=MoviePayload)


def movie_event(kind: type[E], movie: Movie, grab: Grab, **more: object) -> E:
    """The event about a release of a movie; `more` are the fields that only this kind has."""
    return kind.model_validate(
        {
            "movie_id": movie.id,
            "tmdb_id": movie.tmdb_id,
            "title": movie.title,
            "year": movie.year,
            "release_title": grab.title,
            "indexer": grab.facts.get("indexer"),
            "client": grab.facts.get("client"),
            "quality": grab.quality,
            "score": grab.score,
            "size_bytes": grab.size,
            **more,
        }
    )

"""From when on a movie is searched, and when it is searched again."""

from datetime import UTC, date, datetime, time, timedelta

from app.movie_hunt.models import MinimumAvailability
from app.tmdb.models import MovieMetadata

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
HOME_AFTER_CINEMA = timedelta(days=90)
"""When a movie can be expected at home whose date for that is not known, as Radarr assumes it too."""
MAX_SEARCH_INTERVAL = timedelta(days=30)


def midnight(day: date | None) -> datetime | None:
    """The moment when the day begins in UTC."""
    return None if day is None else datetime.combine(day, time(), UTC)


def available_at(minimum: MinimumAvailability, metadata: MovieMetadata | None, year: int | None) -> datetime | None:
    """From when on a movie is searched; `None` while no date is known.

    Without metadata the year has to do: a movie is in cinemas in its year, and released in the next one.
    """
    if minimum is MinimumAvailability.ANNOUNCED:
        return ALWAYS
    if metadata is None:
        return None if year is None else _year_begins(year + (minimum is MinimumAvailability.RELEASED))
    cinema = midnight(metadata.in_cinemas_on)
    if minimum is MinimumAvailability.IN_CINEMAS and cinema is not None:
        return cinema
    home = [day for day in (midnight(metadata.digital_on), midnight(metadata.physical_on)) if day is not None]
    if home:
        return min(home)
    return None if cinema is None else cinema + HOME_AFTER_CINEMA


def _year_begins(year: int) -> datetime:
    return datetime(min(max(year, 1), 9999), 1, 1, tzinfo=UTC)


def search_interval(hours: int, failed_searches: int) -> timedelta:
    """How long a movie is not searched again by the clock after so many searches in a row that brought nothing."""
    doubled = timedelta(hours=hours * (1 << min(max(failed_searches - 1, 0), 16)))
    return max(timedelta(hours=hours), min(doubled, MAX_SEARCH_INTERVAL))

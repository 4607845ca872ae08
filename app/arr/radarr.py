"""Radarr: movies."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from app.arr.base import ArrClient, CommandBody, QueueReading
from app.arr.bodies import Json
from app.arr.http import Param
from app.arr.models import AppType, Mode, QueueRow, ReleaseDates, SearchTarget, SortKey, Unit, WantedItem
from app.arr.readings import Flag, Id, Ids, MaybeFlag, MaybeId, MaybeNumber, Moment, Reading, Text, read_all

MOVIES_SEARCH = "MoviesSearch"


class MovieReading(Reading):
    id: Id
    title: Text = None
    year: MaybeNumber = None
    monitored: Flag = False
    is_available: MaybeFlag = None
    in_cinemas: Moment = None
    digital_release: Moment = None
    physical_release: Moment = None
    added: Moment = None
    last_search_time: Moment = None
    tags: Ids = frozenset()
    quality_profile_id: MaybeId = None


class RadarrClient(ArrClient):
    """Radarr. Its wanted lists also hold what is not out yet (arr contracts §3.3): look at `available`."""

    app_type: ClassVar[AppType] = AppType.RADARR
    app_name: ClassVar[str] = "Radarr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 7878
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.MOVIE})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.MOVIE)
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # arr contracts §3.2: a bare `lastSearchTime` does nothing
        SortKey.LAST_SEARCH: "movies.lastSearchTime",
        # There is no key for "the first release"; the cinema date is the one that the fewest movies lack.
        SortKey.RELEASED: "movieMetadata.inCinemas",
    }
    queue_params: ClassVar[Mapping[str, Param]] = {"includeUnknownMovieItems": True}
    wanted_params: ClassVar[Mapping[str, Param]] = {}

    def _wanted_items(self, records: Sequence[object]) -> tuple[tuple[WantedItem, ...], int]:
        movies, skipped = read_all(MovieReading, records, "movies")
        return tuple(_item(movie) for movie in movies), skipped

    def _queue_row(self, reading: QueueReading) -> QueueRow:
        return QueueRow(
            download_id=reading.download_id,
            item_id=reading.movie_id,
            owner_id=None,
            season=None,
            status=reading.status or "unknown",
            tracked_state=reading.tracked_download_state,
            tracked_status=reading.tracked_download_status,
        )

    def _search_body(self, target: SearchTarget) -> dict[str, Json]:
        if target.unit is Unit.MOVIE and target.item_id is not None:
            # One movie a command: an unknown id fails all that are in it (arr contracts §4.3).
            return {"name": MOVIES_SEARCH, "movieIds": [target.item_id]}
        raise ValueError(f"not a search of Radarr: {target}")

    def _target(self, name: str, body: CommandBody) -> SearchTarget | None:
        if name == MOVIES_SEARCH.lower() and len(body.movie_ids) == 1:
            return SearchTarget(Unit.MOVIE, item_id=next(iter(body.movie_ids)))
        return None


def _item(movie: MovieReading) -> WantedItem:
    title = movie.title or f"Movie {movie.id}"
    return WantedItem(
        item_id=movie.id,
        title=f"{title} ({movie.year})" if movie.year else title,
        unit=Unit.MOVIE,
        monitored=movie.monitored,
        dates=ReleaseDates(cinema=movie.in_cinemas, digital=movie.digital_release, physical=movie.physical_release),
        available=movie.is_available,
        added_at=movie.added,
        last_search_at=movie.last_search_time,
        tag_ids=movie.tags,
        quality_profile_id=movie.quality_profile_id,
    )

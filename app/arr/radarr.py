"""Radarr: movies with three dates of their own."""

from collections.abc import Mapping
from typing import ClassVar

from app.arr.models import AppType, ReleaseDates, SortKey
from app.arr.movies import MovieClient, MovieResource
from app.arr.parsing import Moment


class RadarrMovieResource(MovieResource):
    in_cinemas: Moment = None
    digital_release: Moment = None
    physical_release: Moment = None

    @property
    def dates(self) -> ReleaseDates:
        return ReleaseDates(cinema=self.in_cinemas, digital=self.digital_release, physical=self.physical_release)


class RadarrClient(MovieClient):
    app_type: ClassVar[AppType] = AppType.RADARR
    app_name: ClassVar[str] = "Radarr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 7878
    item_resource: ClassVar[type[MovieResource]] = RadarrMovieResource
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # `lastSearchTime` alone is ignored
        SortKey.LAST_SEARCH: "movies.lastSearchTime",
        # There is no key for the first release; the cinema date is the one that the fewest movies lack.
        SortKey.RELEASED: "movieMetadata.inCinemas",
    }

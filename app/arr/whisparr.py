"""The three variants of Whisparr: v2, made from Sonarr, and v3, made from Radarr, with and without wanted lists."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from app.arr.episodes import EpisodeClient, EpisodeResource
from app.arr.http import Params
from app.arr.models import AppType, LibraryMovie, ReleaseDates, SortKey, Unit, Variant, WantedItem
from app.arr.movies import MovieClient, MovieResource
from app.arr.parsing import Moment, Text, read_list
from app.arr.resources import FileResource
from app.http.bodies import Json

MAX_LIBRARY_BYTES = 64 * 1024 * 1024


class SceneResource(EpisodeResource):
    """An episode with a date instead of a number; its season is the year."""

    @property
    def numbering(self) -> str | None:
        return f"{self.released:%Y-%m-%d}" if self.released else None


class WhisparrSeriesClient(EpisodeClient):
    """Whisparr v2."""

    app_type: ClassVar[AppType] = AppType.WHISPARR
    variant: ClassVar[Variant | None] = Variant.V2
    variant_paths: ClassVar[Mapping[str, bool]] = {"episode": True}
    app_name: ClassVar[str] = "Whisparr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 6969
    item_resource: ClassVar[type[EpisodeResource]] = SceneResource
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # it is put into SQL; any other key may lead to a 500
        SortKey.RELEASED: "episodes.airDateUtc",
    }
    reports_last_search: ClassVar[bool] = False

    async def _episodes(self, params: Params) -> tuple[list[EpisodeResource], int]:
        """The app lists episodes without their files, which take a second request."""
        episodes = read_list(self.item_resource, await self._ask("GET", "episode", params=params), "episodes")
        file_ids = [episode.episode_file_id for episode in episodes if episode.episode_file_id is not None]
        if not file_ids:
            return [*episodes], 1
        by_series = {name: value for name, value in params.items() if name == "seriesId"}
        reply = await self._ask("GET", self.file_path, params=by_series or {"episodeFileIds": file_ids})
        files = {file.id: file for file in read_list(FileResource, reply, "files")}
        return [each.model_copy(update={"episode_file": files.get(each.episode_file_id)}) for each in episodes], 2


class WhisparrMovieResource(MovieResource):
    """A movie or a scene. The studio is no `owner`: it cannot be searched as a whole."""

    release_date: Moment = None
    studio_title: Text = None

    def item(self, unit: Unit) -> WantedItem:
        item = super().item(unit)
        title = f"{self.studio_title} - {item.title}" if self.studio_title else item.title
        return replace(item, title=title, owner_title=self.studio_title)

    @property
    def dates(self) -> ReleaseDates:
        return ReleaseDates(released=self.release_date)


class WhisparrClient(MovieClient):
    """Whisparr v3."""

    app_type: ClassVar[AppType] = AppType.WHISPARR
    variant: ClassVar[Variant | None] = Variant.V3
    variant_paths: ClassVar[Mapping[str, bool]] = {"episode": False, "wanted/missing": True}
    app_name: ClassVar[str] = "Whisparr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 6969
    item_resource: ClassVar[type[MovieResource]] = WhisparrMovieResource
    sort_keys: ClassVar[Mapping[SortKey, str]] = {
        SortKey.LAST_SEARCH: "movies.lastSearchTime",
        SortKey.RELEASED: "movieMetadata.releaseDate",
    }


class WhisparrListlessClient(WhisparrClient):
    """Whisparr v3 until 2025, without wanted lists: what is wanted follows from the list of all movies."""

    variant: ClassVar[Variant | None] = Variant.V3_LISTLESS
    variant_paths: ClassVar[Mapping[str, bool]] = {"episode": False, "wanted/missing": False}
    sort_keys: ClassVar[Mapping[SortKey, str]] = {}
    reports_last_search: ClassVar[bool] = False
    has_wanted: ClassVar[bool] = False

    async def library(self) -> list[LibraryMovie]:
        params = {"excludeLocalCovers": True}
        reply = await self._ask("GET", "movie", params=params, limit=MAX_LIBRARY_BYTES)
        return await asyncio.to_thread(self._monitored, reply)

    def _monitored(self, reply: Json) -> list[LibraryMovie]:
        movies = read_list(WhisparrMovieResource, reply, "movies")
        return [self._listed(movie) for movie in movies if movie.monitored]

    def _listed(self, movie: WhisparrMovieResource) -> LibraryMovie:
        """The file has no score in this list."""
        return LibraryMovie(
            item=movie.item(self.item),
            has_file=movie.has_file or movie.file is not None,
            cutoff_met=movie.file.cutoff_met if movie.file else None,
        )

"""Apps with episodes in seasons of series: a season can be searched as a whole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar

from app.arr.http import Params
from app.arr.models import FileFacts, HistoryKind, Mode, QualityProfile, SeasonFacts, Unit, WantedItem
from app.arr.owned import OwnedClient
from app.arr.parsing import Flag, IfRecord, MaybeId, MaybeNumber, read_list
from app.arr.resources import FileResource, OwnedResource, OwnerResource
from app.http.messages import Param


class EpisodeResource(OwnedResource):
    episode_number: MaybeNumber = None
    has_file: Flag = False
    episode_file_id: MaybeId = None
    episode_file: Annotated[FileResource | None, IfRecord] = None

    @property
    def numbering(self) -> str | None:
        if self.season_number is None or self.episode_number is None:
            return None
        return f"S{self.season_number:02}E{self.episode_number:02}"

    @property
    def is_complete(self) -> bool:
        return self.has_file

    @property
    def file_id(self) -> int | None:
        return self.episode_file_id

    @property
    def file(self) -> FileFacts | None:
        return self.episode_file.facts() if self.episode_file else None


class EpisodeClient(OwnedClient):
    item: ClassVar[Unit] = Unit.EPISODE
    owner: ClassVar[Unit] = Unit.SERIES
    has_seasons: ClassVar[bool] = True
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.EPISODE, Unit.SEASON, Unit.SERIES})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.EPISODE, Mode.SEASON, Mode.SERIES)
    searches: ClassVar[Mapping[Unit, str]] = {
        Unit.EPISODE: "EpisodeSearch",
        Unit.SEASON: "SeasonSearch",
        Unit.SERIES: "SeriesSearch",
    }
    item_resource: ClassVar[type[EpisodeResource]]
    list_page_size: ClassVar[int] = 1000
    file_path: ClassVar[str] = "episodefile"
    queue_params: ClassVar[Params] = {"includeUnknownSeriesItems": True}
    wanted_params: ClassVar[Params] = {"includeSeries": True}
    cutoff_params: ClassVar[Params] = {"includeEpisodeFile": True}
    history_params: ClassVar[Params] = {"includeEpisode": True}
    history_kinds: ClassVar[Mapping[str, HistoryKind]] = {"downloadfolderimported": HistoryKind.IMPORTED}

    async def season(self, owner_id: int, number: int, *, now: datetime) -> SeasonFacts:
        params: dict[str, Param] = {"seriesId": owner_id, "seasonNumber": number}
        return _season_facts(
            read_list(self.item_resource, await self._ask("GET", "episode", params=params), "episodes"), now
        )

    async def seasons(self, owner_id: int, *, now: datetime) -> dict[int, SeasonFacts]:
        reply = await self._ask("GET", "episode", params={"seriesId": owner_id})
        episodes: dict[int, list[EpisodeResource]] = defaultdict(list)
        for episode in read_list(self.item_resource, reply, "episodes"):
            if episode.season_number is not None:
                episodes[episode.season_number].append(episode)
        return {number: _season_facts(found, now) for number, found in episodes.items()}

    async def files(self, item_ids: Sequence[int]) -> dict[int, FileFacts]:
        if not item_ids:
            return {}
        episodes, _ = await self._episodes({"episodeIds": [*item_ids]})
        return {episode.id: episode.file for episode in episodes if episode.file is not None}

    async def _below_cutoff_of(self, owner_id: int, now: datetime) -> Sequence[OwnedResource]:
        """The app's own list leaves specials out."""
        episodes, _ = await self._episodes({"seriesId": owner_id})
        return [each for each in episodes if each.season_number != 0 and each.file and each.file.cutoff_met is False]

    def _covered(self, owner: OwnerResource) -> int:
        if owner.is_anime:
            return super()._covered(owner)
        return sum(season is not None and season.monitored for season in owner.seasons or ())

    async def _with_files(
        self, owner_id: int, owner: OwnerResource, profile: QualityProfile
    ) -> tuple[list[WantedItem], int]:
        episodes, requests = await self._episodes({"seriesId": owner_id})
        found = [episode for episode in episodes if episode.file is not None]
        return [episode.with_owner(owner).item(self.item) for episode in found], requests

    async def _episodes(self, params: Params) -> tuple[list[EpisodeResource], int]:
        """The episodes with their files, and how many requests it took."""
        params = {**params, "includeEpisodeFile": True}
        reply = await self._ask("GET", "episode", params=params)
        return [*read_list(self.item_resource, reply, "episodes")], 1


def _season_facts(found: Iterable[EpisodeResource], now: datetime) -> SeasonFacts:
    episodes = list(found)
    monitored = [episode for episode in episodes if episode.monitored]
    aired = {episode.id for episode in monitored if episode.released is not None and episode.released <= now}
    with_file = {episode.id for episode in episodes if episode.has_file}
    searched = [episode.last_search_time for episode in episodes if episode.last_search_time is not None]
    return SeasonFacts(
        aired=len(aired | with_file),
        with_file=len(with_file),
        ended=len(aired) == len(monitored),
        monitored=len(aired),
        last_search_at=max(searched, default=None),
    )

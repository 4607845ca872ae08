"""Sonarr v4, and the v3 API of Sonarr v5: episodes, and seasons that are searched as one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from app.arr.base import ArrClient, CommandBody, QueueReading
from app.arr.bodies import Json
from app.arr.http import Param
from app.arr.models import (
    AppType,
    Mode,
    QueueRow,
    ReleaseDates,
    SearchTarget,
    SeasonFacts,
    SortKey,
    Unit,
    WantedItem,
)
from app.arr.readings import (
    Count,
    Flag,
    Id,
    Ids,
    IfRecord,
    MaybeId,
    MaybeNumber,
    Moment,
    Reading,
    Tally,
    Text,
    read_all,
    read_list,
    read_one,
)

EPISODE_SEARCH = "EpisodeSearch"
SEASON_SEARCH = "SeasonSearch"


class SeriesOfEpisode(Reading):
    """The part of a series that comes with an episode when `includeSeries` is asked for (arr contracts §3.4)."""

    title: Text = None
    monitored: Flag = False
    tags: Ids = frozenset()
    quality_profile_id: MaybeId = None
    added: Moment = None


class EpisodeReading(Reading):
    id: Id
    series_id: MaybeId = None
    season_number: MaybeNumber = None
    episode_number: MaybeNumber = None
    title: Text = None
    monitored: Flag = False
    air_date_utc: Moment = None
    last_search_time: Moment = None
    series: Annotated[SeriesOfEpisode | None, IfRecord] = None


class SeasonStatistics(Reading):
    episode_count: Tally = 0
    episode_file_count: Tally = 0
    next_airing: Moment = None
    previous_airing: Moment = None


class SeasonReading(Reading):
    season_number: Count
    monitored: Flag = False
    statistics: Annotated[SeasonStatistics | None, IfRecord] = None


class SeriesReading(Reading):
    seasons: list[object]


class SonarrClient(ArrClient):
    """Sonarr; every request goes to `/api/v3`, which both majors serve (arr contracts §0)."""

    app_type: ClassVar[AppType] = AppType.SONARR
    app_name: ClassVar[str] = "Sonarr"
    prefix: ClassVar[str] = "/api/v3"
    default_port: ClassVar[int] = 8989
    units: ClassVar[frozenset[Unit]] = frozenset({Unit.EPISODE, Unit.SEASON})
    modes: ClassVar[tuple[Mode, ...]] = (Mode.AUTO, Mode.EPISODE, Mode.SEASON)
    sort_keys: ClassVar[Mapping[SortKey, str]] = {  # arr contracts §3.2: any other key is silently ignored
        SortKey.LAST_SEARCH: "episodes.lastSearchTime",
        SortKey.RELEASED: "episodes.airDateUtc",
    }
    queue_params: ClassVar[Mapping[str, Param]] = {"includeUnknownSeriesItems": True}
    wanted_params: ClassVar[Mapping[str, Param]] = {"includeSeries": True}

    async def seasons(self, owner_id: int) -> dict[int, SeasonFacts]:
        reply = await self._ask("GET", f"series/{owner_id}")
        series = read_one(SeriesReading, reply, "series")
        return {season.season_number: _facts(season) for season in read_list(SeasonReading, series.seasons, "seasons")}

    def _wanted_items(self, records: Sequence[object]) -> tuple[tuple[WantedItem, ...], int]:
        episodes, skipped = read_all(EpisodeReading, records, "episodes")
        return tuple(_item(episode) for episode in episodes), skipped

    def _queue_row(self, reading: QueueReading) -> QueueRow:
        return QueueRow(
            download_id=reading.download_id,
            item_id=reading.episode_id,
            owner_id=reading.series_id,
            season=reading.season_number,
            status=reading.status or "unknown",
            tracked_state=reading.tracked_download_state,
            tracked_status=reading.tracked_download_status,
        )

    def _search_body(self, target: SearchTarget) -> dict[str, Json]:
        if target.unit is Unit.EPISODE and target.item_id is not None:
            return {"name": EPISODE_SEARCH, "episodeIds": [target.item_id]}
        if target.unit is Unit.SEASON and target.owner_id is not None and target.season is not None:
            return {"name": SEASON_SEARCH, "seriesId": target.owner_id, "seasonNumber": target.season}
        raise ValueError(f"not a search of Sonarr: {target}")

    def _target(self, name: str, body: CommandBody) -> SearchTarget | None:
        if name == EPISODE_SEARCH.lower() and len(body.episode_ids) == 1:
            return SearchTarget(Unit.EPISODE, item_id=next(iter(body.episode_ids)))
        if name == SEASON_SEARCH.lower() and body.series_id is not None and body.season_number is not None:
            return SearchTarget(Unit.SEASON, owner_id=body.series_id, season=body.season_number)
        return None


def _item(episode: EpisodeReading) -> WantedItem:
    series = episode.series or SeriesOfEpisode(monitored=True)  # the list itself holds only what is monitored in both
    return WantedItem(
        item_id=episode.id,
        title=_title(episode, series),
        unit=Unit.EPISODE,
        monitored=episode.monitored and series.monitored,
        dates=ReleaseDates(air=episode.air_date_utc),
        added_at=series.added,
        last_search_at=episode.last_search_time,
        owner_id=episode.series_id,
        owner_title=series.title,
        season=episode.season_number,
        tag_ids=series.tags,
        quality_profile_id=series.quality_profile_id,
    )


def _title(episode: EpisodeReading, series: SeriesOfEpisode) -> str:
    """`Series - S01E02 - Episode title`, with what there is of it."""
    number = None
    if episode.season_number is not None and episode.episode_number is not None:
        number = f"S{episode.season_number:02}E{episode.episode_number:02}"
    parts = [part for part in (series.title, number, episode.title) if part]
    return " - ".join(parts) or f"Episode {episode.id}"


def _facts(season: SeasonReading) -> SeasonFacts:
    """`episodeCount` counts what aired and is monitored, or has a file (arr contracts §6.1)."""
    statistics = season.statistics or SeasonStatistics()
    return SeasonFacts(
        number=season.season_number,
        monitored=season.monitored,
        aired=statistics.episode_count,
        with_file=statistics.episode_file_count,
        ended=statistics.next_airing is None and statistics.previous_airing is not None,
    )

"""Simulated Sonarr: v4 as most people run it, and the v5 tree's /api/v3."""

import dataclasses
import json
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator import catalogues
from tests.simulator.commands import Command, CommandFailed
from tests.simulator.definition import (
    AppDefinition,
    CommandField,
    CommandKind,
    CommandWork,
    HistoryShape,
    ItemNames,
    QueueShape,
    SortKeys,
    queue_keys,
)
from tests.simulator.messages import Json
from tests.simulator.routes import history, queue, system, wanted
from tests.simulator.shared_commands import SHARED_KINDS, SHARED_WORK, by_name
from tests.simulator.sonarr_resources import episode_list, include_owners, queue_fields
from tests.simulator.sonarr_routes import ROUTES

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_SERIES_LISTS = (
    CommandField("seriesIds", "ints", ()),
    CommandField("qualityProfileIds", "ints", ()),
    CommandField("seriesType", "texts", ()),
    CommandField("seriesTags", "ints", ()),
)
_WIDE = (CommandField("seriesId", "int?"), CommandField("monitored", "bool", True))
_KINDS = (
    CommandKind("EpisodeSearch", (CommandField("episodeIds", "ints"),), sends_updates=True),
    CommandKind("SeasonSearch", (CommandField("seriesId", "int", 0), CommandField("seasonNumber", "int", 0)), True),
    CommandKind("SeriesSearch", (CommandField("seriesId", "int", 0),), True),
    CommandKind("MissingEpisodeSearch", _WIDE, True),
    CommandKind("CutoffUnmetEpisodeSearch", _WIDE, True),
    CommandKind(
        "RefreshSeries",
        (
            CommandField("seriesIds", "ints", ()),
            CommandField("seriesId", "int?"),
            CommandField("isNewSeries", "bool", False),
        ),
        sends_updates=True,
        long_running=True,
    ),
    CommandKind("RescanSeries", (CommandField("seriesId", "int?"),), sends_updates=True, disk_access=True),
    CommandKind(
        "DownloadedEpisodesScan",
        (
            CommandField("path", "text"),
            CommandField("downloadClientId", "text"),
            CommandField("importMode", "text", "auto"),
        ),
        disk_access=True,
    ),
    CommandKind("ApplicationUpdateCheck"),
    *SHARED_KINDS,
)


def _episode_search(app: "SimApp", command: Command, now: float) -> str:
    """Each id in order; the monitored flag does not matter; an unknown id ends the command there."""
    if command.body["episodeIds"] is None:
        raise CommandFailed("System.NullReferenceException: Object reference not set to an instance of an object.")
    grabbed = 0
    for item_id in command.body["episodeIds"]:
        row = app.db.row("SELECT * FROM items WHERE id = ?", (item_id,))
        if row is None:
            raise CommandFailed(f"ModelNotFoundException: Episode with ID {item_id} does not exist")
        grabbed = app.searcher.search("episode", [row], command, now)
    return f"Episode search completed. {grabbed} reports downloaded."


def _season(app: "SimApp", series_id: int, season: int, command: Command, now: float) -> int:
    """Monitored episodes only, also those that have files."""
    sql = "SELECT * FROM items WHERE parent_id = ? AND season = ? AND monitored = 1 ORDER BY number"
    return app.searcher.search("season", app.db.rows(sql, (series_id, season)), command, now)


def _known_series(app: "SimApp", series_id: int) -> Row:
    row = app.db.row("SELECT * FROM parents WHERE id = ?", (series_id,))
    if row is None:
        raise CommandFailed(f"ModelNotFoundException: Series with ID {series_id} does not exist")
    return row


def _season_search(app: "SimApp", command: Command, now: float) -> str:
    """An unknown series has no episodes, which is no failure."""
    series_id, season = command.body["seriesId"], command.body["seasonNumber"]
    return f"Season search completed. {_season(app, series_id, season, command, now)} reports downloaded."


def _series_search(app: "SimApp", command: Command, now: float) -> str:
    """Every monitored season; without any, every monitored, missing, aired episode by itself."""
    series = _known_series(app, command.body["seriesId"])
    sql = "SELECT number FROM seasons WHERE parent_id = ? AND monitored = 1 ORDER BY number"
    seasons = [row["number"] for row in app.db.rows(sql, (series["id"],))]
    grabbed = 0
    # The v5 tree leaves complete episodes out when the profile forbids upgrades.
    lean = app.definition.kind == "sonarr5" and not app.library.profiles[series["profile_id"]].upgrade_allowed
    for season in seasons:
        rule = " AND file_id = 0" if lean else ""
        found = app.db.rows(
            f"SELECT * FROM items WHERE parent_id = ? AND season = ? AND monitored = 1{rule} ORDER BY number",  # noqa: S608 - our own words
            (series["id"], season),
        )
        grabbed += app.searcher.search("season", found, command, now)
    if not seasons:
        sql = "SELECT * FROM items WHERE parent_id = ? AND monitored = 1 AND file_id = 0 AND air_at <= ? ORDER BY id"
        for row in app.db.rows(sql, (series["id"], int(now))):
            grabbed += app.searcher.search("episode", [row], command, now)
    return f"Series search completed. {grabbed} reports downloaded."


def _missing_search(app: "SimApp", command: Command, now: float) -> str:
    rows = app.searcher.wanted("missing", command.body["monitored"], now, command.body["seriesId"])
    return _bulk(app, _chosen(app, command, rows), command, now)


def _cutoff_search(app: "SimApp", command: Command, now: float) -> str:
    rows = app.searcher.wanted("cutoff", command.body["monitored"], now, command.body["seriesId"])
    return _bulk(app, _chosen(app, command, rows), command, now)


def _chosen(app: "SimApp", command: Command, rows: list[Row]) -> list[Row]:
    """The v5 tree's extra filters; empty lists filter nothing."""
    body = command.body
    chosen = [body.get(name) for name in ("seriesIds", "qualityProfileIds", "seriesType", "seriesTags", "quality")]
    if not any(chosen):
        return rows
    ids, profiles, kinds, tags, qualities = chosen
    series = app.db.by_ids("parents", sorted({row["parent_id"] for row in rows}))
    files = app.db.by_ids("files", [row["file_id"] for row in rows if row["file_id"]])
    return [
        row
        for row in rows
        if (not ids or row["parent_id"] in ids)
        and (not profiles or series[row["parent_id"]]["profile_id"] in profiles)
        and (not kinds or series[row["parent_id"]]["kind"] in kinds)
        and (not tags or set(tags) & set(json.loads(series[row["parent_id"]]["tags"])))
        and (not qualities or (row["file_id"] in files and files[row["file_id"]]["quality_id"] in qualities))
    ]


def _bulk(app: "SimApp", rows: list[Row], command: Command, now: float) -> str:
    """By series and season, the longest unsearched group first; a group of one is an episode search."""
    groups: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["parent_id"], row["season"]), []).append(row)
    grabbed = 0
    for (series_id, season), group in sorted(
        groups.items(), key=lambda entry: min(row["last_search_at"] or 0 for row in entry[1])
    ):
        try:
            if len(group) > 1:
                grabbed += _season(app, series_id, season, command, now)
            else:
                grabbed += app.searcher.search("episode", group, command, now)
        except CommandFailed:
            continue  # one group's failure does not end the command
    return f"Completed search for {len(rows)} episodes. {grabbed} reports downloaded."


def _excluded_profiles(app: "SimApp", row: Row) -> Json:
    del app, row
    return {"excludedReleaseProfileIds": []}


_WORK: dict[str, CommandWork] = {
    **SHARED_WORK,
    "EpisodeSearch": _episode_search,
    "SeasonSearch": _season_search,
    "SeriesSearch": _series_search,
    "MissingEpisodeSearch": _missing_search,
    "CutoffUnmetEpisodeSearch": _cutoff_search,
}

_WANTED_KEYS = SortKeys(
    {
        "episodes.airdateutc": "i.air_at",
        "episodes.lastsearchtime": "i.last_search_at",
        "series.sorttitle": "p.sort_title",
    },
    "episodes.airDateUtc",
)

SONARR_4 = AppDefinition(
    kind="sonarr",
    app_name="Sonarr",
    version="4.0.19.2979",
    app_type="sonarr",
    names=ItemNames(
        item="episode",
        items_field="episodeIds",
        parent="series",
        parent_field="seriesId",
        unknown_flag="includeUnknownSeriesItems",
        kind="Episode",
        search="EpisodeSearch",
        parent_kind="Series",
    ),
    movie_like=False,
    catalogue=catalogues.EPISODES,
    command_kinds=by_name(_KINDS),
    command_work=_WORK,
    missing_keys=_WANTED_KEYS,
    cutoff_keys=_WANTED_KEYS,
    queue=QueueShape(
        keys=queue_keys(
            *("language", "episode", "episode.airDateUtc", "episodes.airDateUtc", "episode.title", "episodes.title"),
            "series.sortTitle",
        ),
        row_suffix="ep",
        fields=queue_fields,
    ),
    history=HistoryShape(
        events={
            0: "unknown",
            1: "grabbed",
            2: "seriesFolderImported",
            3: "downloadFolderImported",
            4: "downloadFailed",
            5: "episodeFileDeleted",
            6: "episodeFileRenamed",
            7: "downloadIgnored",
        },
        keys=SortKeys({"date": "h.date_at", "series.sorttitle": "p.sort_title"}, "date"),
        imported="downloadFolderImported",
        file_deleted="episodeFileDeleted",
    ),
    item_json=episode_list,
    include_owners=include_owners,
    routes=[*system.ROUTES, *wanted.ROUTES, *queue.ROUTES, *history.ROUTES, *ROUTES],
    seasons=True,
    cutoff_first_season=1,
    lacks={"rootfolder": frozenset(("totalSpace",)), "tagdetail": frozenset(("releaseProfileIds",))},
    root_folder="/tv",
    blank_tags=True,
    grabbed_data={
        **{"nzbInfoUrl": "http://indexer.invalid/details", "tvdbId": "100001", "tvRageId": "0", "imdbId": None},
        **{"seriesMatchType": "Title", "releaseType": "SingleEpisode"},
    },
)

SONARR_5 = dataclasses.replace(
    SONARR_4,
    kind="sonarr5",
    version="5.0.0.200",
    api_index={"current": "v5", "deprecated": ["v3"]},
    invalid_operation=400,
    lost_resource="empty",
    strict_blocklist=True,
    status_fields={"isContainerized": True, "runtimeVersion": "10.0.1"},
    lacks={"tagdetail": frozenset(("releaseProfileIds",))},
    adds={"tagdetail": _excluded_profiles},
    catalogue=catalogues.SIZED_EPISODES,
    blank_tags=False,
    command_kinds=by_name(
        (
            *(kind for kind in _KINDS if kind.fields is not _WIDE),
            CommandKind("MissingEpisodeSearch", (*_WIDE, *_SERIES_LISTS), True),
            CommandKind(
                "CutoffUnmetEpisodeSearch", (*_WIDE, *_SERIES_LISTS, CommandField("quality", "ints", ())), True
            ),
        )
    ),
)

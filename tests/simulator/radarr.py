"""Simulated Radarr."""

from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator import catalogues, errors
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
from tests.simulator.radarr_resources import include_owners, movie_list
from tests.simulator.radarr_routes import ROUTES
from tests.simulator.routes import history, queue, system, wanted
from tests.simulator.shared_commands import SHARED_KINDS, SHARED_WORK, by_name

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_FILTER = (CommandField("filterKey", "text"), CommandField("filterValue", "text"))
_KINDS = (
    CommandKind("MoviesSearch", (CommandField("movieIds", "ints"),), sends_updates=True),
    CommandKind("MissingMoviesSearch", _FILTER, sends_updates=True),
    CommandKind("CutoffUnmetMoviesSearch", _FILTER, sends_updates=True),
    CommandKind(
        "RefreshMovie",
        (CommandField("movieIds", "ints", ()), CommandField("isNewMovie", "bool", False)),
        sends_updates=True,
        long_running=True,
    ),
    CommandKind("RefreshCollections", sends_updates=True),
    CommandKind("RescanMovie", (CommandField("movieId", "int?"),), sends_updates=True, disk_access=True),
    CommandKind(
        "DownloadedMoviesScan",
        (
            CommandField("path", "text"),
            CommandField("downloadClientId", "text"),
            CommandField("importMode", "text", "auto"),
        ),
        sends_updates=True,
        disk_access=True,
    ),
    CommandKind("ApplicationCheckUpdate"),
    *SHARED_KINDS,
)


def _movies_search(app: "SimApp", command: Command, now: float) -> str:
    """All movies of the list, monitored or not, available or not; one unknown id fails the command."""
    ids = command.body["movieIds"]
    if ids is None:
        raise CommandFailed("System.ArgumentNullException: Value cannot be null. (Parameter 'source')")
    rows = app.db.by_ids("items", list(dict.fromkeys(ids)))
    if len(rows) < len(ids):
        text = f"Expected query to return {len(ids)} rows but returned {len(rows)}"
        raise CommandFailed(f"System.ApplicationException: {text}")
    return _bulk(app, list(rows.values()), command, now)


def _missing_search(app: "SimApp", command: Command, now: float) -> str:
    return _bulk(app, app.searcher.wanted("missing", True, now, None), command, now)


def _cutoff_search(app: "SimApp", command: Command, now: float) -> str:
    return _bulk(app, app.searcher.wanted("cutoff", True, now, None), command, now)


def _bulk(app: "SimApp", rows: list[Row], command: Command, now: float) -> str:
    grabbed = 0
    for row in sorted(rows, key=lambda row: row["last_search_at"] or 0):
        grabbed += app.searcher.search("movie", [row], command, now)
    return f"Completed search for {len(rows)} movies. {grabbed} reports downloaded."


_WORK: dict[str, CommandWork] = {
    **SHARED_WORK,
    "MoviesSearch": _movies_search,
    "MissingMoviesSearch": _missing_search,
    "CutoffUnmetMoviesSearch": _cutoff_search,
}

_WANTED_KEYS = SortKeys(
    {
        "moviemetadata.digitalrelease": "i.digital_at",
        "moviemetadata.incinemas": "i.cinema_at",
        "moviemetadata.physicalrelease": "i.physical_at",
        "moviemetadata.sorttitle": "i.sort_title",
        "moviemetadata.year": "i.year",
        "movies.lastsearchtime": "i.last_search_at",
    },
    "movieMetadata.sortTitle",
)

RADARR = AppDefinition(
    kind="radarr",
    app_name="Radarr",
    version="5.28.0.10274",
    app_type="radarr",
    names=ItemNames(
        item="movie",
        items_field="movieIds",
        parent=None,
        parent_field=None,
        unknown_flag="includeUnknownMovieItems",
        kind="Movie",
        search="MoviesSearch",
    ),
    movie_like=True,
    catalogue=catalogues.MOVIES,
    command_kinds=by_name(_KINDS),
    command_work=_WORK,
    missing_keys=_WANTED_KEYS,
    cutoff_keys=_WANTED_KEYS,
    queue=QueueShape(keys=queue_keys("movies.sortTitle", "year")),
    history=HistoryShape(
        events={
            0: "unknown",
            1: "grabbed",
            3: "downloadFolderImported",
            4: "downloadFailed",
            6: "movieFileDeleted",
            7: "movieFolderImported",
            8: "movieFileRenamed",
            9: "downloadIgnored",
        },
        keys=SortKeys(
            {
                "date": "h.date_at",
                "languages": "h.id",
                "quality": "h.quality_id",
                "moviemetadata.sorttitle": "i.sort_title",
            },
            "date",
        ),
        imported="downloadFolderImported",
        file_deleted="movieFileDeleted",
    ),
    item_json=movie_list,
    include_owners=include_owners,
    routes=[*system.ROUTES, *wanted.ROUTES, *queue.ROUTES, *history.ROUTES, *ROUTES],
    body_has_type_exclusive=True,
    lacks={
        "rootfolder": frozenset(("totalSpace",)),
        "tagdetail": frozenset(("restrictionIds",)),
        "indexer": frozenset(("seasonSearchMaximumSingleEpisodeAge",)),
    },
    root_folder="/movies",
    lost_media=errors.PROBLEM_MEDIA,
    tag_pattern="[a-z0-9-]+",
    grabbed_data={
        **{"nzbInfoUrl": "http://indexer.invalid/details", "tmdbId": "100001", "imdbId": "1", "indexerId": "1"},
        **{"movieMatchType": "Title"},
    },
)

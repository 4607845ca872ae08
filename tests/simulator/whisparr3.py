"""Simulated Whisparr v3, eros of 2024 and of 2026: Radarr's API with scenes."""

import dataclasses
from sqlite3 import Row
from typing import TYPE_CHECKING

from tests.simulator import catalogues, errors
from tests.simulator.commands import Command, CommandFailed
from tests.simulator.definition import CommandField, CommandKind, CommandWork, Handler, Route, SortKeys
from tests.simulator.messages import Reply, Request, json_reply
from tests.simulator.radarr import RADARR
from tests.simulator.radarr_resources import full_movie
from tests.simulator.routes.system import body_of, lost
from tests.simulator.shared_commands import by_name, without_priority
from tests.simulator.whisparr3_resources import cast, old_scene, performer, scene, studio

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_KINDS = (
    *(kind for kind in RADARR.command_kinds.values() if kind.name != "RefreshCollections"),
    CommandKind(
        "PerformersSearch",
        (CommandField("performerIds", "ints"), CommandField("studioIds", "ints", ())),
        sends_updates=True,
    ),
    CommandKind(
        "StudiosSearch", (CommandField("studioIds", "ints"), CommandField("years", "ints", ())), sends_updates=True
    ),
)


def _performers_search(app: "SimApp", command: Command, now: float) -> str:
    """The monitored movies and scenes of each performer, or only those of given studios."""
    studios = command.body["studioIds"]
    rows = [row for performer_id in _required(command, "performerIds") for row in cast(app, performer_id)]
    rows = [row for row in rows if not studios or row["studio_id"] in studios]
    return f"Performer search completed. {_each(app, rows, command, now)} reports downloaded."


def _studios_search(app: "SimApp", command: Command, now: float) -> str:
    """The monitored movies and scenes of each studio, or only those of given years."""
    years = command.body["years"]
    sql = "SELECT * FROM items WHERE monitored = 1 AND studio_id = ? ORDER BY id"
    rows = [row for studio_id in _required(command, "studioIds") for row in app.db.rows(sql, (studio_id,))]
    rows = [row for row in rows if not years or row["year"] in years]
    return f"Studio search completed. {_each(app, rows, command, now)} reports downloaded."


def _required(command: Command, name: str) -> list[int]:
    if command.body[name] is None:
        raise CommandFailed("System.ArgumentNullException: Value cannot be null. (Parameter 'source')")
    return list(command.body[name])


def _each(app: "SimApp", rows: list[Row], command: Command, now: float) -> int:
    once = {row["id"]: row for row in rows}.values()
    return sum(app.searcher.search("movie", [row], command, now) for row in once)


_WORK: dict[str, CommandWork] = {
    **RADARR.command_work,
    "PerformersSearch": _performers_search,
    "StudiosSearch": _studios_search,
}


def _list_ids(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply([row["id"] for row in app.db.rows("SELECT id FROM items ORDER BY id")])


def _read_bulk(app: "SimApp", request: Request) -> Reply:
    """POST movie/bulk with a list of ids."""
    ids = body_of(request)
    if not isinstance(ids, list) or not all(isinstance(each, int) for each in ids):
        raise errors.binding("$", "The JSON value could not be converted to System.Int32[].")
    rows = app.db.by_ids("items", ids)
    files = app.db.by_ids("files", [row["file_id"] for row in rows.values() if row["file_id"]])
    return json_reply([full_movie(app, row, files.get(row["file_id"]), scores=False) for row in rows.values()])


def _list_performers(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply([performer(app, row) for row in app.db.rows("SELECT * FROM performers ORDER BY id")])


def _get_performer(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM performers WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "Performer", request.path_id)
    return json_reply(performer(app, row))


def _list_studios(app: "SimApp", request: Request) -> Reply:
    del request
    return json_reply([studio(app, row) for row in app.db.rows("SELECT * FROM studios ORDER BY id")])


def _get_studio(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM studios WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "Studio", request.path_id)
    return json_reply(studio(app, row))


def _throws(app: "SimApp", request: Request) -> Reply:
    """Old eros has a route for GET queue/{id} that always fails."""
    raise errors.message(500, "The method or operation is not implemented.")


_OWN: list[tuple[str, str, Handler]] = [
    ("GET", "movie/list", _list_ids),
    ("POST", "movie/bulk", _read_bulk),
    ("GET", "performer", _list_performers),
    ("GET", "performer/{id}", _get_performer),
    ("GET", "studio", _list_studios),
    ("GET", "studio/{id}", _get_studio),
]
_WITHOUT_WANTED: list[Route] = [route for route in RADARR.routes if not route[1].startswith("wanted/")]
_WANTED_KEYS = SortKeys(
    {
        "moviemetadata.sorttitle": "i.sort_title",
        "moviemetadata.year": "i.year",
        "moviemetadata.releasedate": "coalesce(i.digital_at, i.cinema_at)",
        "movies.lastsearchtime": "i.last_search_at",
    },
    "movieMetadata.sortTitle",
)
_NOT_IN_EROS = (
    *("originalTitle", "secondaryYearSourceId", "inCinemas", "physicalRelease", "digitalRelease", "youTubeTrailerId"),
    *("studio", "minimumAvailability", "popularity", "keywords"),
)

WHISPARR_3 = dataclasses.replace(
    RADARR,
    kind="whisparr3",
    app_type="whisparr",
    app_name="Whisparr",
    version="3.2.0.45",
    catalogue=catalogues.SCENES,
    command_kinds=by_name(_KINDS),
    command_work=_WORK,
    missing_keys=_WANTED_KEYS,
    cutoff_keys=_WANTED_KEYS,
    routes=[*RADARR.routes, *_OWN],
    released_is_available=True,
    root_folder="/scenes",
    login_status=401,
    grabbed_data={name: value for name, value in RADARR.grabbed_data.items() if name != "imdbId"},
    lacks={
        **RADARR.lacks,
        "movie": frozenset((*_NOT_IN_EROS, "imdbId")),
        "moviefile": frozenset(("originalFilePath",)),
        "nested_movie": frozenset(("hasFile", "statistics")),
    },
    adds={"movie": scene},
)

WHISPARR_3_OLD = dataclasses.replace(
    WHISPARR_3,
    kind="whisparr3old",
    version="3.0.0.695",
    catalogue=catalogues.OLD_SCENES,
    base_redirect=302,
    head_ping=False,
    login_status=302,
    completion_message="Completed",
    command_kinds=by_name(without_priority(_KINDS)),
    queue=dataclasses.replace(
        RADARR.queue,
        keys=SortKeys({}, "timeleft", unknown="free"),
        filters=frozenset(("owners", "protocol", "quality")),
        single_quality=True,
        blocked_state="importPending",
        blocklists_pending=True,
    ),
    history=dataclasses.replace(RADARR.history, keys=dataclasses.replace(RADARR.history.keys, unknown="error")),
    routes=[*_WITHOUT_WANTED, *_OWN, ("GET", "queue/{id}", _throws)],
    lacks={**RADARR.lacks, "movie": frozenset((*_NOT_IN_EROS, "alternateTitles", "movieFileId", "lastSearchTime"))},
    adds={"movie": old_scene},
)

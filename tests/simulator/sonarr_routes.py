"""Sonarr's own routes: series, episodes, files and the series editor (arr contracts §6.1)."""

import json
from typing import TYPE_CHECKING, Any

from tests.simulator import errors
from tests.simulator.flavour import Route
from tests.simulator.paging import flag, integers, optional_integer
from tests.simulator.routes.history import history_of_parent
from tests.simulator.routes.system import check_new, date_window, fields_of, id_list, lost
from tests.simulator.sonarr_resources import episode_list, file_json, plain_series, series_list
from tests.simulator.tagging import retag
from tests.simulator.wire import Reply, Request, json_reply, named

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


def list_series(app: "SimApp", request: Request) -> Reply:
    tvdb_id = optional_integer(request, "tvdbId")
    if tvdb_id is not None:
        rows = app.db.rows("SELECT * FROM parents WHERE id = ?", (tvdb_id - 100_000,))
    else:
        rows = app.db.rows("SELECT * FROM parents ORDER BY id")
    return json_reply(series_list(app, rows))


def get_series(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM parents WHERE id = ?", (request.path_id,))
    if row is None:
        raise errors.problem(404)  # also in the v5 tree, which is silent elsewhere (arr contracts §1.7)
    return json_reply(series_list(app, [row])[0])


def put_series(app: "SimApp", request: Request) -> Reply:
    """Monitoring, profile, tags and the seasons' monitoring."""
    fields = fields_of(request)
    if app.db.row("SELECT id FROM parents WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Series", request.path_id)
    changes: dict[str, Any] = {}
    if "monitored" in fields:
        changes["monitored"] = int(bool(fields["monitored"]))
    if "qualityprofileid" in fields:
        changes["profile_id"] = _known_profile(app, fields["qualityprofileid"])
    if "tags" in fields:
        changes["tags"] = json.dumps(id_list(fields, "tags"))
    for season in fields.get("seasons") or []:
        entry = named(season)
        app.library.set_season(request.path_id, entry["seasonnumber"], monitored=bool(entry["monitored"]))
    app.library.update_parent(request.path_id, **changes)
    reply = get_series(app, request)
    reply.status = 202
    return reply


def delete_series(app: "SimApp", request: Request) -> Reply:
    if app.db.row("SELECT id FROM parents WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Series", request.path_id)
    app.library.remove_parent(request.path_id)
    return json_reply({})


def edit_series(app: "SimApp", request: Request) -> Reply:
    """PUT series/editor: 202 with the changed series."""
    fields = fields_of(request)
    ids = id_list(fields, "seriesIds")
    rows = app.db.by_ids("parents", ids)
    if len(rows) < len(ids):
        raise errors.message(500, f"Expected query to return {len(ids)} rows but returned {len(rows)}")
    for series_id, row in rows.items():
        changes: dict[str, Any] = {}
        if fields.get("monitored") is not None:
            changes["monitored"] = int(bool(fields["monitored"]))
        if fields.get("qualityprofileid") is not None:
            changes["profile_id"] = _known_profile(app, fields["qualityprofileid"])
        if fields.get("tags") is not None:
            changes["tags"] = json.dumps(retag(json.loads(row["tags"]), fields))
        app.library.update_parent(series_id, **changes)
    changed = plain_series(app, set(ids))
    return json_reply([changed[series_id] for series_id in ids], 202)


def _known_profile(app: "SimApp", profile_id: Any) -> int:
    if profile_id not in app.library.profiles:
        raise errors.validation(("QualityProfileId", "Quality profile does not exist", "QualityProfileExistsValidator"))
    return int(profile_id)


def list_episodes(app: "SimApp", request: Request) -> Reply:
    series_id, season = optional_integer(request, "seriesId"), optional_integer(request, "seasonNumber")
    ids, file_id = integers(request, "episodeIds"), optional_integer(request, "episodeFileId")
    if series_id is not None:
        sql, values = "SELECT * FROM items WHERE parent_id = ?", [series_id]
        if season is not None:
            sql, values = f"{sql} AND season = ?", [series_id, season]
        rows = app.db.rows(f"{sql} ORDER BY season, number", values)
    elif ids:
        found = app.db.by_ids("items", ids)
        if len(found) < len(ids):
            raise errors.message(500, f"Expected query to return {len(ids)} rows but returned {len(found)}")
        rows = list(found.values())
    elif file_id is not None:
        rows = app.db.rows("SELECT * FROM items WHERE file_id = ?", (file_id,))
    else:
        raise errors.bad_request("seriesId or episodeIds must be provided")
    return json_reply(episode_list(app, rows, request))


def get_episode(app: "SimApp", request: Request) -> Reply:
    """With series, file and images, whatever is asked for (arr contracts §6.1)."""
    row = app.db.row("SELECT * FROM items WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "Episode", request.path_id)
    everything = Request("GET", request.path, "includeSeries=true&includeEpisodeFile=true&includeImages=true")
    return json_reply(episode_list(app, [row], everything)[0])


def put_episode(app: "SimApp", request: Request) -> Reply:
    """Only the monitored flag of an episode can be changed."""
    fields = fields_of(request)
    if app.db.row("SELECT id FROM items WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Episode", request.path_id)
    app.library.update_item(request.path_id, monitored=int(bool(fields.get("monitored"))))
    reply = get_episode(app, request)
    reply.status = 202
    return reply


def monitor_episodes(app: "SimApp", request: Request) -> Reply:
    fields = fields_of(request)
    ids = id_list(fields, "episodeIds")
    for item_id in app.db.by_ids("items", ids):
        app.library.update_item(item_id, monitored=int(bool(fields.get("monitored"))))
    rows = app.db.by_ids("items", ids)
    return json_reply(episode_list(app, list(rows.values()), request), 202)


def calendar(app: "SimApp", request: Request) -> Reply:
    start, end = date_window(app, request)
    rule = "" if flag(request, "unmonitored", False) else " AND wanted = 1"
    sql = f"SELECT * FROM items WHERE air_at BETWEEN ? AND ?{rule} ORDER BY air_at, id"  # noqa: S608 - our own words
    return json_reply(episode_list(app, app.db.rows(sql, (start, end)), request))


def post_series(app: "SimApp", request: Request) -> Reply:
    fields = fields_of(request)
    check_new(app, fields)
    series_id = app.library.add_series(
        title=str(fields.get("title") or "Untitled"),
        monitored=bool(fields.get("monitored", False)),
        profile_id=fields["qualityprofileid"],
        added=app.clock.timestamp(),
    )
    app.library.update_parent(series_id, tags=json.dumps(id_list(fields, "tags")))
    request.path_id = series_id
    reply = get_series(app, request)
    reply.status = 201
    reply.headers.append(("Location", f"{app.url_base}/{app.flavour.prefix}/series/{series_id}"))
    return reply


def list_files(app: "SimApp", request: Request) -> Reply:
    series_id, ids = optional_integer(request, "seriesId"), integers(request, "episodeFileIds")
    if series_id is not None:
        rows = app.db.rows("SELECT * FROM files WHERE parent_id = ? ORDER BY id", (series_id,))
    elif ids:
        rows = list(app.db.by_ids("files", ids).values())
    else:
        raise errors.bad_request("seriesId or episodeFileIds must be provided")
    return json_reply([file_json(app, row) for row in rows])


def get_file(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM files WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "EpisodeFile", request.path_id)
    return json_reply(file_json(app, row))


def delete_file(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM files WHERE id = ?", (request.path_id,))
    if row is None:
        raise errors.missing_row("EpisodeFile", request.path_id)
    app.library.remove_file(row["item_id"])
    return json_reply({})


ROUTES: list[Route] = [
    ("GET", "series", list_series),
    ("POST", "series", post_series),
    ("PUT", "series/editor", edit_series),
    ("GET", "series/{id}", get_series),
    ("PUT", "series/{id}", put_series),
    ("DELETE", "series/{id}", delete_series),
    ("GET", "episode", list_episodes),
    ("PUT", "episode/monitor", monitor_episodes),
    ("GET", "episode/{id}", get_episode),
    ("PUT", "episode/{id}", put_episode),
    ("GET", "episodefile", list_files),
    ("GET", "episodefile/{id}", get_file),
    ("DELETE", "episodefile/{id}", delete_file),
    ("GET", "wanted/missing/{id}", get_episode),
    ("GET", "wanted/cutoff/{id}", get_episode),
    ("GET", "history/series", history_of_parent),
    ("GET", "calendar", calendar),
]

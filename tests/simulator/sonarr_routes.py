"""Sonarr's own routes: series, episodes, files and the series editor."""

import json
from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.definition import Route
from tests.simulator.editing import (
    created,
    delete_owner,
    edit_many,
    monitor_items,
    put_changes,
    put_item,
    with_status,
)
from tests.simulator.messages import Reply, Request, json_reply, named
from tests.simulator.paging import flag, integers, optional_integer
from tests.simulator.routes.history import history_of_parent
from tests.simulator.routes.system import check_new, date_window, fields_of, id_list, known_owner, lost
from tests.simulator.sonarr_resources import episode_list, file_json, plain_series, series_list

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
        raise errors.problem(404)  # also in the v5 tree, which is silent elsewhere
    return json_reply(series_list(app, [row])[0])


def put_series(app: "SimApp", request: Request) -> Reply:
    """Monitoring, profile, tags and the seasons' monitoring."""
    fields = fields_of(request)
    if app.db.row("SELECT id FROM parents WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Series", request.path_id)
    for season in fields.get("seasons") or []:
        entry = named(season)
        app.library.set_season(request.path_id, entry["seasonnumber"], monitored=bool(entry["monitored"]))
    app.library.update_parent(request.path_id, **put_changes(app, fields))
    return with_status(get_series(app, request), 202)


def edit_series(app: "SimApp", request: Request) -> Reply:
    """PUT series/editor: 202 with the changed series."""
    ids = edit_many(app, request)
    changed = plain_series(app, set(ids))
    return json_reply([changed[series_id] for series_id in ids], 202)


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
    return json_reply([app.definition.fitted(app, "listed_episode", e) for e in episode_list(app, rows, request)])


def get_episode(app: "SimApp", request: Request) -> Reply:
    """With series, file and images, whatever is asked for."""
    row = app.db.row("SELECT * FROM items WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "Episode", request.path_id)
    everything = Request("GET", request.path, "includeSeries=true&includeEpisodeFile=true&includeImages=true")
    return json_reply(episode_list(app, [row], everything)[0])


def put_episode(app: "SimApp", request: Request) -> Reply:
    return put_item(app, request, get_episode)


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
    return created(app, get_series(app, request), f"series/{series_id}")


def list_files(app: "SimApp", request: Request) -> Reply:
    series_id, ids = optional_integer(request, "seriesId"), integers(request, "episodeFileIds")
    if series_id is not None:
        known_owner(app, series_id)
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
    app.library.remove_file_row(row)
    return json_reply({})


ROUTES: list[Route] = [
    ("GET", "series", list_series),
    ("POST", "series", post_series),
    ("PUT", "series/editor", edit_series),
    ("GET", "series/{id}", get_series),
    ("PUT", "series/{id}", put_series),
    ("DELETE", "series/{id}", delete_owner),
    ("GET", "episode", list_episodes),
    ("PUT", "episode/monitor", monitor_items),
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

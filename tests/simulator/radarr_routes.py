"""Radarr's own routes: movies, files and the movie editor."""

import json
from typing import TYPE_CHECKING

from tests.simulator import errors
from tests.simulator.definition import Route
from tests.simulator.editing import created, edit_many, put_changes, with_status
from tests.simulator.messages import Reply, Request, json_reply
from tests.simulator.paging import flag, integers, optional_integer
from tests.simulator.radarr_resources import file_json, full_movie, movie_list
from tests.simulator.routes.history import history_of_parent
from tests.simulator.routes.system import check_new, date_window, fields_of, id_list, lost

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


def list_movies(app: "SimApp", request: Request) -> Reply:
    """All movies, or the one with a foreign id; stashId is Whisparr's."""
    tmdb_id, stash_id = optional_integer(request, "tmdbId"), request.first("stashId")
    if app.definition.app_type == "whisparr" and stash_id is not None:
        rows = app.db.rows("SELECT * FROM items WHERE 'scene-' || id = ?", (stash_id,))
    elif tmdb_id is not None:
        rows = app.db.rows("SELECT * FROM items WHERE id = ?", (tmdb_id - 100_000,))
    else:
        rows = app.db.rows("SELECT * FROM items ORDER BY id")
    files = {row["id"]: row for row in app.db.rows("SELECT * FROM files")}
    return json_reply([full_movie(app, row, files.get(row["file_id"]), scores=False) for row in rows])


def get_movie(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM items WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "Movie", request.path_id)
    file = app.db.row("SELECT * FROM files WHERE id = ?", (row["file_id"],))
    return json_reply(full_movie(app, row, file, scores=False))


def put_movie(app: "SimApp", request: Request) -> Reply:
    fields = fields_of(request)
    if app.db.row("SELECT id FROM items WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Movie", request.path_id)
    app.library.update_item(request.path_id, **put_changes(app, fields))
    return with_status(get_movie(app, request), 202)


def delete_movie(app: "SimApp", request: Request) -> Reply:
    if app.db.row("SELECT id FROM items WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row("Movie", request.path_id)
    app.library.remove_item(request.path_id)
    return json_reply({})


def edit_movies(app: "SimApp", request: Request) -> Reply:
    """PUT movie/editor: 202 with the changed movies."""
    ids = edit_many(app, request)
    changed = app.db.by_ids("items", ids)
    return json_reply(movie_list(app, [changed[movie_id] for movie_id in ids], request), 202)


def calendar(app: "SimApp", request: Request) -> Reply:
    """Movies with any of their three dates in the window."""
    start, end = date_window(app, request)
    dates = " OR ".join(f"{name} BETWEEN :start AND :end" for name in ("cinema_at", "digital_at", "physical_at"))
    rule = "" if flag(request, "unmonitored", False) else " AND wanted = 1"
    rows = app.db.rows(f"SELECT * FROM items WHERE ({dates}){rule} ORDER BY id", {"start": start, "end": end})  # noqa: S608 - our own words
    return json_reply(movie_list(app, rows, request))


def post_movie(app: "SimApp", request: Request) -> Reply:
    fields = fields_of(request)
    check_new(app, fields)
    movie_id = app.library.add_movie(
        title=str(fields.get("title") or "Untitled"),
        year=int(fields.get("year") or 0),
        monitored=bool(fields.get("monitored", False)),
        profile_id=fields["qualityprofileid"],
        minimum_availability=str(fields.get("minimumavailability") or "announced"),
        added=app.clock.timestamp(),
    )
    app.library.update_item(movie_id, tags=json.dumps(id_list(fields, "tags")))
    request.path_id = movie_id
    return created(app, get_movie(app, request), f"movie/{movie_id}")


def list_files(app: "SimApp", request: Request) -> Reply:
    movies, ids = integers(request, "movieId"), integers(request, "movieFileIds")
    if movies:
        owners = app.db.by_ids("items", movies)
        found = app.db.by_ids("files", [row["file_id"] for row in owners.values() if row["file_id"]])
    elif ids:
        found = app.db.by_ids("files", ids)
    else:
        raise errors.bad_request("movieId or movieFileIds must be provided")
    rows = list(found.values())
    movie_rows = app.db.by_ids("items", [row["item_id"] for row in rows])
    return json_reply([file_json(app, row, movie_rows[row["item_id"]], scores=True) for row in rows])


def get_file(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM files WHERE id = ?", (request.path_id,))
    if row is None:
        raise lost(app, "MovieFile", request.path_id)
    return json_reply(file_json(app, row, app.library.item(row["item_id"]), scores=True))


def delete_file(app: "SimApp", request: Request) -> Reply:
    row = app.db.row("SELECT * FROM files WHERE id = ?", (request.path_id,))
    if row is None:
        raise errors.missing_row("MovieFile", request.path_id)
    app.library.remove_file_row(row)
    return json_reply({})


ROUTES: list[Route] = [
    ("GET", "movie", list_movies),
    ("POST", "movie", post_movie),
    ("PUT", "movie/editor", edit_movies),
    ("GET", "movie/{id}", get_movie),
    ("PUT", "movie/{id}", put_movie),
    ("DELETE", "movie/{id}", delete_movie),
    ("GET", "moviefile", list_files),
    ("GET", "moviefile/{id}", get_file),
    ("DELETE", "moviefile/{id}", delete_file),
    ("GET", "history/movie", history_of_parent),
    ("GET", "calendar", calendar),
]

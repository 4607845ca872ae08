"""Routes of the apps whose items belong to an artist or author: owners, items, files."""

# ruff: noqa: S608 - table and column names are this package's own; values are always bound

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Row
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
from tests.simulator.messages import Json, Reply, Request, json_reply
from tests.simulator.paging import flag, integers, optional_integer
from tests.simulator.routes.history import history_of_parent
from tests.simulator.routes.system import check_new, date_window, fields_of, id_list, known_owner, lost

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

Writer = Callable[["SimApp", Sequence[Row]], list[Json]]


@dataclass(frozen=True)
class OwnedRoutes:
    """The routes of one such app, with its names and its formats of owners, items and files."""

    name_field: str  # "artistName"
    foreign_owner: str | None  # the query parameter that finds an owner by its foreign id
    foreign_item: str
    foreign_prefix: str
    file: str  # "trackfile"
    file_ids_field: str  # "trackFileIds"
    file_kind: str  # "TrackFile"
    write_owners: Writer
    write_items: Writer
    write_item: Writer  # by id it may have more than in a list
    write_files: Writer

    def routes(self, owner: str, item: str) -> list[Route]:
        return [
            ("GET", owner, self.list_owners),
            ("POST", owner, self.post_owner),
            ("PUT", f"{owner}/editor", self.edit_owners),
            ("GET", f"{owner}/{{id}}", self.get_owner),
            ("PUT", f"{owner}/{{id}}", self.put_owner),
            ("DELETE", f"{owner}/{{id}}", delete_owner),
            ("GET", item, self.list_items),
            ("PUT", f"{item}/monitor", monitor_items),
            ("GET", f"{item}/{{id}}", self.get_item),
            ("PUT", f"{item}/{{id}}", self.put_item),
            ("GET", self.file, self.list_files),
            ("GET", f"{self.file}/{{id}}", self.get_file),
            ("DELETE", f"{self.file}/{{id}}", self.delete_file),
            ("GET", "wanted/missing/{id}", self.get_item),
            ("GET", "wanted/cutoff/{id}", self.get_item),
            ("GET", f"history/{owner}", history_of_parent),
            ("GET", "calendar", self.calendar),
        ]

    # --- owners -----------------------------------------------------------------------------------------------------

    def list_owners(self, app: "SimApp", request: Request) -> Reply:
        foreign = request.first(self.foreign_owner) if self.foreign_owner else None
        rows = app.db.rows("SELECT * FROM parents ORDER BY id")
        if foreign is not None:
            rows = [row for row in rows if f"{self.foreign_prefix}{app.definition.owner}-{row['id']}" == foreign]
        return json_reply(self.write_owners(app, rows))

    def get_owner(self, app: "SimApp", request: Request) -> Reply:
        row = app.db.row("SELECT * FROM parents WHERE id = ?", (request.path_id,))
        if row is None:
            raise lost(app, app.definition.names.parent_kind, request.path_id)
        return json_reply(self.write_owners(app, [row])[0])

    def post_owner(self, app: "SimApp", request: Request) -> Reply:
        fields = fields_of(request)
        check_new(app, fields)
        name = fields.get(self.name_field.lower()) or fields.get("title") or "Untitled"
        owner_id = app.library.add_artist(
            title=str(name),
            monitored=bool(fields.get("monitored", False)),
            profile_id=fields["qualityprofileid"],
            added=app.clock.timestamp(),
        )
        app.library.update_parent(owner_id, tags=json.dumps(id_list(fields, "tags")))
        request.path_id = owner_id
        return created(app, self.get_owner(app, request), f"{app.definition.owner}/{owner_id}")

    def put_owner(self, app: "SimApp", request: Request) -> Reply:
        fields = fields_of(request)
        if app.db.row("SELECT id FROM parents WHERE id = ?", (request.path_id,)) is None:
            raise errors.missing_row(app.definition.names.parent_kind, request.path_id)
        app.library.update_parent(request.path_id, **put_changes(app, fields))
        return with_status(self.get_owner(app, request), 202)

    def edit_owners(self, app: "SimApp", request: Request) -> Reply:
        """PUT artist/editor, author/editor: 202 with the changed ones."""
        ids = edit_many(app, request)
        changed = app.db.by_ids("parents", ids)
        return json_reply(self.write_owners(app, [changed[owner_id] for owner_id in ids]), 202)

    # --- items ------------------------------------------------------------------------------------------------------

    def list_items(self, app: "SimApp", request: Request) -> Reply:
        """The items of an owner, of a list of ids or of a foreign id; without any of these, all."""
        names = app.definition.names
        owner_id = optional_integer(request, names.parent_field or "")
        ids, foreign = integers(request, names.items_field), request.first(self.foreign_item)
        if owner_id is not None:
            rows = app.db.rows("SELECT * FROM items WHERE parent_id = ? ORDER BY id", (owner_id,))
        elif ids:
            rows = list(app.db.by_ids("items", ids).values())
            if len(rows) < len(set(ids)):
                raise errors.message(500, f"Expected query to return {len(ids)} rows but returned {len(rows)}")
        else:
            rows = app.db.rows("SELECT * FROM items ORDER BY id")
            if foreign is not None:
                rows = [row for row in rows if f"{self.foreign_prefix}{names.item}-{row['id']}" == foreign]
        return json_reply(self.write_items(app, rows))

    def get_item(self, app: "SimApp", request: Request) -> Reply:
        row = app.db.row("SELECT * FROM items WHERE id = ?", (request.path_id,))
        if row is None:
            raise lost(app, app.definition.names.kind, request.path_id)
        return json_reply(self.write_item(app, [row])[0])

    def put_item(self, app: "SimApp", request: Request) -> Reply:
        return put_item(app, request, self.get_item)

    def calendar(self, app: "SimApp", request: Request) -> Reply:
        start, end = date_window(app, request)
        rule = "" if flag(request, "unmonitored", False) else " AND wanted = 1"
        sql = f"SELECT * FROM items WHERE air_at BETWEEN ? AND ?{rule} ORDER BY air_at, id"
        return json_reply(app.definition.item_json(app, app.db.rows(sql, (start, end)), request))

    # --- files ------------------------------------------------------------------------------------------------------

    def list_files(self, app: "SimApp", request: Request) -> Reply:
        """Owners and items are looked up first: an unknown one is a 404."""
        names = app.definition.names
        owner_id, item_ids = optional_integer(request, names.parent_field or ""), integers(request, names.item_field)
        ids = integers(request, self.file_ids_field)
        if owner_id is not None:
            known_owner(app, owner_id)
            rows = app.db.rows("SELECT * FROM files WHERE parent_id = ? ORDER BY id", (owner_id,))
        elif item_ids:
            known = app.db.by_ids("items", item_ids)
            for item_id in item_ids:
                if item_id not in known:
                    raise errors.missing_row(names.kind, item_id)
            rows = [file for item_id in dict.fromkeys(item_ids) for file in app.library.files_of(item_id)]
        elif ids:
            rows = list(app.db.by_ids("files", ids).values())
        elif request.first("unmapped") is not None:
            rows = []
        else:
            fields = f"{names.parent_field}, {names.item_field}, {self.file_ids_field} or unmapped"
            raise errors.bad_request(f"{fields} must be provided")
        return json_reply(self.write_files(app, rows))

    def get_file(self, app: "SimApp", request: Request) -> Reply:
        row = app.db.row("SELECT * FROM files WHERE id = ?", (request.path_id,))
        if row is None:
            raise lost(app, self.file_kind, request.path_id)
        return json_reply(self.write_files(app, [row])[0])

    def delete_file(self, app: "SimApp", request: Request) -> Reply:
        row = app.db.row("SELECT * FROM files WHERE id = ?", (request.path_id,))
        if row is None:
            raise errors.missing_row(self.file_kind, request.path_id)
        app.library.remove_file_row(row)
        return json_reply({})

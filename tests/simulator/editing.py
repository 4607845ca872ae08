"""Changes by the PUT routes and bulk editors of all apps, and how editors apply tags."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.simulator import errors
from tests.simulator.messages import Json, Reply, Request, json_reply
from tests.simulator.routes.system import fields_of, id_list

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_WAYS = ("add", "remove", "replace")


def changes_of(app: "SimApp", fields: Json) -> dict[str, Any]:
    """The columns that a body changes, without tags."""
    changes: dict[str, Any] = {}
    if fields.get("monitored") is not None:
        changes["monitored"] = int(bool(fields["monitored"]))
    if (profile_id := fields.get("qualityprofileid")) is not None:
        if profile_id not in app.library.profiles:
            text = "Quality profile does not exist"
            raise errors.validation(("QualityProfileId", text, "QualityProfileExistsValidator"))
        changes["profile_id"] = int(profile_id)
    if fields.get("minimumavailability") is not None:
        changes["availability"] = str(fields["minimumavailability"])
    return changes


def put_changes(app: "SimApp", fields: Json) -> dict[str, Any]:
    """The changes of a whole resource: its tags replace the old ones."""
    tags = {"tags": json.dumps(id_list(fields, "tags"))} if "tags" in fields else {}
    return changes_of(app, fields) | tags


def edit_many(app: "SimApp", request: Request) -> list[int]:
    """PUT series/editor and the like: changes all given ids, or none if any is unknown; their ids."""
    owned = app.definition.owner is not None
    fields, table = fields_of(request), "parents" if owned else "items"
    ids = id_list(fields, app.definition.names.owners_field)
    rows = app.db.by_ids(table, ids)
    if len(rows) < len(ids):
        raise errors.message(500, f"Expected query to return {len(ids)} rows but returned {len(rows)}")
    for row_id, row in rows.items():
        changes = changes_of(app, fields)
        if fields.get("tags") is not None:
            changes["tags"] = json.dumps(retag(json.loads(row["tags"]), fields))
        (app.library.update_parent if owned else app.library.update_item)(row_id, **changes)
    return ids


def put_item(app: "SimApp", request: Request, read: Callable[["SimApp", Request], Reply]) -> Reply:
    """Only the monitored flag of an episode, album or book can be changed."""
    fields = fields_of(request)
    if app.db.row("SELECT id FROM items WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row(app.definition.names.kind, request.path_id)
    app.library.update_item(request.path_id, monitored=int(bool(fields.get("monitored"))))
    return with_status(read(app, request), 202)


def monitor_items(app: "SimApp", request: Request) -> Reply:
    """PUT episode/monitor and the like; unknown ids are ignored."""
    fields = fields_of(request)
    ids = id_list(fields, app.definition.names.items_field)
    for item_id in app.db.by_ids("items", ids):
        app.library.update_item(item_id, monitored=int(bool(fields.get("monitored"))))
    rows = app.db.by_ids("items", ids)
    return json_reply(app.definition.item_json(app, list(rows.values()), request), 202)


def delete_owner(app: "SimApp", request: Request) -> Reply:
    if app.db.row("SELECT id FROM parents WHERE id = ?", (request.path_id,)) is None:
        raise errors.missing_row(app.definition.names.parent_kind, request.path_id)
    app.library.remove_parent(request.path_id)
    return json_reply({})


def with_status(reply: Reply, status: int) -> Reply:
    reply.status = status
    return reply


def created(app: "SimApp", reply: Reply, path: str) -> Reply:
    """201 with the location of the new resource."""
    reply.headers.append(("Location", f"{app.url_base}/{app.definition.prefix}/{path}"))
    return with_status(reply, 201)


def retag(tags: list[int], fields: Json) -> list[int]:
    """The new tags of one item; without applyTags, the first value of the enum holds."""
    chosen, way = list(fields["tags"]), fields.get("applytags", "add")
    if isinstance(way, int) and 0 <= way < len(_WAYS):
        way = _WAYS[way]
    if not isinstance(way, str) or way.lower() not in _WAYS:
        raise errors.binding("$.applyTags", "The JSON value could not be converted to ApplyTags.")
    if way.lower() == "replace":
        return chosen
    if way.lower() == "remove":
        return [tag for tag in tags if tag not in chosen]
    return tags + [tag for tag in chosen if tag not in tags]

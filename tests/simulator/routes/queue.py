"""The queue: pages, details, status and removal."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.simulator import errors
from tests.simulator.definition import Route, SortKeys
from tests.simulator.downloads import Download, QueueRow, queue_json
from tests.simulator.messages import Json, Reply, Request, json_reply, stamp
from tests.simulator.paging import Page, flag, integers, optional_integer, read_page
from tests.simulator.routes.system import fields_of, id_list

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_LAST = float("inf")
_STATUSES = (
    *("unknown", "queued", "paused", "downloading", "completed", "failed", "warning"),
    *("delay", "downloadClientUnavailable", "fallback"),
)
_PROTOCOLS = ("unknown", "usenet", "torrent")
_SORT_VALUES: Mapping[str, Callable[[QueueRow], Any]] = {
    "added": lambda row: row.download.added_at,
    "downloadClient": lambda row: row.download.client,
    "estimatedCompletionTime": lambda row: row.seconds_left if row.seconds_left is not None else _LAST,
    "indexer": lambda row: row.download.indexer,
    "progress": lambda row: row.progress,
    "protocol": lambda row: row.download.protocol,
    "quality": lambda row: row.download.quality_id,
    "size": lambda row: row.download.size,
    "status": lambda row: row.status,
    "title": lambda row: row.download.title,
}


def list_queue(app: "SimApp", request: Request) -> Reply:
    page = read_page(request, app.definition.queue.keys)
    if page.size == 0 and page.page > 1:
        raise errors.message(500, "Attempted to divide by zero.")
    rows = _ordered(_filtered(app, request), page)
    number = page.page
    records = _slice(rows, number, page.size)
    if not records and number > 1:
        # The trap: an empty page is answered with an earlier one, and says so.
        number = max(len(rows) // page.size, 1)
        records = _slice(rows, number, page.size)
    return page.envelope(len(rows), _records(app, request, records), page=number)


def queue_details(app: "SimApp", request: Request) -> Reply:
    """Everything at once, unknown items included."""
    names, rows = app.definition.names, app.downloads.rows(app.clock.timestamp())
    if names.parent_field is None:
        owner = optional_integer(request, names.item_field)
        rows = [row for row in rows if owner is None or row.item_id == owner]
    else:
        owner, wanted = optional_integer(request, names.parent_field), integers(request, names.items_field)
        if owner is not None:
            rows = [row for row in rows if row.download.parent_id == owner]
        elif wanted:
            rows = [row for row in rows if row.item_id in wanted]
    return json_reply(_records(app, request, rows))


def queue_status(app: "SimApp", request: Request) -> Reply:
    del request
    rows = app.downloads.rows(app.clock.timestamp())
    known, unknown = [r for r in rows if r.item_id is not None], [r for r in rows if r.item_id is None]
    status = {
        "totalCount": len(rows),
        "count": len(known),
        "unknownCount": len(unknown),
        "errors": any(row.tracked_status == "error" for row in known),
        "warnings": any(row.tracked_status == "warning" for row in known),
        "unknownErrors": any(row.tracked_status == "error" for row in unknown),
        "unknownWarnings": any(row.tracked_status == "warning" for row in unknown),
    }
    return json_reply(status)


def delete_queue_item(app: "SimApp", request: Request) -> Reply:
    download = app.downloads.by_row(request.path_id)
    if download is None:
        raise errors.not_found()
    _remove(app, request, download)
    return Reply(200)


def delete_queue_bulk(app: "SimApp", request: Request) -> Reply:
    """One unknown id and nothing is removed."""
    ids = id_list(fields_of(request), "ids")
    found = [app.downloads.by_row(row_id) for row_id in ids]
    downloads = [download for download in found if download is not None]
    if len(downloads) < len(ids):
        raise errors.not_found()
    for download in {download.download_id: download for download in downloads}.values():
        _remove(app, request, download)
    return json_reply({})


def grab_pending(app: "SimApp", request: Request) -> Reply:
    """Force-grab a pending release."""
    download = app.downloads.by_row(request.path_id)
    if download is None or not download.pending:
        raise errors.not_found()
    download.status, download.grabbed = "downloading", True
    app.history.grabbed(download, app.clock.timestamp())
    return json_reply({})


def _remove(app: "SimApp", request: Request, download: Download) -> None:
    from_client, blocklist = flag(request, "removeFromClient", True), flag(request, "blocklist", False)
    skip = flag(request, "skipRedownload", False)
    change = app.definition.queue.change_category and flag(request, "changeCategory", False)
    now = app.clock.timestamp()
    if download.pending:
        if (blocklist or app.definition.queue.blocklists_pending) and download.item_ids:
            app.downloads.blocklist(download, now)
        app.downloads.forget(download)
        return
    error = _client_error(app, download, now)
    if from_client and error is not None:
        # Nothing is removed and tracking goes on: the client is gone or does not answer.
        status = app.definition.invalid_operation if error == "" else 500
        raise errors.message(status, error or "Sequence contains no matching element")
    client = app.clients.all.get(download.client)
    if change and not from_client and client is not None and client.kind == "Transmission":
        raise errors.message(500, "Transmission does not support marking items as imported")
    if not (from_client or blocklist or change or download.item_ids):
        raise errors.message(500, "Object reference not set to an instance of an object.")  # it cannot be ignored
    app.downloads.removed(download, from_client=from_client, blocklist=blocklist)
    if blocklist:
        _blocklist(app, download, now, skip=skip)
    elif not from_client and not change and download.item_ids:
        app.history.record("downloadIgnored", download, now, {"message": "Manually ignored"})


def _client_error(app: "SimApp", download: Download, now: float) -> str | None:
    """What the client of a download answers to its removal; empty when the app has no such client."""
    if download.client_error is not None:
        return download.client_error
    state = app.clients.state_at(download.client, now)
    return None if state == "up" else "" if state == "disabled" else app.clients.all[download.client].refusal


def _blocklist(app: "SimApp", download: Download, now: float, *, skip: bool) -> None:
    if app.history.was_grabbed(download.download_id):
        app.downloads.fail(download, now, redownload=not skip and app.settings.auto_redownload_failed)
    elif app.definition.strict_blocklist:
        raise errors.message(400, "Unable to mark download as failed, no grabbed history available")


def _filtered(app: "SimApp", request: Request) -> list[QueueRow]:
    names, shape = app.definition.names, app.definition.queue
    rows = app.downloads.rows(app.clock.timestamp())
    if not flag(request, names.unknown_flag, False):
        rows = [row for row in rows if row.item_id is not None]
    owners = integers(request, names.owners_field) if "owners" in shape.filters else []
    if owners:
        rows = [row for row in rows if (row.item_id if names.parent is None else row.download.parent_id) in owners]
    qualities = integers(request, "quality") if "quality" in shape.filters else []
    if shape.single_quality:
        qualities = qualities[:1]
    if qualities:
        rows = [row for row in rows if row.download.quality_id in qualities]
    protocol = _enum_values(request, "protocol", _PROTOCOLS) if "protocol" in shape.filters else []
    statuses = _enum_values(request, "status", _STATUSES) if "status" in shape.filters else []
    return [
        row
        for row in rows
        if (not protocol or row.download.protocol in protocol) and (not statuses or row.status in statuses)
    ]


def _enum_values(request: Request, name: str, known: tuple[str, ...]) -> list[str]:
    """Enum parameters: words without regard to case, or their numbers."""
    chosen: list[str] = []
    by_word = {word.lower(): word for word in known}
    for text in request.every(name):
        word = by_word.get(text.lower()) or (known[int(text)] if text.isdigit() and int(text) < len(known) else None)
        if word is None:
            raise errors.bad_value(name, text)
        chosen.append(word)
    return chosen


def _ordered(rows: list[QueueRow], page: Page) -> list[QueueRow]:
    """Sorted; equal values by progress, highest first; an unknown key sorts by the time left."""
    value = _SORT_VALUES.get(page.key, lambda row: row.seconds_left if row.seconds_left is not None else _LAST)
    rows = sorted(rows, key=lambda row: -row.progress)
    return sorted(rows, key=value, reverse=page.descending)


def _slice(rows: list[QueueRow], number: int, size: int) -> list[QueueRow]:
    start = max((number - 1) * size, 0)
    return rows[start : start + max(size, 0)]


def _records(app: "SimApp", request: Request, rows: list[QueueRow]) -> list[Json]:
    now = app.clock.timestamp()
    return [
        app.definition.fitted(app, "queue", {**_owners(app, request, row), **queue_json(row, app, now)}, row)
        for row in rows
    ]


def _owners(app: "SimApp", request: Request, row: QueueRow) -> Json:
    names, fields = app.definition.names, app.definition.queue.fields
    shape: Json = {names.item_field: row.item_id}
    if names.parent_field:
        shape[names.parent_field] = row.download.parent_id
    if fields:
        shape |= fields(app, row)
    return shape | app.definition.include_owners(app, row.item_id, request)


def list_blocklist(app: "SimApp", request: Request) -> Reply:
    page = read_page(request, SortKeys({"date": "date_at"}, "date"), default_descending=True)
    rows = app.db.rows("SELECT * FROM blocklist ORDER BY date_at DESC, id DESC")
    names, definition = app.definition.names, app.definition
    records = [
        definition.fitted(
            app,
            "blocklist",
            {
                (names.parent_field or names.item_field): row["parent_id"],
                names.items_field: json.loads(row["item_ids"]) if names.parent_field else None,
                "sourceTitle": row["source_title"],
                "languages": [{"id": 1, "name": "English"}],
                "quality": definition.catalogue.model(row["quality_id"]),
                "customFormats": [],
                "date": stamp(row["date_at"]),
                "protocol": row["protocol"],
                "indexer": row["indexer"],
                "message": "Marked as failed",
                **_owner_of_blocked(app, row["parent_id"]),
                "id": row["id"],
            },
        )
        for row in rows[page.offset : page.offset + page.size]
    ]
    return page.envelope(len(rows), records)


def _owner_of_blocked(app: "SimApp", owner_id: int) -> Json:
    """The series, artist, author or movie, which the blocklist writes unasked."""
    name = app.definition.owner or app.definition.item
    flags = f"include{name.capitalize()}=true"
    item_id = owner_id
    if app.definition.owner:
        item_id = app.db.number("SELECT min(id) FROM items WHERE parent_id = ?", (owner_id,))
    return app.definition.include_owners(app, item_id, Request("GET", "", flags))


ROUTES: list[Route] = [
    ("GET", "queue", list_queue),
    ("GET", "queue/details", queue_details),
    ("GET", "queue/status", queue_status),
    ("DELETE", "queue/bulk", delete_queue_bulk),
    ("DELETE", "queue/{id}", delete_queue_item),
    ("POST", "queue/grab/{id}", grab_pending),
    ("GET", "blocklist", list_blocklist),
]

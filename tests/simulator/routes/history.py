"""History: pages, since and per owner."""

# ruff: noqa: S608 - SQL is put together from this module's own words; values are always bound

from typing import TYPE_CHECKING, Any

from tests.simulator import errors
from tests.simulator.definition import Route
from tests.simulator.messages import Json, Reply, Request, json_reply, parse_date
from tests.simulator.paging import integers, optional_integer, read_page, sorted_ids

if TYPE_CHECKING:
    from sqlite3 import Row

    from tests.simulator.application import SimApp


def list_history(app: "SimApp", request: Request) -> Reply:
    shape, names = app.definition.history, app.definition.names
    page = read_page(request, shape.keys, default_descending=True)
    rules: list[str] = ["1 = 1"]
    values: list[Any] = []
    events = integers(request, "eventType")
    _any_of("h.event", events[:1] if shape.single_event else events, rules, values)
    if (download_id := request.first("downloadId")) is not None:
        rules.append("h.download_id = ?")
        values.append(download_id)
    if names.parent_field:
        single = optional_integer(request, names.item_field)
        _any_of("h.item_id", [] if single is None else [single], rules, values)
    if "owners" in shape.filters:
        column = "h.parent_id" if names.parent_field else "h.item_id"
        _any_of(column, integers(request, names.owners_field), rules, values)
    if "quality" in shape.filters:
        _any_of("h.quality_id", integers(request, "quality"), rules, values)
    where = f"WHERE {' AND '.join(rules)}"
    owners = "LEFT JOIN items i ON i.id = h.item_id LEFT JOIN parents p ON p.id = h.parent_id"
    source = f"FROM history h {owners} {where}"
    block = app.settings.tie_block
    ids = sorted_ids(app.db, source, values, page, serial=app.next_serial(), tie_block=block, row_id="h.id")
    rows = app.db.by_ids("history", ids)
    total = app.db.number(f"SELECT count(*) FROM history h {where}", values)
    return page.envelope(total, _records(app, request, [rows[row_id] for row_id in ids]))


def history_since(app: "SimApp", request: Request) -> Reply:
    """A plain array, oldest first; without a date it is everything."""
    text = request.first("date")
    try:
        since = parse_date(text) if text else 0
    except ValueError:
        raise errors.bad_value("date", text or "") from None
    rules, values = ["date_at >= ?"], [since]
    _any_of("event", _event_words(app, request), rules, values)
    rows = app.db.rows(f"SELECT * FROM history WHERE {' AND '.join(rules)} ORDER BY date_at, id", values)
    return json_reply(_records(app, request, rows))


def history_of_parent(app: "SimApp", request: Request) -> Reply:
    """history/series?seriesId[&seasonNumber], history/artist?artistId[&albumId] and so on, newest first."""
    names = app.definition.names
    name = names.parent_field or names.item_field
    owner = optional_integer(request, name)
    column = "parent_id" if names.parent_field else "item_id"
    rules, values = [f"{column} = ?"], [owner or 0]
    season = optional_integer(request, "seasonNumber")
    if season is not None and app.definition.seasons:
        rules.append("(SELECT season FROM items WHERE items.id = item_id) = ?")
        values.append(season)
    item = optional_integer(request, names.item_field)
    if item is not None and names.parent_field and not app.definition.seasons:
        rules.append("item_id = ?")
        values.append(item)
    _any_of("event", _event_words(app, request), rules, values)
    rows = app.db.rows(f"SELECT * FROM history WHERE {' AND '.join(rules)} ORDER BY date_at DESC, id DESC", values)
    return json_reply(_records(app, request, rows))


def mark_failed(app: "SimApp", request: Request) -> Reply:
    """POST history/failed/{id}: blocklist, and search again if the app is set up so."""
    row = app.db.row("SELECT * FROM history WHERE id = ?", (request.path_id,))
    if row is None:
        kind = "EntityHistory" if app.definition.history.item_imported else f"{app.definition.names.kind}History"
        raise errors.missing_row(kind, request.path_id)
    download = app.downloads.all.get(row["download_id"] or "")
    if download is not None:
        app.downloads.fail(download, app.clock.timestamp(), redownload=app.settings.auto_redownload_failed)
    return json_reply({})


def _event_words(app: "SimApp", request: Request) -> list[int]:
    text = request.first("eventType")
    if text is None:
        return []
    by_word = {word.lower(): number for number, word in app.definition.history.events.items()}
    number = by_word.get(text.lower(), int(text) if text.isdigit() else None)
    if number is None:
        raise errors.bad_value("eventType", text)
    return [number]


def _any_of(column: str, chosen: list[int], rules: list[str], values: list[Any]) -> None:
    if chosen:
        rules.append(f"{column} IN ({','.join('?' * len(chosen))})")
        values += chosen


def _records(app: "SimApp", request: Request, rows: "list[Row]") -> list[Json]:
    return [
        {**app.history.record_json(row), **app.definition.include_owners(app, row["item_id"], request)} for row in rows
    ]


ROUTES: list[Route] = [
    ("GET", "history", list_history),
    ("GET", "history/since", history_since),
    ("POST", "history/failed/{id}", mark_failed),
]

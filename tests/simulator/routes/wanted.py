"""GET wanted/missing and wanted/cutoff."""

from typing import TYPE_CHECKING, Literal

from tests.simulator.definition import Route
from tests.simulator.messages import Reply, Request
from tests.simulator.paging import flag, read_page, sorted_ids

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

_EDITIONS = "JOIN (SELECT 1 AS edition UNION ALL SELECT 2 UNION ALL SELECT 3) ON edition <= i.editions "


def list_missing(app: "SimApp", request: Request) -> Reply:
    return _list(app, request, "missing")


def list_cutoff(app: "SimApp", request: Request) -> Reply:
    return _list(app, request, "cutoff")


def _list(app: "SimApp", request: Request, kind: Literal["missing", "cutoff"]) -> Reply:
    page = read_page(request, app.definition.missing_keys if kind == "missing" else app.definition.cutoff_keys)
    monitored = flag(request, "monitored", True)
    now = app.clock.timestamp()
    rule, parameters = app.wanted_rule(kind, monitored, now)
    repeated = _EDITIONS if app.definition.row_per_edition else ""
    ids = sorted_ids(
        app.db,
        f"FROM items i {repeated}{rule}",
        parameters,
        page,
        serial=app.next_serial(),
        tie_block=app.settings.tie_block,
    )
    rows = app.db.by_ids("items", ids)
    records = app.definition.item_json(app, [rows[item_id] for item_id in ids], request)
    return page.envelope(app.wanted_total(kind, monitored, now), records)


ROUTES: list[Route] = [("GET", "wanted/missing", list_missing), ("GET", "wanted/cutoff", list_cutoff)]

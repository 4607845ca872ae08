"""Paging as the apps do it: no tiebreak, no maximum size, and page 0 is page 1."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.simulator import errors
from tests.simulator.database import Database
from tests.simulator.definition import SortKeys
from tests.simulator.messages import Json, Reply, Request, json_reply

_DIRECTIONS = {"default": 0, "ascending": 1, "descending": 2}
_INT_MAX = 2**31 - 1
_CONSTANT = "'a quoted name that is no column'"  # what SQLite makes of an unknown column in quotes: a text


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page, with the effective sort key."""

    page: int
    size: int
    key: str
    expression: str
    descending: bool

    @property
    def offset(self) -> int:
        return max(max(self.page - 1, 0) * self.size, 0)

    def envelope(self, total: int, records: list[Json], *, page: int | None = None) -> Reply:
        body = {
            "page": self.page if page is None else page,
            "pageSize": self.size,
            "sortKey": self.key,
            "sortDirection": "descending" if self.descending else "ascending",
            "totalRecords": total,
            "records": records,
        }
        return json_reply(body)


def integer(request: Request, name: str, default: int) -> int:
    text = request.first(name)
    if text is None or text == "":
        return default
    found = optional_integer(request, name)
    return default if found is None else found


def optional_integer(request: Request, name: str) -> int | None:
    text = request.first(name)
    if text is None or text == "":
        return None
    return _to_int(name, text)


def integers(request: Request, name: str) -> list[int]:
    """The values of a repeated parameter; comma-separated values are a 400."""
    return [_to_int(name, text) for text in request.every(name)]


def flag(request: Request, name: str, default: bool) -> bool:
    text = request.first(name)
    if text is None:
        return default
    if text.lower() not in ("true", "false"):
        raise errors.bad_value(name, text)
    return text.lower() == "true"


def _to_int(name: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise errors.bad_value(name, text) from None
    if abs(value) > _INT_MAX:
        raise errors.bad_value(name, text)
    return value


def read_page(request: Request, keys: SortKeys, *, default_descending: bool = False) -> Page:
    """Known keys are compared without case; the apps treat others differently."""
    key, expression = _sorting(request.first("sortKey") or keys.default, keys)
    return Page(
        page=integer(request, "page", 1),
        size=integer(request, "pageSize", 10),
        key=key,
        expression=expression,
        descending=_descending(request, default_descending),
    )


def _sorting(key: str, keys: SortKeys) -> tuple[str, str]:
    """The effective key and its SQL."""
    name = key.lower()
    if keys.without_table:
        name = name.rpartition(".")[2]
    if name in keys.known:
        return key, keys.known[name]
    match keys.unknown:
        case "default":
            return _sorting(keys.default, keys)
        case "error":
            raise errors.message(500, f"SQL logic error: no such column: {key}")
        case "constant":
            return key, _CONSTANT
        case "free":
            return key, ""


def _descending(request: Request, default_descending: bool) -> bool:
    text = request.first("sortDirection")
    if text is None:
        return True  # omitted means descending, whatever the code calls its default
    number = _DIRECTIONS.get(text.lower(), int(text) if text.isdigit() else -1)
    if number not in (0, 1, 2):
        raise errors.bad_value("sortDirection", text)
    return default_descending if number == 0 else number == 2


def sorted_ids(
    db: Database,
    source: str,
    parameters: Sequence[Any],
    page: Page,
    *,
    serial: int,
    tie_block: int,
    row_id: str = "i.id",
) -> list[int]:
    """The ids of one page of `source` (FROM … WHERE …); equal sort values swap places from request to request."""
    if page.size < 0 and db.kind == "postgreSQL":
        raise errors.message(500, "2201W: LIMIT must not be negative")
    if page.expression == _CONSTANT and db.kind == "postgreSQL":
        raise errors.message(500, f"42703: column {page.key} does not exist")
    order = db.order_by(page.expression, row_id, descending=page.descending)
    sql = f"SELECT {row_id}, {page.expression} {source} {order} LIMIT ? OFFSET ?"
    if page.size <= 0 or tie_block <= 1:
        return [row[0] for row in db.rows(sql, (*parameters, page.size, page.offset))]
    # The order is one permutation per request: blocks of neighbours, shifted and turned by the request's number.
    shift = serial % tie_block
    first = max((page.offset + shift) // tie_block * tie_block - shift, 0)
    last = -(-(page.offset + page.size + shift) // tie_block) * tie_block - shift
    rows = [(row[0], row[1]) for row in db.rows(sql, (*parameters, last - first, first))]
    mixed = [row_id for block in _blocks(rows, first, shift, tie_block) for row_id in _turned(block, serial)]
    return mixed[page.offset - first : page.offset - first + page.size]


def _blocks(rows: list[tuple[int, Any]], first: int, shift: int, size: int) -> list[list[tuple[int, Any]]]:
    cuts = [index for index in range(len(rows) + 1) if (first + index + shift) % size == 0 or index in (0, len(rows))]
    return [rows[start:end] for start, end in pairwise(cuts)]


def _turned(block: list[tuple[int, Any]], serial: int) -> list[int]:
    """Reverse each run of equal sort values at every other request."""
    if serial % 2 == 0:
        return [row[0] for row in block]
    result: list[int] = []
    run: list[int] = []
    previous: Any = None
    for index, (row_id, value) in enumerate(block):
        if index and value != previous:
            result += reversed(run)
            run = []
        run.append(row_id)
        previous = value
    return result + run[::-1]

"""Turns a logged line into an entry for the table: ids become columns, and sizes are bounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import to_json

from app.core.logging import Line
from app.logs.models import LEVEL_NUMBERS, NO_INSTANCE, SOURCES, SYSTEM

MAX_MESSAGE_LENGTH = 2000
MAX_TEXT_LENGTH = 4000
MAX_CONTEXT_BYTES = 8000
MAX_NAME_LENGTH = 100
MAX_REQUEST_ID_LENGTH = 64
MAX_ID = 2**31 - 1
MAX_ITEMS = 50
MAX_DEPTH = 4
OVERHEAD_BYTES = 200
"""Memory of an entry besides its texts, roughly."""


class EntryKind(NamedTuple):
    """Entries are counted by these."""

    app_type: str
    instance_id: int
    level: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that waits to be stored."""

    id: int
    level: int
    app_type: str
    instance_id: int | None
    hunt_id: int | None
    request_id: str | None
    logger: str
    message: str
    context: str
    size: int

    @property
    def kind(self) -> EntryKind:
        return EntryKind(self.app_type, self.instance_id or NO_INSTANCE, self.level)


def entry_of(line: Line) -> Entry:
    """Convert a line. It runs in the thread that logs, so that only bounded entries wait in memory."""
    fields = dict(line.fields)
    app_type = fields.pop("app_type") if fields.get("app_type") in SOURCES else SYSTEM
    instance_id, hunt_id = _id_in(fields, "instance_id"), _id_in(fields, "hunt_id")
    request_id = _clean(str(fields.pop("request_id", "")), MAX_REQUEST_ID_LENGTH)
    message = _clean(line.event, MAX_MESSAGE_LENGTH)
    context = _context(fields)
    return Entry(
        id=int(line.seconds * 1_000_000),
        level=_level(line.level),
        app_type=str(app_type),
        instance_id=instance_id,
        hunt_id=hunt_id,
        request_id=request_id or None,
        logger=_clean(line.logger, MAX_NAME_LENGTH),
        message=message,
        context=context,
        size=len(message.encode()) + len(context.encode()),
    )


def _level(number: int) -> int:
    """The highest of our levels that is not above `number`: a critical line is an error."""
    return max((level for level in LEVEL_NUMBERS.values() if level <= number), default=min(LEVEL_NUMBERS.values()))


def _id_in(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ID:
        return None
    del fields[name]
    return value


def _context(fields: Mapping[str, Any]) -> str:
    """JSON of at most `MAX_CONTEXT_BYTES`. What does not fit is left out, and `truncated` is true."""
    parts: list[bytes] = []
    room = MAX_CONTEXT_BYTES
    for name, value in fields.items():
        part = to_json(_clean(str(name), MAX_NAME_LENGTH)) + b":" + to_json(_plain(value), inf_nan_mode="strings")
        if len(part) > room:
            parts.append(b'"truncated":true')
            break
        parts.append(part)
        room -= len(part) + 1
    return (b"{" + b",".join(parts) + b"}").decode()


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _clean(value, MAX_TEXT_LENGTH, keep_end=True)
    if isinstance(value, dict | list) and depth == MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        items = list(value.items())[:MAX_ITEMS]
        return {_clean(str(name), MAX_NAME_LENGTH): _plain(inner, depth + 1) for name, inner in items}
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value[:MAX_ITEMS]]
    return value


def _clean(text: str, max_length: int, *, keep_end: bool = False) -> str:
    """Text that both databases accept, cut to `max_length`; `keep_end` keeps the end, as of a traceback."""
    if len(text) > max_length:
        text = "…" + text[1 - max_length :] if keep_end else text[: max_length - 1] + "…"
    if not text.isascii():
        text = text.encode(errors="replace").decode()  # lone surrogates
    return text.replace("\0", "\ufffd")

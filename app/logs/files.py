"""The log as a file: one entry a line, for programs as JSON, for people as text."""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from pydantic_core import to_json

from app.logs.schemas import LogEntryOut

BELOW = "\n    "


class LogFile(StrEnum):
    """The formats of an export."""

    NDJSON = "ndjson"
    TEXT = "text"


async def rendered(parts: AsyncIterator[list[LogEntryOut]], kind: LogFile) -> AsyncIterator[bytes]:
    """The file, part by part: no more than one part is ever in memory."""
    render = _ndjson if kind is LogFile.NDJSON else _text
    async for part in parts:
        if part:
            yield render(part)


def _ndjson(part: Sequence[LogEntryOut]) -> bytes:
    return b"".join(entry.model_dump_json().encode() + b"\n" for entry in part)


def _text(part: Sequence[LogEntryOut]) -> bytes:
    return "".join(f"{_line(entry)}\n" for entry in part).encode()


def _line(entry: LogEntryOut) -> str:
    """Time, level, whose, message, details; a traceback stands below, indented, so that no text looks like a line."""
    ids = {name: getattr(entry, name) for name in ("instance_id", "hunt_id", "request_id")}
    context = {name: value for name, value in ids.items() if value is not None} | entry.context
    traceback = context.pop("exception", None)
    details = "".join(f" {name}={to_json(value).decode()}" for name, value in context.items())
    time = entry.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = f"{time} {entry.level:<7} {entry.app_type:<8} {entry.logger}: {entry.message}{details}"
    below = "" if traceback is None else f"\n{traceback}"
    return BELOW.join(_printable(part) for part in f"{line}{below}".splitlines())


def _printable(text: str) -> str:
    """Without characters that a terminal would obey."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)

"""The log as a file: one entry a line, as JSON for programs or as text for people."""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

from pydantic_core import to_json

from app.logs.schemas import LogEntryOut

INDENTED_LINE = "\n    "


class LogFile(StrEnum):
    """The formats of an export."""

    NDJSON = "ndjson"
    TEXT = "text"


async def rendered(parts: AsyncIterator[list[LogEntryOut]], kind: LogFile) -> AsyncIterator[bytes]:
    """The file, part by part, so that only one part is in memory."""
    render = _ndjson if kind is LogFile.NDJSON else _text
    async for part in parts:
        if part:
            yield render(part)


def _ndjson(part: Sequence[LogEntryOut]) -> bytes:
    return b"".join(entry.model_dump_json().encode() + b"\n" for entry in part)


def _text(part: Sequence[LogEntryOut]) -> bytes:
    return "".join(f"{_line(entry)}\n" for entry in part).encode()


def _line(entry: LogEntryOut) -> str:
    """Time, level, app type, message, details; then the traceback, indented so that it cannot look like an entry."""
    ids = {name: getattr(entry, name) for name in ("instance_id", "hunt_id", "request_id")}
    context = {name: value for name, value in ids.items() if value is not None} | entry.context
    traceback = context.pop("exception", None)
    details = "".join(f" {name}={to_json(value).decode()}" for name, value in context.items())
    time = entry.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = f"{time} {entry.level:<7} {entry.app_type:<8} {entry.logger}: {entry.message}{details}"
    text = line if traceback is None else f"{line}\n{traceback}"
    return INDENTED_LINE.join(_printable(part) for part in text.splitlines())


def _printable(text: str) -> str:
    """Without control characters, which a terminal would execute."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)

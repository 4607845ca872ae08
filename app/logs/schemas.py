"""What callers send and read of the log."""

from typing import Annotated, Any

from pydantic import Field

from app.core.config import LogLevel
from app.core.fields import Int64
from app.core.schemas import In, Out, UtcTime, example, words_of
from app.logs.models import SOURCES

Source = Annotated[
    str, Field(json_schema_extra=words_of("LogSource", SOURCES), description="An app type, or `system`.")
]


class LogEntryOut(Out):
    """One line of the log."""

    id: Int64 = Field(description="Grows with the time of the line.", examples=[1795449600000000])
    timestamp: UtcTime
    level: LogLevel
    app_type: Source
    instance_id: int | None
    hunt_id: int | None
    request_id: str | None
    logger: str
    message: str
    context: dict[str, Any] = Field(description="The other fields of the line; a traceback is `exception`.")


class LogsOut(Out):
    """Lines, newest first. `before_id` asks for the next page."""

    entries: list[LogEntryOut]
    total: int = Field(ge=0, description="Matching lines, on all pages.")
    total_is_exact: bool = Field(description="False when counting ended early: there are at least `total`.")
    next_before_id: Int64 | None = Field(
        description="Null on the last page. With `search` a page may be short and still have a next one."
    )


class LogStatsOut(Out):
    """Statistics of the stored lines. Every app type and level is included, also with 0."""

    total: int
    by_app: dict[str, int]
    by_level: dict[LogLevel, int]
    oldest: UtcTime | None
    newest: UtcTime | None
    size_bytes: Int64 = Field(description="Bytes of the stored texts, without the overhead of the database.")
    dropped: dict[LogLevel, int] = Field(
        description="Lines that were not stored because the database could not take them, since the log was cleared."
    )


class LogCleanupIn(In):
    """What to keep; without both fields, what the settings say."""

    model_config = example({"days_to_keep": 30})

    days_to_keep: int | None = Field(None, ge=1, le=3650)
    max_entries_per_app: int | None = Field(None, ge=0, le=1_000_000, description="The newest ones are kept.")

"""The log: list, search, count, clear and download."""

from datetime import UTC
from typing import Annotated, Final

from fastapi import Depends, Path, Query
from pydantic import BeforeValidator
from starlette.responses import Response, StreamingResponse

from app.api.deps import CurrentContainer, OfHunt, OfInstance, Since, Until
from app.api.policy import Access, RoutePolicy
from app.api.refusals import NO_LOG_SOURCE, errors
from app.api.routing import ApiRouter
from app.api.services import Logs
from app.api.tags import Tag
from app.core.config import LogLevel
from app.core.errors import NotFound
from app.core.fields import Int64
from app.core.schemas import DeletedOut, Reply, words_of
from app.logs.files import LogFile, rendered
from app.logs.filters import LogFilter
from app.logs.models import SOURCES
from app.logs.schemas import LogCleanupIn, LogsOut, LogStatsOut, Source

MAX_LOG_ID: Final = 2**53 - 1
ALL: Final = "all"
WHOSE: Final = "Whose entries: those of an app type, of `system`, or `all`."
MEDIA_TYPES: Final = {LogFile.NDJSON: "application/x-ndjson", LogFile.TEXT: "text/plain"}
# Generated clients know how to write down a stream of bytes, and none of them knows ndjson.
FILES: Final = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in ("application/octet-stream", *MEDIA_TYPES.values())
}

OfSource = Annotated[Source | None, Query(pattern=f"^({'|'.join(SOURCES)})$", description="Only of this source.")]

router = ApiRouter(tag=Tag.LOGS, prefix="/api/logs")


def _upper(word: object) -> object:
    return word.upper() if isinstance(word, str) else word


async def get_log_filter(
    app_type: Annotated[
        Source | None, Query(pattern=f"^({'|'.join(SOURCES)})$", description="Only of this source.")
    ] = None,
    level: Annotated[LogLevel | None, BeforeValidator(_upper), Query(description="This and all higher levels.")] = None,
    instance_id: OfInstance = None,
    hunt_id: OfHunt = None,
    request_id: Annotated[str | None, Query(max_length=64, description="The value of `X-Request-Id`.")] = None,
    search: Annotated[str | None, Query(min_length=1, max_length=200, description="In message or context.")] = None,
    since: Since = None,
    until: Until = None,
) -> LogFilter:
    return LogFilter(app_type, level, instance_id, hunt_id, request_id, search, since, until)


async def get_source(
    app_type: Annotated[
        str, Path(max_length=50, json_schema_extra=words_of("LogSourceOrAll", [*SOURCES, ALL]), description=WHOSE)
    ],
) -> str | None:
    """The app type whose entries are meant; None for `all`. 404 for any other word."""
    if app_type not in (*SOURCES, ALL):
        raise NotFound(f"There is no such app type; there are: {', '.join((*SOURCES, ALL))}.")
    return None if app_type == ALL else app_type


Wanted = Annotated[LogFilter, Depends(get_log_filter)]


@router.get("", summary="Log entries, newest first")
@RoutePolicy(Access.READ)
async def list_logs(
    logs: Logs,
    wanted: Wanted,
    limit: Annotated[int, Query(ge=1, le=1000, description="Entries on a page.")] = 100,
    before_id: Annotated[Int64 | None, Query(ge=1, le=MAX_LOG_ID, description="`next_before_id` of a page.")] = None,
) -> Reply[LogsOut]:
    """A page with `search` covers 10,000 entries; continue with `next_before_id` until it is null."""
    return Reply[LogsOut](data=await logs.page(wanted, limit=limit, before_id=before_id))


@router.get("/stats", summary="Log statistics")
@RoutePolicy(Access.READ)
async def get_log_stats(logs: Logs) -> Reply[LogStatsOut]:
    """Read from stored counts, so the number of entries does not matter."""
    return Reply[LogStatsOut](data=await logs.stats())


@router.get(
    "/export",
    summary="Download log",
    response_class=Response,
    responses={200: {"description": "The file.", "content": FILES}},
)
@RoutePolicy(Access.READ)
async def export_logs(
    logs: Logs,
    wanted: Wanted,
    container: CurrentContainer,
    kind: Annotated[LogFile, Query(alias="format", description="Objects, or lines to read.")] = LogFile.NDJSON,
) -> Response:
    """Streams all matching entries, the oldest first, one per line."""
    now, suffix = container.infra.clock().astimezone(UTC), "txt" if kind is LogFile.TEXT else kind
    name = f"huntarr-logs-{now:%Y%m%dT%H%M%SZ}.{suffix}"
    return StreamingResponse(
        rendered(await logs.export(wanted), kind),
        media_type=MEDIA_TYPES[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/cleanup", summary="Delete old log entries")
@RoutePolicy(Access.FULL)
async def clean_up_logs(body: LogCleanupIn, logs: Logs) -> Reply[DeletedOut]:
    """By age, by number per app type, or both. Without a field the settings decide."""
    return Reply[DeletedOut](data=DeletedOut(deleted=await logs.clean_up(body)), message="Logs cleaned up")


@router.post("/{app_type}/clear", summary="Delete all log entries of an app type", responses=errors(NO_LOG_SOURCE))
@RoutePolicy(Access.FULL)
async def clear_logs(app_type: Annotated[str | None, Depends(get_source)], logs: Logs) -> Reply[DeletedOut]:
    """`all` deletes every entry. Nothing else changes: history, caps, cooldowns and statistics stay."""
    return Reply[DeletedOut](data=DeletedOut(deleted=await logs.clear(app_type)), message="Logs cleared")

"""Liveness, readiness and version of the process."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import AuthenticationError, RedisError
from sqlmodel import select
from starlette.requests import Request
from starlette.responses import Response

from app import __version__
from app.api.context import context_of
from app.api.deps import CurrentContainer
from app.api.errors import RETRY_AFTER
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.container import Container
from app.core import heartbeat
from app.core.errors import HuntarrError, Unavailable
from app.core.schemas import ErrorReply, Out, Reply

log = structlog.get_logger(__name__)

CHECK_SECONDS = 3.0

router = ApiRouter(tag=Tag.SYSTEM)


class PingOut(Out):
    """The reply of the *arr apps to `/ping`; unlike all other replies it has no envelope."""

    status: str = "OK"


class HealthOut(Out):
    status: str = "ok"
    version: str


class VersionOut(Out):
    version: str


class PartOut(Out):
    """`detail` says what is wrong, or how many workers there are."""

    ok: bool
    latency_ms: float
    detail: str


class ReadyOut(Out):
    database: PartOut
    redis: PartOut
    worker: PartOut


class NotReadyReply(ErrorReply):
    """An error that shows what is not ready."""

    data: ReadyOut


@router.get("/ping", summary="Ping")
@RoutePolicy(Access.PUBLIC)
async def ping() -> PingOut:
    return PingOut()


@router.get("/api/health", summary="Liveness check")
@RoutePolicy(Access.PUBLIC)
async def get_health() -> Reply[HealthOut]:
    return Reply[HealthOut](data=HealthOut(version=__version__))


@router.get("/api/version", summary="Version")
@RoutePolicy(Access.READ)
async def get_version() -> Reply[VersionOut]:
    return Reply[VersionOut](data=VersionOut(version=__version__))


@router.get(
    "/api/ready",
    summary="Readiness check of database, Redis and worker",
    response_model=Reply[ReadyOut],
    responses={503: {"model": NotReadyReply}},
)
@RoutePolicy(Access.READ)
async def get_ready(request: Request, container: CurrentContainer) -> Reply[ReadyOut] | Response:
    database, redis, worker = await asyncio.gather(
        _checked("database", _database, container),
        _checked("redis", _redis, container),
        _checked("worker", _worker, container),
    )
    parts = ReadyOut(database=database, redis=redis, worker=worker)
    down = [name for name, part in (("database", database), ("redis", redis), ("worker", worker)) if not part.ok]
    if not down:
        return Reply[ReadyOut](data=parts, message="Ready")
    reply = NotReadyReply(
        success=False,
        error=f"Not ready: {', '.join(down)}.",
        request_id=context_of(request.scope).request_id,
        data=parts,
    )
    return Response(
        reply.model_dump_json(exclude_none=True),
        503,
        {"Retry-After": str(RETRY_AFTER.seconds)},
        "application/json",
    )


async def _checked(name: str, check: Callable[[Container], Awaitable[str]], container: Container) -> PartOut:
    started = time.perf_counter()
    is_ok = False
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            detail = await check(container)
        is_ok = True
    except HuntarrError as failure:
        detail = failure.message
    except (TimeoutError, RedisError, OSError) as failure:
        log.warning("component is not ready", component=name, error=type(failure).__name__)
        # redis-py raises a ConnectionError whose cause is the refusal.
        is_refused = isinstance(failure.__cause__ or failure, AuthenticationError)
        detail = "The password was refused." if is_refused else "No answer."
    return PartOut(ok=is_ok, latency_ms=round((time.perf_counter() - started) * 1000, 1), detail=detail)


async def _database(container: Container) -> str:
    async with container.infra.db.reading() as session:
        await session.exec(select(1))
    return "Answers."


async def _redis(container: Container) -> str:
    await container.infra.redis.ping()
    return "Answers."


async def _worker(container: Container) -> str:
    alive = await heartbeat.count_alive(container.infra.redis, container.infra.clock())
    if not alive:
        raise Unavailable("No worker is alive.")
    return f"{alive} alive."

"""The application: routers, error handlers and middleware. Creating it opens nothing and needs no configuration."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app import __version__
from app.api import errors, openapi
from app.api.idempotency import HEADER as IDEMPOTENCY_HEADER
from app.api.idempotency import REPLAY_HEADER
from app.api.middleware import RequestMiddleware
from app.api.routes import (
    audit,
    auth,
    backup,
    docs,
    events,
    health,
    history,
    hunts,
    instances,
    logs,
    metrics,
    movie_hunt,
    movie_hunt_config,
    notifications,
    pages,
    prowlarr,
    schedules,
    setup,
    stats,
    swaparr,
    webhooks,
)
from app.api.routes import (
    settings as settings_routes,
)
from app.api.routing import ApiRouter, unmatched
from app.container import Container
from app.core.config import Config
from app.metrics.http import HttpNumbers

# Polled routes first: routes are tried in this order.
ROUTERS: tuple[ApiRouter, ...] = (
    stats.router,
    hunts.router,
    history.router,
    swaparr.policies_router,
    instances.router,
    swaparr.router,
    movie_hunt.router,
    movie_hunt_config.router,
    prowlarr.router,
    schedules.router,
    notifications.router,
    settings_routes.router,
    webhooks.router,
    events.router,
    backup.router,
    logs.router,
    health.router,
    metrics.router,
    setup.router,
    auth.router,
    audit.router,
    docs.router,
    pages.router,
)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    "X-Api-Key",
    "Authorization",
    "X-CSRF-Token",
    IDEMPOTENCY_HEADER,
    "Content-Type",
    "If-None-Match",
    events.LAST_EVENT_ID,
)
CORS_REPLY_HEADERS = ("ETag", "X-Request-Id", "Retry-After", REPLAY_HEADER)

OpenContainer = Callable[[Config], AbstractAsyncContextManager[Container]]
Background = Callable[[Container], AbstractAsyncContextManager[object]]


class HuntarrApi(FastAPI):
    """FastAPI with our own OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        return openapi.document(self)


def create_app(
    config: Config | None = None,
    *,
    open_container: OpenContainer | None = None,
    background: Background | None = None,
    routers: Sequence[ApiRouter] = ROUTERS,
) -> FastAPI:
    """The application. `open_container` and `background` (such as the embedded worker) are open while it serves."""
    numbers = HttpNumbers()
    app = HuntarrApi(
        title="Huntarr",
        summary="Goes back for what Sonarr, Radarr and their kin still lack.",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=_middleware(config, numbers),
        lifespan=_lifespan(config, open_container, background),
    )
    app.state.http_numbers = numbers
    app.router.default = unmatched
    errors.install(app)
    for router in routers:
        # Not `include_router`: a tree of routers is searched twice per request, a flat list once.
        app.router.routes.extend(router.routes)
    return app


def _middleware(config: Config | None, numbers: HttpNumbers) -> list[Middleware]:
    """Outermost first."""
    metrics_middleware = Middleware(metrics.MetricsMiddleware, numbers=numbers)
    if config is None:
        return [metrics_middleware, Middleware(RequestMiddleware), Middleware(errors.ErrorMiddleware)]
    request_middleware = Middleware(RequestMiddleware, base_url=config.base_url, trusted_proxies=config.trusted_proxies)
    chain = [metrics_middleware, request_middleware]
    if config.cors_origins:
        chain.append(
            Middleware(
                CORSMiddleware,
                allow_origins=config.cors_origins,
                allow_methods=METHODS,
                allow_headers=CORS_REQUEST_HEADERS,
                expose_headers=CORS_REPLY_HEADERS,
                allow_credentials=False,
            )
        )
    return [*chain, Middleware(errors.ErrorMiddleware)]


def _lifespan(
    config: Config | None, open_container: OpenContainer | None, background: Background | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]] | None:
    if config is None or open_container is None:
        return None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            container = await stack.enter_async_context(open_container(config))
            app.state.container = container
            if background is not None:
                await stack.enter_async_context(background(container))
            yield

    return lifespan

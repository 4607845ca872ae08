"""Metrics for Prometheus, and the middleware that counts every reply."""

import time
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.policy import Access, RoutePolicy
from app.api.refusals import METRICS_OFF, Responses, errors
from app.api.routing import ApiRouter
from app.api.services import Metrics
from app.api.tags import Tag
from app.metrics.http import HttpNumbers
from app.metrics.service import Format

OPENMETRICS: Final = "application/openmetrics-text"
EXPOSITION: Final[Responses] = {
    200: {
        "description": "The text format 0.0.4; to callers that accept OpenMetrics 1.0 that one.",
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": "huntarr_workers 1.0\n"},
        },
    }
}

router = ApiRouter(tag=Tag.SYSTEM)


@router.get(
    "/metrics", summary="Metrics for Prometheus", response_class=Response, responses=EXPOSITION | errors(METRICS_OFF)
)
@RoutePolicy(Access.READ)
async def get_metrics(request: Request, metrics: Metrics) -> Response:
    """Text without envelope; 404 while `metrics_enabled` is off. `docs/metrics.md` lists all metrics."""
    wanted = Format.OPENMETRICS if OPENMETRICS in request.headers.get("accept", "") else Format.PLAIN
    return Response(await metrics.scrape(numbers_of(request), wanted), headers={"Content-Type": wanted.value})


def numbers_of(request: Request) -> HttpNumbers:
    """The counts of the application's middleware."""
    return cast(HttpNumbers, request.app.state.http_numbers)


class MetricsMiddleware:
    """Counts every reply when it starts: a stream may last for days. Outermost, so that refusals count too."""

    def __init__(self, app: ASGIApp, numbers: HttpNumbers) -> None:
        self._app = app
        self._numbers = numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        is_started = False

        async def sending(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                self._numbers.count(scope["method"], _template(scope), message["status"], time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            if not is_started:
                self._numbers.count(scope["method"], _template(scope), 0, None)


def _template(scope: Scope) -> str | None:
    """The template of the matched route, or None."""
    path: str | None = getattr(scope.get("route"), "path", None)
    return path

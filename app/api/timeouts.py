"""The time limit of a reply."""

import asyncio

from starlette.responses import Response

from app.api.body import BoundedRequest, Handler
from app.core.errors import Unavailable


def limit_time(inner: Handler, seconds: float | None) -> Handler:
    """`inner`, or 503 when its reply takes longer; None: no limit."""

    async def handle(request: BoundedRequest) -> Response:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await inner(request)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Unavailable(f"The reply was not ready within {seconds:.0f} seconds.") from None

    return handle

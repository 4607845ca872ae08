"""The access log: one line for each request of a caller; of what strangers are refused, one line a second."""

import asyncio
from collections import Counter
from contextvars import Context

import structlog
from starlette.types import Scope

from app.api.context import CONTEXT, RequestContext

log = structlog.get_logger("app.access")

REFUSALS_SECONDS = 1.0
MAX_ADDRESSES = 1000
READS = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessLog:
    """The lines have the route's template: the values of the path and the query may be secrets."""

    def __init__(self, *, refusals_seconds: float = REFUSALS_SECONDS) -> None:
        self._seconds = refusals_seconds
        self._is_counting = False
        self._statuses: Counter[int] = Counter()
        self._addresses: Counter[str] = Counter()

    def write(self, scope: Scope, status: int, milliseconds: float) -> None:
        """A line of the request, or one more refusal to count. Status 0: the connection ended before the reply."""
        context: RequestContext = scope[CONTEXT]
        is_good = 200 <= status < 400
        if context.caller is None and not is_good and status < 500 and self._count(status, context.client_address):
            return
        # Successful reads are `debug`: dashboards poll every few seconds.
        (log.debug if is_good and scope["method"] in READS else log.info)(
            "request",
            method=scope["method"][:16],
            route=getattr(scope.get("route"), "path", None),
            status=status,
            ms=round(milliseconds, 1),
            client=context.client_address,
        )

    def _count(self, status: int, address: str) -> bool:
        """Count the refusal of a stranger. False for the first one after a quiet time, which gets a line of its own."""
        if not self._is_counting:
            self._is_counting = True
            self._tell_later()
            return False
        self._statuses[status] += 1
        if address in self._addresses or len(self._addresses) < MAX_ADDRESSES:
            self._addresses[address] += 1
        return True

    def _tell_later(self) -> None:
        # In a context of its own: the line belongs to no request.
        asyncio.get_running_loop().call_later(self._seconds, self._tell, context=Context())

    def _tell(self) -> None:
        self._is_counting = bool(self._statuses)
        if not self._is_counting:
            return
        [(address, most)] = self._addresses.most_common(1)
        log.info(
            "requests refused",
            count=self._statuses.total(),
            statuses={str(status): count for status, count in sorted(self._statuses.items())},
            addresses=len(self._addresses),
            client=address,
            of_client=most,
        )
        self._statuses.clear()
        self._addresses.clear()
        self._tell_later()

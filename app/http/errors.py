"""What can go wrong between us and a server: one tree, a code for programs and a sentence for people.

UpstreamFailed
└── HttpError           a request failed
    ├── HttpTimeout     it took too long (504)
    └── BadBody         the body of the reply cannot be read
"""

from datetime import timedelta
from enum import StrEnum

from app.core.errors import UpstreamFailed, UpstreamTimeout


class HttpErrorCode(StrEnum):
    """Why a request failed."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    BAD_RESPONSE = "bad_response"
    BLOCKED_ADDRESS = "blocked_address"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"


class HttpError(UpstreamFailed):
    """One failed request. The message is a whole sentence without secrets.

    `may_have_reached` tells whether the server may have acted on the request: only `False` proves that it did not.
    `transient` tells whether the same request may succeed a moment later. `http_status` is `None` without a reply.
    """

    code: StrEnum

    def __init__(
        self,
        code: StrEnum,
        message: str,
        *,
        may_have_reached: bool,
        http_status: int | None = None,
        retry_after: timedelta | None = None,
        transient: bool = False,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.code = code
        self.http_status = http_status
        self.may_have_reached = may_have_reached
        self.transient = transient


class HttpTimeout(HttpError, UpstreamTimeout):
    """No connection, no reply or no whole reply in time."""

    def __init__(self, message: str, *, may_have_reached: bool, transient: bool) -> None:
        super().__init__(HttpErrorCode.TIMEOUT, message, may_have_reached=may_have_reached, transient=transient)


class BadBody(HttpError):
    """The body cannot be read; what was asked for may have happened."""

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        super().__init__(HttpErrorCode.BAD_RESPONSE, message, may_have_reached=True, http_status=http_status)

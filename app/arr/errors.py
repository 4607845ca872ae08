"""Errors of the apps' clients.

HttpError
└── ArrError            an app could not be asked, or answered wrongly
    ├── ArrTimeout      it took too long (504)
    ├── WrongBaseUrl    it lives under another base path
    └── BadReply        it answered, but not with what we asked for
"""

from enum import StrEnum

from app.core.errors import UpstreamTimeout
from app.http.errors import HttpError, HttpTimeout


class ErrorCode(StrEnum):
    """Why an app could not be used; those down to `blocked_address` are the words of `test` in the API."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    WRONG_APP = "wrong_app"
    WRONG_BASE_URL = "wrong_base_url"
    NOT_AN_ARR = "not_an_arr"
    LOGIN_IN_FRONT = "login_in_front"
    STARTING = "starting"
    BAD_RESPONSE = "bad_response"
    BLOCKED_ADDRESS = "blocked_address"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"


GONE = (ErrorCode.UNREACHABLE, ErrorCode.TIMEOUT, ErrorCode.TLS, ErrorCode.STARTING, ErrorCode.BLOCKED_ADDRESS)


ELSEWHERE = (
    ErrorCode.UNAUTHORIZED,
    ErrorCode.WRONG_APP,
    ErrorCode.WRONG_BASE_URL,
    ErrorCode.NOT_AN_ARR,
    ErrorCode.LOGIN_IN_FRONT,
)
"""What answers is not the app, or does not know us: it is not asked again before a rest."""
OF_ITEM = (ErrorCode.REFUSED, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)


class ArrError(HttpError):
    """One failed call of an app."""

    code: ErrorCode

    @property
    def ends_all(self) -> bool:
        """Whether nothing else should be asked of the app now: it is gone, is another, or asked to be left alone."""
        return self.code in GONE or self.code in ELSEWHERE or self.retry_after is not None

    @property
    def is_elsewhere(self) -> bool:
        """Whether something else than the app answered; a refused key is the app's own answer."""
        return self.code in ELSEWHERE and self.code is not ErrorCode.UNAUTHORIZED

    @property
    def is_of_item(self) -> bool:
        """Whether the app refused what it was asked for, and may well do the next thing that it is asked for."""
        return self.code in OF_ITEM and self.retry_after is None


class ArrTimeout(ArrError, UpstreamTimeout):
    """No connection, no reply or no whole reply in time."""

    def __init__(self, message: str, *, may_have_reached: bool, transient: bool) -> None:
        super().__init__(ErrorCode.TIMEOUT, message, may_have_reached=may_have_reached, transient=transient)


class WrongBaseUrl(ArrError):
    """The app lives under another base path; `base` is the one it named, empty when it should have none."""

    def __init__(self, message: str, *, base: str, http_status: int) -> None:
        super().__init__(ErrorCode.WRONG_BASE_URL, message, may_have_reached=False, http_status=http_status)
        self.base = base


class BadReply(ArrError):
    """The reply cannot be read; what was asked for may have happened."""

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        super().__init__(ErrorCode.BAD_RESPONSE, message, may_have_reached=True, http_status=http_status)


def arr_error(failure: HttpError) -> ArrError:
    """`failure` as an error of an app."""
    if isinstance(failure, ArrError):
        return failure
    reached, transient = failure.may_have_reached, failure.transient
    if isinstance(failure, HttpTimeout):
        return ArrTimeout(failure.message, may_have_reached=reached, transient=transient)
    return ArrError(
        ErrorCode(failure.code.value),
        failure.message,
        may_have_reached=reached,
        http_status=failure.http_status,
        transient=transient,
    )

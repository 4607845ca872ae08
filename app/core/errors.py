"""The errors that callers see. Each class has its HTTP status; `api/errors.py` turns them into replies."""

from datetime import timedelta


class HuntarrError(Exception):
    """An error with one sentence for the caller. `retry_after`: when to try again, if that is known."""

    status = 500

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BadRequest(HuntarrError):
    status = 400


class NotAuthenticated(HuntarrError):
    status = 401


class Forbidden(HuntarrError):
    status = 403


class NotFound(HuntarrError):
    status = 404


class Conflict(HuntarrError):
    status = 409


class TooLarge(HuntarrError):
    status = 413


class UnsupportedMediaType(HuntarrError):
    status = 415


class Invalid(HuntarrError):
    """A value that the schema allows but the application refuses; `field` is its path, such as `body.url`."""

    status = 422

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class TooManyRequests(HuntarrError):
    status = 429


class UpstreamFailed(HuntarrError):
    """An app did not answer, or answered with an error."""

    status = 502


class Unavailable(HuntarrError):
    """The database or Redis is not available."""

    status = 503


class UpstreamTimeout(UpstreamFailed):
    status = 504


class StartFailed(Exception):
    """The process cannot start. The command line prints the sentence and exits with an error code."""

"""The errors that a caller may see: each class carries its HTTP status, `api/errors.py` turns it into a reply."""

from datetime import timedelta


class HuntarrError(Exception):
    """Something a caller can be told in one sentence. `status` is data; no HTTP happens here."""

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
    """A value that the schema allows but the application refuses; `field` is where it came from, as `body.url`."""

    status = 422

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class TooManyRequests(HuntarrError):
    status = 429


class UpstreamFailed(HuntarrError):
    """An app outside answered wrongly."""

    status = 502


class Unavailable(HuntarrError):
    """A part of us (database, Redis) is not there."""

    status = 503


class UpstreamTimeout(UpstreamFailed):
    status = 504


class StartFailed(Exception):
    """The process cannot start; the command line prints the sentence and exits with a code other than 0."""

"""Maps every exception to an error reply; unexpected ones become a 500 and a log line."""

import math
import traceback
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.context import context_of
from app.core.errors import HuntarrError, Invalid
from app.core.schemas import ErrorReply, FieldError

log = structlog.get_logger(__name__)

WITH_REQUEST_ID = frozenset({500, 503})
WITH_RETRY_AFTER = frozenset({429, 503})
RETRY_AFTER = timedelta(seconds=5)
CHALLENGE = 'ApiKey realm="huntarr"'
MAX_DETAILS = 50
MAX_FIELD_LENGTH = 200

INTERNAL_ERROR = "Something went wrong inside Huntarr; the log has the details under this request id."
SENTENCES = {
    400: "The request cannot be read.",
    401: "This call needs an API key (header X-Api-Key) or a session.",
    403: "This is not allowed.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The body is too large.",
    415: "The body must be JSON, sent as application/json.",
    422: "The request is not valid.",
}

# Errors of the caller; any other exception is our own fault.
Expected = HuntarrError | HTTPException | RequestValidationError
EXPECTED = (HuntarrError, HTTPException, RequestValidationError)


def reply_to(error: Expected, request_id: str) -> Response:
    """The reply to an error that a caller may see."""
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        message = SENTENCES.get(error.status_code, INTERNAL_ERROR if error.status_code >= 500 else error.detail)
        return error_reply(error.status_code, message, request_id=request_id, headers=error.headers)
    field = error.field if isinstance(error, Invalid) else None
    details = [FieldError(field=field, message=error.message)] if field else None
    return error_reply(
        error.status, error.message, request_id=request_id, details=details, retry_after=error.retry_after
    )


def error_reply(
    status: int,
    message: str,
    *,
    request_id: str,
    details: list[FieldError] | None = None,
    retry_after: timedelta | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An enveloped error; the headers that its status asks for are set here."""
    body = ErrorReply(
        success=False, error=message, details=details, request_id=request_id if status in WITH_REQUEST_ID else None
    )
    reply = Response(
        body.model_dump_json(exclude_none=True), status, media_type="application/json", headers=dict(headers or {})
    )
    if status == 401:
        reply.headers["WWW-Authenticate"] = CHALLENGE
    if retry_after is not None or status in WITH_RETRY_AFTER:
        reply.headers.setdefault("Retry-After", _seconds(retry_after or RETRY_AFTER))
    return reply


def _invalid(error: RequestValidationError) -> Response:
    """Says where the input is wrong and why; never repeats the input itself."""
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return error_reply(400, "The body is not valid JSON.", request_id="")
    details = [FieldError(field=_field(item["loc"]), message=_message(item["msg"])) for item in found[:MAX_DETAILS]]
    first = f"{details[0].field}: {details[0].message}" if len(found) == 1 else f"{len(found)} fields are not valid."
    return error_reply(422, first, request_id="", details=details)


def _field(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location)[:MAX_FIELD_LENGTH]


def _message(text: str) -> str:
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if text.startswith("Value should have "):  # how Pydantic describes the length of a secret
        return text.replace(" items after validation", " characters").replace(" item after validation", " character")
    return text


def _seconds(wait: timedelta) -> str:
    return str(max(1, math.ceil(wait.total_seconds())))


async def _on_expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, EXPECTED)  # noqa: S101 - registered for these classes only
    return reply_to(error, context_of(request.scope).request_id)


def install(app: FastAPI) -> None:
    """Give the framework's own errors our envelope."""
    for kind in EXPECTED:
        app.add_exception_handler(kind, _on_expected)


class ErrorMiddleware:
    """The innermost middleware: an unexpected exception becomes an enveloped 500 and a log line.

    FastAPI's own handler is outside all middleware, so its reply would lack their headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def sending(message: Message) -> None:
            nonlocal is_started
            is_started = is_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as failure:  # the last resort of every request
            _log_failure(failure)
            if is_started:
                raise  # part of the reply is sent: only closing the connection shows that it is broken
            reply = error_reply(500, INTERNAL_ERROR, request_id=context_of(scope).request_id)
            await reply(scope, receive, send)


def _log_failure(failure: Exception) -> None:
    """Log the traceback, without Pydantic's messages: they quote the input, which may be a secret."""
    if isinstance(failure, ValidationError | ResponseValidationError):
        frames = "".join(traceback.format_tb(failure.__traceback__))
        fields = [_field(item["loc"]) for item in failure.errors()[:MAX_DETAILS]]
        log.error("request failed", error=type(failure).__name__, fields=fields, frames=frames)
    else:
        log.error("request failed", error=type(failure).__name__, exc_info=failure)

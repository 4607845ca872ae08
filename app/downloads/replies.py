"""What replies of download clients have in common: errors as sentences, and values read with care."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from app.http.bodies import clean_text
from app.http.errors import HttpError, HttpErrorCode

MAX_SIZE = 2**53


class ClientErrorCode(StrEnum):
    """Besides those of every HTTP request (`HttpErrorCode`)."""

    REFUSED_RELEASE = "refused_release"
    WRONG_KIND = "wrong_kind"


class ClientFailed(HttpError):
    """A request to a download client failed, or the client refused it."""


def client_failed(
    code: StrEnum, message: str, *, status: int | None = None, retry_after: timedelta | None = None
) -> ClientFailed:
    return ClientFailed(code, message, may_have_reached=True, http_status=status, retry_after=retry_after)


def refused_release(client: str, words: object = None) -> ClientFailed:
    said = (clean_text(words) or "").rstrip(".")
    return client_failed(
        ClientErrorCode.REFUSED_RELEASE, f"{client} does not take the release{f': {said}' if said else ''}."
    )


def wrong_kind(client: str) -> ClientFailed:
    return client_failed(ClientErrorCode.WRONG_KIND, f"{client} does not take releases of this kind.")


def unauthorized(client: str, what: str) -> ClientFailed:
    return client_failed(HttpErrorCode.UNAUTHORIZED, f"{client} refuses {what}: check it.")


def bad_reply(client: str) -> ClientFailed:
    sentence = f"What answers is not {client}: check the address."
    return client_failed(HttpErrorCode.BAD_RESPONSE, sentence)


def status_failed(client: str, status: int, what: str) -> ClientFailed:
    """A status that is no success; `what` is what the client wants to know us by."""
    if status in (401, 403):
        return unauthorized(client, what)
    if status == 404:
        return client_failed(HttpErrorCode.NOT_FOUND, f"{client} is not at this address: check it and its base path.")
    if 300 <= status < 400:
        return bad_reply(client)
    code = HttpErrorCode.SERVER_ERROR if status >= 500 else HttpErrorCode.REFUSED
    return client_failed(code, f"{client} answers with status {status}.", status=status)


def number(value: Any) -> float | None:
    """A number, also one that is written as a text; `None` for anything else and for what no size can be."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if -MAX_SIZE < found < MAX_SIZE else None


def size(value: Any) -> int | None:
    found = number(value)
    return None if found is None or found < 0 else int(found)


def text(value: Any) -> str:
    """A text without change: it may be a path."""
    return value[:4000].replace("\0", "") if isinstance(value, str) else ""


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []

"""What can go wrong with an indexer, as a code for programs and a sentence for people."""

from datetime import timedelta
from enum import StrEnum

from app.http.errors import HttpError, HttpErrorCode


class IndexerErrorCode(StrEnum):
    """Besides those of every HTTP request (`HttpErrorCode`)."""

    WRONG_KEY = "wrong_key"
    LIMIT_REACHED = "limit_reached"
    NOT_SUPPORTED = "not_supported"
    BAD_XML = "bad_xml"
    NOT_AN_INDEXER = "not_an_indexer"
    INDEXER_ERROR = "indexer_error"
    BAD_RELEASE = "bad_release"


KEY_CODES = range(100, 200)
"""Newznab: credentials, account, registration (nZEDb's specification, Radarr's reading of it)."""
LIMIT_CODES = (429, 500, 501)
NOT_SUPPORTED_CODES = (202, 203)
LIMIT_WORDS = "limit reached"


class IndexerFailed(HttpError):
    """One failed request to an indexer."""


def failed(
    code: StrEnum, message: str, *, retry_after: timedelta | None = None, status: int | None = None
) -> HttpError:
    return IndexerFailed(code, message, may_have_reached=True, http_status=status, retry_after=retry_after)


def error_of(code: int, description: str) -> HttpError:
    """The error that an indexer's `<error code description>` tells."""
    words = f" It says: {description.rstrip('.')}." if description else ""
    if code in LIMIT_CODES or LIMIT_WORDS in description.lower():
        return failed(IndexerErrorCode.LIMIT_REACHED, f"The indexer's limit of requests is reached.{words}")
    if code in KEY_CODES:
        return failed(IndexerErrorCode.WRONG_KEY, f"The indexer refuses the API key: check it and the account.{words}")
    if code in NOT_SUPPORTED_CODES:
        return failed(IndexerErrorCode.NOT_SUPPORTED, f"The indexer has no such search.{words}")
    return failed(IndexerErrorCode.INDEXER_ERROR, f"The indexer answers with error {code}.{words}")


def status_error(status: int, retry_after: timedelta | None) -> HttpError:
    """The error that a status says that is no success."""
    if status in (401, 403):
        return failed(IndexerErrorCode.WRONG_KEY, "The indexer refuses the API key: check it.", status=status)
    if status == 429:
        sentence = "The indexer is asked too often and wants a rest."
        return failed(IndexerErrorCode.LIMIT_REACHED, sentence, status=status, retry_after=retry_after)
    if status == 404:
        sentence = "There is no API at this address: check url and api_path."
        return failed(IndexerErrorCode.NOT_AN_INDEXER, sentence, status=status)
    if 300 <= status < 400:
        sentence = "The indexer sends us to another address: enter the one that it is at."
        return failed(IndexerErrorCode.NOT_AN_INDEXER, sentence, status=status)
    code = HttpErrorCode.SERVER_ERROR if status >= 500 else HttpErrorCode.REFUSED
    return failed(code, f"The indexer answers with status {status}.", status=status, retry_after=retry_after)

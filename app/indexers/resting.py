"""How long an indexer is left alone after a failure."""

from datetime import timedelta

from app.http.errors import HttpError
from app.indexers.errors import IndexerErrorCode

LIMIT_REST = timedelta(hours=1)
"""After a reached limit for which the indexer names no time."""
MAX_REST = timedelta(hours=24)
LADDER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1440))
"""By failures in a row, as Radarr does it."""


def rest_after(failure: HttpError, failures: int) -> timedelta:
    """`failures`: how many in a row, this one included."""
    if failure.retry_after is not None:
        return min(max(failure.retry_after, LADDER[0]), MAX_REST)
    if failure.code == IndexerErrorCode.LIMIT_REACHED:
        return LIMIT_REST
    return LADDER[min(max(failures, 1), len(LADDER)) - 1]

"""Joins the rows of a queue to downloads, and says which of them are private."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from app.arr.queue_rows import DownloadDetails, QueueRow
from app.downloads.models import ClientDownload, DownloadState
from app.swaparr.downloads import QueuedDownload

HEADINGS = ("one or more ", "failed to import ")
"""Titles of messages that stand over every kind of problem."""
PRIVATE = frozenset({"private", "semiprivate"})


def joined(rows: Iterable[QueueRow], privacy: Mapping[str, str]) -> list[QueuedDownload]:
    """One download for all rows with the same id; pending releases, which have none, are left out.

    `privacy` is that of indexers by their names, in lower case.
    """
    tracked = sorted((row for row in rows if row.download_id and row.details), key=lambda row: row.download_id or "")
    return [_joined(list(group), privacy) for _, group in groupby(tracked, key=lambda row: row.download_id)]


def _joined(rows: Sequence[QueueRow], privacy: Mapping[str, str]) -> QueuedDownload:
    first = rows[0]
    details = first.details or DownloadDetails()
    pairs = [pair for row in rows if row.details for pair in row.details.messages]
    return QueuedDownload(
        download_id=first.download_id or "",
        added=details.added,
        row_id=min(row.row_id for row in rows),
        title=details.title,
        protocol=details.protocol,
        client=details.client,
        indexer=details.indexer,
        size=details.size,
        left=details.left,
        status=first.status,
        tracked_state=first.tracked_state,
        is_refused=any(row.is_refused for row in rows),
        messages=tuple(dict.fromkeys(text for _, texts in pairs for text in texts)),
        files=tuple(dict.fromkeys(title for title, _ in pairs if not title.lower().startswith(HEADINGS))),
        error=details.error,
        item_ids=tuple(dict.fromkeys(row.item_id for row in rows if row.item_id)),
        with_file=frozenset(row.item_id for row in rows if row.item_id and row.details and row.details.has_file),
        owner_id=first.owner_id,
        seasons=tuple(sorted({row.season for row in rows if row.season is not None})),
        is_private=_is_private(details.indexer, privacy),
    )


def _is_private(indexer: str | None, privacy: Mapping[str, str]) -> bool | None:
    found = privacy.get((indexer or "").lower().removesuffix(" (prowlarr)"))
    return None if found is None else found.lower() in PRIVATE


def in_words_of_client(download: QueuedDownload, seen: ClientDownload, files: tuple[str, ...]) -> QueuedDownload:
    """The download as its client says that it is; what the client does not say stays as the app has it."""
    rests = seen.state in (DownloadState.PAUSED, DownloadState.CHECKING)
    return replace(
        download,
        status="paused" if rests and download.left > 0 else download.status,
        is_private=download.is_private if seen.is_private is None else seen.is_private,
        files=(*download.files, *files),
    )

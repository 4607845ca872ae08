"""What a row of qBittorrent's list of torrents says, in its versions 4 and 5."""

from collections.abc import Mapping
from math import inf
from typing import Final, TypeAlias

from app.downloads.models import ClientDownload, DownloadState
from app.downloads.replies import flag, is_whole, number, path_text, same_folder, size
from app.http.bodies import Json

Row: TypeAlias = Mapping[str, Json]

WAITING_FOR_METADATA: Final = frozenset({"metaDL", "forcedMetaDL"})
STOPPED: Final = frozenset({"stoppedUP", "pausedUP"})
STATES: Final = {
    **dict.fromkeys(("queuedDL", *WAITING_FOR_METADATA), DownloadState.QUEUED),
    **dict.fromkeys(("checkingDL", "checkingUP", "checkingResumeData", "allocating"), DownloadState.CHECKING),
    **dict.fromkeys(("stoppedDL", "pausedDL"), DownloadState.PAUSED),
    **dict.fromkeys(("stalledDL", "missingFiles", "error"), DownloadState.WARNING),
    **dict.fromkeys(("uploading", "stalledUP", "queuedUP", "forcedUP", *STOPPED), DownloadState.COMPLETED),
}
"""Names of version 4 (paused…) and 5 (stopped…). Any other is taken for downloading, such as "moving"."""
MESSAGES: Final = {
    "stalledDL": "It is stalled: no connected peer has what is missing.",
    "missingFiles": "Its files are missing on disk.",
    "error": "qBittorrent has stopped it after an error.",
}
NO_DHT: Final = "It waits for its metadata, and qBittorrent's DHT is off."


def is_waiting_for_metadata(row: Row) -> bool:
    return row.get("state") in WAITING_FOR_METADATA


def has_hash(row: Row, info_hash: str) -> bool:
    """Whether the torrent has this info hash, in lower case.

    qBittorrent identifies a hybrid torrent by its second hash, cut to 40 digits, and gives both besides (from 4.4 on).
    """
    hashes = (path_text(row.get(key)).lower()[:40] for key in ("hash", "infohash_v1", "infohash_v2"))
    return info_hash in hashes


def read_download(row: Row, *, has_dht: bool) -> ClientDownload:
    word = path_text(row.get("state"))
    state, message = STATES.get(word, DownloadState.DOWNLOADING), MESSAGES.get(word)
    if is_waiting_for_metadata(row) and not has_dht:
        state, message = DownloadState.WARNING, NO_DHT
    path, is_shared = _path_of(row)
    total = size(row.get("size")) or None
    return ClientDownload(
        download_id=path_text(row.get("hash")).lower(),
        name=path_text(row.get("name")),
        state=state,
        category=path_text(row.get("category")) or None,
        message=message,
        size=total,
        left=size(row.get("amount_left")) if total else None,
        path=path,
        is_shared_path=is_shared,
        is_private=flag(row.get("private")),
        may_be_removed=state is DownloadState.COMPLETED and _has_seeded_enough(row, is_stopped=word in STOPPED),
    )


def _path_of(row: Row) -> tuple[str | None, bool]:
    """The path, and whether other downloads may be in it too.

    `content_path` is the save path itself for files without a common folder. It is empty until the metadata is there,
    and for a moment no whole path (seen of 4.5.2). Before 4.3 there is none.
    """
    folder = path_text(row.get("save_path"))
    if "content_path" not in row:
        return folder or None, True
    path = path_text(row.get("content_path"))
    return (path, same_folder(path, folder)) if is_whole(path) else (None, False)


def _has_seeded_enough(row: Row, *, is_stopped: bool) -> bool:
    """By the limits that hold for this torrent, its own or the general ones; a negative one is none.

    The time without activity is not in the list: there qBittorrent's own decision to stop counts.
    """
    uploaded, max_ratio = number(row.get("ratio")) or 0, number(row.get("max_ratio"))
    ratio = uploaded if uploaded >= 0 else inf  # the list has -1 for a ratio beyond all measure
    seconds, max_minutes = number(row.get("seeding_time")) or 0, number(row.get("max_seeding_time"))
    idle_minutes = number(row.get("max_inactive_seeding_time"))
    by_ratio = max_ratio is not None and 0 <= max_ratio <= ratio
    by_time = max_minutes is not None and 0 <= max_minutes * 60 <= seconds
    by_idleness = is_stopped and idle_minutes is not None and idle_minutes >= 0
    return by_ratio or by_time or by_idleness

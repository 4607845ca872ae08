"""A download as the app's queue shows it, its rows joined. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

TORRENT = "torrent"
QBITTORRENT = "qbittorrent"
DISK_TROUBLE = re.compile(
    r"no data found|permission denied|no space left|read-only file system|input/output error|\((?:/|[a-z]:[\\/])",
)
"""Words of Transmission's own errors, which the app passes on; Transmission 3 puts the file's path into brackets."""


@dataclass(frozen=True, slots=True)
class QueuedDownload:
    """`size` and `left` in bytes; a size of 0 is not known yet. `row_id` is that of any of its rows."""

    download_id: str
    added: datetime | None
    row_id: int
    title: str
    protocol: str
    client: str | None
    indexer: str | None
    size: int
    left: int
    status: str
    tracked_state: str | None
    is_refused: bool
    """Whether it is complete and the app will not import it by itself."""
    messages: tuple[str, ...] = ()
    """Why it is not imported, without headings."""
    files: tuple[str, ...] = ()
    """Names of files that the messages are about."""
    error: str | None = None
    """What its client says, in the language of the app."""
    item_ids: tuple[int, ...] = ()
    with_file: frozenset[int] = frozenset()
    """Those of its items that have a file by now."""
    owner_id: int | None = None
    seasons: tuple[int, ...] = ()
    is_private: bool | None = None
    """Whether its indexer is private; `None` when that is not known."""

    @property
    def key(self) -> str:
        """The same release grabbed again has the same id and another time."""
        return f"{self.download_id}|{self.added.isoformat() if self.added else ''}"

    @property
    def is_active(self) -> bool:
        """Whether something should arrive, as far as its client tells."""
        return self.status in ("downloading", "warning") and self.left > 0 and not self.has_client_trouble

    @property
    def is_without_metadata(self) -> bool:
        """A magnet link whose contents nobody has told yet: its size is 0."""
        return self.protocol == TORRENT and self.size == 0 and self.status in ("queued", "downloading", "warning")

    @property
    def is_silent_in_queue(self) -> bool:
        """Whether it waits and its client gives no reason. qBittorrent gives one while it asks for metadata."""
        return self.status == "queued" and not self.error

    @property
    def has_client_trouble(self) -> bool:
        """Whether its client has trouble of its own, such as a disk: not the release's fault.

        Messages are translated, names of programs are not: of the warnings about a torrent of known size only those of
        qBittorrent's own errors name it.
        """
        text = (self.error or "").lower()
        return self.status == "warning" and (
            (QBITTORRENT in text and self.size > 0) or DISK_TROUBLE.search(text) is not None
        )

    @property
    def names(self) -> tuple[str, ...]:
        return (self.title, *self.files)


def missing_items(download: QueuedDownload) -> tuple[int, ...]:
    """The items that it did not bring."""
    return tuple(item_id for item_id in download.item_ids if item_id not in download.with_file)


def clients_of(downloads: Iterable[QueuedDownload]) -> frozenset[str]:
    return frozenset(each.client for each in downloads if each.client)

"""A row of an app's queue, and what it says of its download."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DownloadDetails:
    """What a queue row says of its download; sizes in bytes, 0 while the size is not known."""

    title: str = ""
    protocol: str = "unknown"
    client: str | None = None
    indexer: str | None = None
    added: datetime | None = None
    """When the app grabbed it; `None` for what was added by hand, and in apps that do not tell."""
    size: int = 0
    left: int = 0
    messages: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Why it is not imported: a heading or the name of a file, and what is wrong with it."""
    error: str | None = None
    """What the client says, in the language of the app."""
    has_file: bool = False
    """Whether the item of this row has a file by now; only Sonarr and Whisparr 2 tell."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One row of the app's queue; a season pack is many rows with one `download_id`."""

    download_id: str | None
    item_id: int | None
    owner_id: int | None
    season: int | None
    status: str
    tracked_state: str | None
    tracked_status: str | None
    row_id: int = field(default=0, compare=False)
    details: DownloadDetails | None = field(default=None, compare=False)

    @property
    def is_refused(self) -> bool:
        """Whether the download is complete and the app will not import it by itself."""
        if self.tracked_state in ("importBlocked", "importFailed"):
            return True
        return self.tracked_state == "importPending" and self.tracked_status in ("warning", "error")

"""What all download clients have in common: how they are reached, what they are given, and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias


class ClientKind(StrEnum):
    SABNZBD = "sabnzbd"
    NZBGET = "nzbget"
    QBITTORRENT = "qbittorrent"
    TRANSMISSION = "transmission"
    DELUGE = "deluge"

    @property
    def is_for_torrents(self) -> bool:
        return self in (ClientKind.QBITTORRENT, ClientKind.TRANSMISSION, ClientKind.DELUGE)


class DownloadState(StrEnum):
    """A download as its client sees it, in the words of Huntarr."""

    QUEUED = "queued"
    CHECKING = "checking"
    DOWNLOADING = "downloading"
    """Also what follows the transfer: repair, extraction, moving."""
    PAUSED = "paused"
    WARNING = "warning"
    """It does not go on by itself: stalled, no space, files missing, an error of the client."""
    COMPLETED = "completed"
    """All files are in their place."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClientConnection:
    """A download client and how to reach it."""

    kind: ClientKind
    url: str
    """Without a trailing slash; it may hold a base path."""
    username: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    """SABnzbd's."""
    category: str = "huntarr"
    """The category or label of our downloads."""
    verify_tls: bool = True
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class MagnetLink:
    uri: str = field(repr=False)
    info_hash: str
    """40 hexadecimal digits in lower case."""


@dataclass(frozen=True, slots=True)
class TorrentFile:
    content: bytes = field(repr=False)
    info_hash: str


@dataclass(frozen=True, slots=True)
class NzbFile:
    content: bytes = field(repr=False)


ReleasePayload: TypeAlias = MagnetLink | TorrentFile | NzbFile


@dataclass(frozen=True, slots=True)
class SeedGoals:
    """What a tracker asks for, at least; `None` is the client's own rule."""

    ratio: float | None = None
    time: timedelta | None = None


NO_GOALS = SeedGoals()


@dataclass(frozen=True, slots=True)
class ClientDownload:
    """One download of a client."""

    download_id: str
    """The client's own: info hash in lower case, `nzo_id`, `NZBID`."""
    name: str
    state: DownloadState
    category: str | None = None
    message: str | None = None
    """The client's words about a warning or failure, one line."""
    size: int | None = None
    """In bytes."""
    left: int | None = None
    """Bytes that are not there yet."""
    path: str | None = None
    """Of the file or folder of this download, as the client sees it; `None` while it is not known."""
    is_shared_path: bool = False
    """`path` is a folder that holds other downloads too: only the files that `files()` names are this download's."""
    is_private: bool | None = None
    """Of a private tracker; `None` where the client does not say."""
    may_be_removed: bool = False
    """Its seed goals are reached (torrents), or it is done (usenet)."""


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    path: str
    """Relative to the folder where the client saves the download, with `/`."""
    size: int


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What a connection test learns."""

    version: str
    save_path: str | None = None
    """Where it saves downloads of our category, as it sees it."""
    warning: str | None = None
    """A sentence about what works badly, such as a missing plugin for labels."""


class DownloadClient(Protocol):
    """One download client. Every method raises only `HttpError` (`app.http.errors`), with a sentence for people."""

    async def test(self) -> ClientInfo:
        """Sign in, and make the category where that is needed."""
        ...

    async def add(self, payload: ReleasePayload, *, name: str, goals: SeedGoals = NO_GOALS) -> str:
        """Give it a release; the download's id. One that it has already is no error.

        `name` is the release's, without an ending. `Refused` when the client does not take it.
        """
        ...

    async def downloads(self) -> Sequence[ClientDownload]:
        """All of our category, finished ones included, in at most two requests."""
        ...

    async def all_downloads(self) -> Sequence[ClientDownload]:
        """As `downloads`, of every category. For looking only."""
        ...

    async def files(self, download_id: str) -> Sequence[DownloadedFile]:
        """The files of one torrent; empty for usenet, whose clients do not keep them."""
        ...

    async def remove(self, download_id: str, *, delete_files: bool) -> None:
        """Take it out of the client. One that is gone is no error."""
        ...

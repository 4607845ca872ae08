"""The downloads of the download clients, which the queue shows, computed from the clock."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from sqlite3 import Row
from typing import TYPE_CHECKING, Any, Literal

from tests.simulator.living import PROBLEMS, Doing, Halt, Life, Shown, localised, problem, shown
from tests.simulator.messages import Json, stamp, timespan

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

Plan = Literal["import", "import_failed", "download_failed", "none"]
_PENDING = ("delay", "downloadClientUnavailable", "fallback")
_REFRESH_SECONDS = 60.0
_QUIET_SECONDS = 31.0  # after a restart the queue is empty for so long


@dataclass(slots=True)
class Download:
    """A download. With a life or a plan it proceeds with time, without one it stays as it is (`status` etc.)."""

    download_id: str
    title: str
    item_ids: list[int]
    parent_id: int | None
    season: int | None
    quality_id: int
    added_at: float
    size: int = 1_500_000_000
    score: int = 0
    protocol: str = "torrent"
    client: str = "qBittorrent"
    indexer: str = "Simulated Indexer"
    plan: Plan = "none"
    finish_at: float = 0.0
    settle_at: float = 0.0
    settled: bool = False
    status: str = "downloading"
    tracked_status: str | None = "ok"
    tracked_state: str | None = "downloading"
    messages: list[Json] = field(default_factory=list)
    error_message: str | None = None
    size_left: int | None = None
    seconds_left: float | None = 600.0
    visible: bool = True  # False: in the client's folder, but the app has not polled it yet
    grabbed: bool = True
    client_error: str | None = None  # what the client answers to a removal ("" = the client is gone)
    life: Life | None = None
    hidden: bool = False  # it is in its client, and the app never shows it again

    @property
    def pending(self) -> bool:
        return self.status in _PENDING

    def due_at(self) -> float | None:
        return None if self.plan == "none" or self.settled else self.settle_at


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One record of the queue before it becomes JSON."""

    id: int
    download: Download
    item_id: int | None
    shown: Shown

    @property
    def status(self) -> str:
        return self.shown.status

    @property
    def tracked_status(self) -> str | None:
        return self.shown.tracked_status

    @property
    def seconds_left(self) -> float | None:
        return self.shown.seconds_left

    @property
    def progress(self) -> float:
        return 1 - self.shown.left / self.shown.size if self.shown.size else 0.0


@dataclass(frozen=True, slots=True)
class Removal:
    """A download that somebody removed through the queue."""

    at: float
    download: Download
    from_client: bool
    blocklist: bool


def hash31(text: str) -> int:
    """A stable 31-bit id, as the apps make theirs."""
    return int.from_bytes(hashlib.sha1(text.encode(), usedforsecurity=False).digest()[:4], "big") & 0x7FFFFFFF


class Downloads:
    """Tracks downloads from grab to import and shows them as queue rows."""

    def __init__(self, app: "SimApp") -> None:
        self._app = app
        self.all: dict[str, Download] = {}
        self._refreshed_at = app.clock.timestamp()
        self._serial = 0
        self._quiet_until = 0.0
        self.removals: list[Removal] = []
        self.hidden_ids: set[str] = set()
        """Of downloads that were blocklisted or ignored and kept: added by hand again, they never get a row."""
        self.line_down_until = 0.0

    # --- putting things in ------------------------------------------------------------------------------------------

    def add(
        self,
        item_ids: list[int],
        *,
        title: str | None = None,
        grabbed: bool = False,
        source: str = "UserInvokedSearch",
        **fields: Any,
    ) -> Download:
        """Add a download to the queue. Without items it is one that the app cannot map. Fields as in `Download`."""
        first = self._app.library.item(item_ids[0]) if item_ids else None
        now = fields.pop("added_at", self._app.clock.timestamp())
        quality_id = fields.pop("quality_id", self._app.definition.catalogue.usual)
        download = Download(
            download_id=fields.pop("download_id", None) or self.new_id(fields.get("protocol", "torrent")),
            title=title or (self.release_title(first, quality_id) if first else "Unknown.Release-SIM"),
            item_ids=list(item_ids),
            parent_id=first["parent_id"] if first else None,
            season=first["season"] if first and self._app.definition.seasons else None,
            quality_id=quality_id,
            added_at=now,
            grabbed=grabbed,
            **fields,
        )
        self._begin(download, now)
        self.all[download.download_id] = download
        if grabbed:
            self._app.history.grabbed(download, now, source=source)
        return download

    def _begin(self, download: Download, now: float) -> None:
        if download.grabbed:
            self.hidden_ids.discard(download.download_id)
        download.hidden = download.download_id in self.hidden_ids
        life = download.life
        if life is None:
            return
        if self.line_down_until > now:
            life.halts.append(Halt(now, self.line_down_until, "stalled"))
        plans: dict[str, Plan] = {"import": "import", "fail": "download_failed"}
        download.plan = plans.get(life.ending, "none")
        halted = sum(halt.end - max(halt.start, now) for halt in life.halts)
        download.settle_at = now + life.seconds + halted + self._app.settings.import_seconds

    def halt(self, download: Download, seconds: float, doing: Doing) -> None:
        """Let a living download do something else from now on, for so long: a person pauses it, the line is down."""
        now = self._app.clock.timestamp()
        if download.life is not None and download.life.at(download.added_at, now).doing != "complete":
            download.life.halts.append(Halt(now, now + seconds, doing))
            download.settle_at += seconds

    def line_goes_down(self, seconds: float) -> None:
        """Nothing arrives for so long; the clients are there and say that all of it is stalled."""
        self.line_down_until = self._app.clock.timestamp() + seconds
        for download in self.all.values():
            self.halt(download, seconds, "stalled")

    def new_id(self, protocol: str) -> str:
        """Torrents: an upper-case info hash; usenet: an id of the client's own format."""
        self._serial += 1
        digest = hashlib.sha1(f"{self._app.settings.seed}/{self._serial}".encode(), usedforsecurity=False).hexdigest()
        return digest.upper() if protocol == "torrent" else f"SABnzbd_nzo_{digest[:8]}"

    def release_title(self, item: Row, quality_id: int) -> str:
        name = self._app.item_name(item)
        return f"{name.replace(' ', '.')}.{self._app.definition.catalogue.qualities[quality_id].name}-SIM"

    # --- time -------------------------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        return min((due for d in self.all.values() if (due := d.due_at()) is not None), default=None)

    def settle_due(self, moment: float) -> None:
        for download in [d for d in self.all.values() if (due := d.due_at()) is not None and due <= moment]:
            if self._app.clients.state_at(download.client, moment) != "up":
                download.settle_at = moment + _REFRESH_SECONDS  # the app cannot see that it is complete
                continue
            download.settled = True
            if download.plan == "import":
                self._import(download, moment)
            elif download.plan == "download_failed":
                self.fail(download, moment, redownload=self._app.settings.auto_redownload_failed)
            else:
                self._block(download, moment)

    def refresh(self, now: float) -> None:
        """RefreshMonitoredDownloads: poll the clients now."""
        self._refreshed_at = now
        for download in self.all.values():
            download.visible = True

    def restart(self, now: float) -> None:
        """The app starts with an empty queue, if it is a cache, and asks its clients half a minute later."""
        if self._app.settings.queue_refresh_seconds:
            self._quiet_until = now + _QUIET_SECONDS

    def refreshed_at(self, now: float) -> float:
        """The last execution of RefreshMonitoredDownloads."""
        self.polled_at(now)
        return self._refreshed_at

    def polled_at(self, now: float) -> float:
        """When the app last polled: its queue is a cache, up to a minute old."""
        every = self._app.settings.queue_refresh_seconds
        if now < self._quiet_until:
            return self._refreshed_at
        if self._refreshed_at < self._quiet_until <= now:
            self.refresh(self._quiet_until)
        if now - self._refreshed_at >= (every or _REFRESH_SECONDS):
            period = every or _REFRESH_SECONDS
            self.refresh(self._refreshed_at + (now - self._refreshed_at) // period * period)
        return self._refreshed_at if every else now

    # --- reading ----------------------------------------------------------------------------------------------------

    def rows(self, now: float) -> list[QueueRow]:
        moment = self.polled_at(now)
        if now < self._quiet_until:
            return []
        return [row for each in self.all.values() if self._is_seen(each, moment) for row in self._rows_of(each, moment)]

    def _is_seen(self, download: Download, moment: float) -> bool:
        if download.hidden or not download.visible or (download.life is not None and download.added_at > moment):
            return False
        return download.pending or self._app.clients.state_at(download.client, moment) == "up"

    def queued_items(self) -> set[int]:
        return {item_id for download in self.all.values() for item_id in download.item_ids}

    def by_row(self, row_id: int) -> Download | None:
        now = self._app.clock.timestamp()
        return next((row.download for row in self.rows(now) if row.id == row_id), None)

    def _rows_of(self, download: Download, moment: float) -> list[QueueRow]:
        now = self._shown(download, moment)
        word_of_item = self._app.definition.queue.row_suffix
        per_item = word_of_item is not None
        items: list[int | None] = [*download.item_ids] if per_item and download.item_ids else [None]
        word = "pending" if download.pending else "trackedDownload"
        rows = []
        for item_id in items:
            suffix = f"-{word_of_item}{item_id}" if per_item and item_id is not None else ""
            row_id = hash31(f"{word}-{download.client}-{download.download_id}{suffix}")
            owner = item_id if per_item else next(iter(download.item_ids), None)
            rows.append(QueueRow(row_id, download, owner, now))
        return rows

    def _shown(self, download: Download, moment: float) -> Shown:
        if download.life is None or download.settled:
            known = self._progress(download, moment)
            status, tracked, state, left, seconds = known
            messages, error = download.messages, download.error_message
            return Shown(status, tracked, state, download.size, left, seconds, messages, error)
        app, life = self._app, download.life
        client = app.clients.all.get(download.client)
        kind = "usenet" if client is None else client.kind
        state_now = life.at(download.added_at, moment)
        found = shown(state_now, kind, download.size, movie_like=app.definition.movie_like)
        if found.status == "completed" and life.ending in PROBLEMS:
            blocked_state, movie_like = app.definition.queue.blocked_state, app.definition.movie_like
            blocked, messages = problem(life.ending, download.title, blocked_state, movie_like=movie_like)
            return replace(found, tracked_status="warning", tracked_state=blocked, messages=messages)
        return replace(found, error=localised(found.error, app.settings.ui_language))

    def _progress(self, download: Download, moment: float) -> tuple[str, str | None, str | None, int, float | None]:
        if download.plan == "none" or download.settled:
            left = download.size if download.size_left is None else download.size_left
            return download.status, download.tracked_status, download.tracked_state, left, download.seconds_left
        if moment >= download.finish_at:
            return "completed", "ok", "importPending", 0, 0.0
        length = download.finish_at - download.added_at
        share = (download.finish_at - moment) / length if length else 0.0
        if share >= 0.98:
            return "queued", "ok", "downloading", download.size, None
        return "downloading", "ok", "downloading", int(download.size * share), download.finish_at - moment

    # --- taking things out ------------------------------------------------------------------------------------------

    def removed(self, download: Download, *, from_client: bool, blocklist: bool) -> None:
        """Somebody removed it through the queue; kept in its client, it is hidden for good."""
        self.forget(download)
        if not from_client:
            self.hidden_ids.add(download.download_id)
        self.removals.append(Removal(self._app.clock.timestamp(), download, from_client, blocklist))

    def forget(self, download: Download) -> None:
        """Remove all rows of a download."""
        self.all.pop(download.download_id, None)

    def fail(self, download: Download, now: float, *, redownload: bool) -> None:
        """Blocklist the release as a failed download, and search again if the settings say so."""
        self.forget(download)
        self.blocklist(download, now)
        self._app.history.record("downloadFailed", download, now, {"message": "Manually marked as failed"})
        if redownload and download.item_ids:
            self._app.search_again(download, now)

    def blocklist(self, download: Download, now: float) -> None:
        self._app.db.insert(
            "blocklist",
            {
                "parent_id": download.parent_id if self._app.definition.owner else download.item_ids[0],
                "item_ids": json.dumps(download.item_ids),
                "date_at": int(now),
                "source_title": download.title,
                "quality_id": download.quality_id,
                "protocol": download.protocol,
                "indexer": download.indexer,
            },
        )

    def _import(self, download: Download, now: float) -> None:
        self.forget(download)
        known = self._app.db.by_ids("items", download.item_ids)
        download.item_ids = [item_id for item_id in download.item_ids if item_id in known]
        history, shape = self._app.history, self._app.definition.history
        for item_id in download.item_ids:
            history.replaced(item_id, download, now)
            self._app.library.add_file(
                item_id,
                quality_id=download.quality_id,
                score=download.score,
                size=download.size // len(download.item_ids),
                name=download.title,
            )
            self._app.db.change("UPDATE files SET added_at = ? WHERE item_id = ?", (int(now), item_id))
            for file in self._app.library.files_of(item_id):
                path = f"{download.title}/{file['part']}"
                data = {
                    "fileId": str(file["id"]),
                    "droppedPath": f"/downloads/{path}",
                    "importedPath": f"/library/{path}",
                }
                history.record(shape.imported, download, now, data, item_id=item_id, part=file["part"])
            if shape.item_imported:
                history.record(shape.item_imported, download, now, {}, item_id=item_id)

    def _block(self, download: Download, now: float) -> None:
        """The app refuses the import: it stays in the queue until a person acts."""
        download.status, download.tracked_status = "completed", "warning"
        download.tracked_state = self._app.definition.queue.blocked_state
        download.size_left, download.seconds_left = 0, 0.0
        best = self._app.definition.catalogue.qualities[download.quality_id].name
        reason = f"Not an upgrade for existing file(s). Existing quality: {best}."
        download.messages = [{"title": download.title, "messages": [reason]}]
        incomplete = self._app.definition.history.import_incomplete
        if incomplete:
            data = {"statusMessages": json.dumps(download.messages)}
            self._app.history.record(incomplete, download, now, data)


def queue_json(row: QueueRow, app: "SimApp", now: float) -> Json:
    """The fields that every app's queue record shares; the route adds owners, drops nulls."""
    download = row.download
    tracked = not download.pending
    by_hand = download.life is not None and not download.grabbed
    ends_at = None if row.seconds_left is None else now + row.seconds_left
    return {
        "languages": [{"id": 1, "name": "English"}],
        "quality": app.definition.catalogue.model(download.quality_id),
        "customFormats": [],
        "customFormatScore": download.score,
        "size": row.shown.size,
        "title": download.title,
        "estimatedCompletionTime": stamp(ends_at),
        "added": None if by_hand else stamp(download.added_at),
        "status": row.status,
        "trackedDownloadStatus": row.tracked_status if tracked else None,
        "trackedDownloadState": row.shown.tracked_state if tracked else None,
        "statusMessages": row.shown.messages if tracked else None,
        "errorMessage": row.shown.error,
        "downloadId": download.download_id if tracked else None,
        "protocol": download.protocol,
        "downloadClient": download.client,
        "downloadClientHasPostImportCategory": False,
        "indexer": None if by_hand else download.indexer,
        "outputPath": f"/downloads/{download.title}" if row.status == "completed" else None,
        "sizeleft": row.shown.left,
        "timeleft": None if row.seconds_left is None else timespan(int(row.seconds_left)),
        "id": row.id,
    }

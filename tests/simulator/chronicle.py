"""The apps' history: what was grabbed, imported, failed or ignored (arr contracts §6.4)."""

import json
from datetime import datetime
from sqlite3 import Row
from typing import TYPE_CHECKING, Any

from tests.simulator.downloads import Download
from tests.simulator.qualities import quality_model
from tests.simulator.wire import Json, epoch_of, present, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


class Chronicle:
    """Writes history rows, one per item, and turns them into records."""

    def __init__(self, app: "SimApp") -> None:
        self._app = app

    def add(
        self,
        item_id: int,
        event: str,
        *,
        date: datetime | float | None = None,
        download_id: str | None = None,
        quality_id: int = 5,
        source_title: str = "Some.Release-SIM",
        data: dict[str, str] | None = None,
    ) -> int:
        """Add a history row directly; `event` is the app's word, e.g. `grabbed`."""
        item = self._app.library.item(item_id)
        moment = epoch_of(self._app.clock.timestamp() if date is None else date)
        return self._insert(item_id, item["parent_id"], event, moment or 0, source_title, download_id, quality_id, data)

    def grabbed(self, download: Download, now: float, *, source: str = "UserInvokedSearch") -> None:
        self.record(
            "grabbed",
            download,
            now,
            {
                "indexer": download.indexer,
                "releaseGroup": "SIM",
                "age": "3",
                "ageHours": "72.5",
                "ageMinutes": "4350.0",
                "publishedDate": stamp(now - 261_000) or "",
                "downloadClient": download.client,
                "downloadClientName": download.client,
                "size": str(download.size),
                "downloadUrl": f"http://indexer.invalid/{download.download_id}",
                "guid": f"http://indexer.invalid/{download.download_id}",
                "protocol": "2" if download.protocol == "torrent" else "1",
                "customFormatScore": str(download.score),
                "releaseSource": source,
                "indexerFlags": "0",
                **({"torrentInfoHash": download.download_id} if download.protocol == "torrent" else {}),
            },
        )

    def replaced(self, item_id: int, download: Download, now: float) -> None:
        """The old file goes when a better one is imported."""
        event = "movieFileDeleted" if self._app.flavour.movie_like else "episodeFileDeleted"
        old = self._app.db.row("SELECT * FROM files WHERE item_id = ?", (item_id,))
        quality = old["quality_id"] if old else 0
        data = {"reason": "Upgrade"}
        self._insert(item_id, download.parent_id, event, int(now), download.title, None, quality, data)

    def record(self, event: str, download: Download, now: float, data: dict[str, str]) -> None:
        """One row per item of the download."""
        common = {"downloadClient": download.client, "downloadClientName": download.client, **data}
        for item_id in download.item_ids:
            self._insert(
                item_id,
                download.parent_id,
                event,
                int(now),
                download.title,
                download.download_id,
                download.quality_id,
                common,
            )

    def _insert(
        self,
        item_id: int,
        parent_id: int | None,
        event: str,
        date_at: int,
        title: str,
        download_id: str | None,
        quality_id: int,
        data: dict[str, str] | None,
    ) -> int:
        values: dict[str, Any] = {
            "item_id": item_id,
            "parent_id": parent_id,
            "event": self._app.flavour.event_number(event),
            "date_at": date_at,
            "source_title": title,
            "download_id": download_id,
            "quality_id": quality_id,
            "data": json.dumps(data or {}),
        }
        return self._app.db.insert("history", values)

    def was_grabbed(self, download_id: str) -> bool:
        sql = "SELECT count(*) FROM history WHERE download_id = ? AND event = ?"
        return self._app.db.number(sql, (download_id, self._app.flavour.event_number("grabbed"))) > 0

    def record_json(self, row: Row) -> Json:
        words = self._app.flavour.words
        owners: Json = {words.items_field.removesuffix("s"): row["item_id"]}
        if words.parent_field:
            owners[words.parent_field] = row["parent_id"]
        data = json.loads(row["data"])
        return present(
            {
                **owners,
                "sourceTitle": row["source_title"],
                "languages": [{"id": 1, "name": "English"}],
                "quality": quality_model(row["quality_id"], movie=self._app.flavour.movie_like),
                "customFormats": [],
                "customFormatScore": int(data.get("customFormatScore", 0)),
                "qualityCutoffNotMet": False,
                "date": stamp(row["date_at"]),
                "downloadId": row["download_id"],
                "eventType": self._app.flavour.history_events[row["event"]],
                "data": data,
                "id": row["id"],
            }
        )

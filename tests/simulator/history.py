"""The apps' history: what was grabbed, imported, failed or ignored."""

import json
from collections.abc import Mapping
from datetime import datetime
from sqlite3 import Row
from typing import TYPE_CHECKING, Any

from tests.simulator.downloads import Download
from tests.simulator.messages import Json, epoch_of, stamp

if TYPE_CHECKING:
    from tests.simulator.application import SimApp


class History:
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
        quality_id: int | None = None,
        score: int = 0,
        source_title: str = "Some.Release-SIM",
        data: dict[str, str] | None = None,
    ) -> int:
        """Add a history row; `event` is the app's name of it, e.g. `grabbed`."""
        moment = epoch_of(self._app.clock.timestamp() if date is None else date) or 0
        quality = self._app.definition.catalogue.usual if quality_id is None else quality_id
        return self._insert(item_id, event, moment, source_title, download_id, (quality, score), data or {})

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
                **self._app.definition.grabbed_data,
            },
        )

    def replaced(self, item_id: int, download: Download, now: float) -> None:
        """Record the deletion of the old files when better ones are imported."""
        event, data = self._app.definition.history.file_deleted, {"reason": "Upgrade"}
        for old in self._app.library.files_of(item_id):
            worth = (old["quality_id"], old["score"])
            self._insert(item_id, event, int(now), download.title, None, worth, data, old["part"])

    def record(
        self,
        event: str,
        download: Download,
        now: float,
        data: Mapping[str, str | None],
        *,
        item_id: int | None = None,
        part: int = 0,
    ) -> None:
        """One row for an item of the download, or for each of them."""
        lacks = self._app.definition.lacks.get("history_data", frozenset())
        common = {"downloadClient": download.client, "downloadClientName": download.client, **data}
        common = {name: value for name, value in common.items() if name not in lacks}
        worth = (download.quality_id, download.score)
        for each in download.item_ids if item_id is None else [item_id]:
            self._insert(each, event, int(now), download.title, download.download_id, worth, common, part)

    def _insert(
        self,
        item_id: int,
        event: str,
        date_at: int,
        title: str,
        download_id: str | None,
        worth: tuple[int, int],
        data: Mapping[str, str | None],
        part: int = 0,
    ) -> int:
        item = self._app.db.row("SELECT parent_id FROM items WHERE id = ?", (item_id,))
        values: dict[str, Any] = {
            "item_id": item_id,
            "parent_id": item["parent_id"] if item else None,
            "part": part,
            "event": self._app.definition.event_number(event),
            "date_at": date_at,
            "source_title": title,
            "download_id": download_id,
            "quality_id": worth[0],
            "score": worth[1],
            "data": json.dumps(data),
        }
        return self._app.db.insert("history", values)

    def was_grabbed(self, download_id: str) -> bool:
        sql = "SELECT count(*) FROM history WHERE download_id = ? AND event = ?"
        return self._app.db.number(sql, (download_id, self._app.definition.event_number("grabbed"))) > 0

    def record_json(self, row: Row) -> Json:
        definition = self._app.definition
        owners: Json = {definition.names.item_field: row["item_id"]}
        if definition.names.parent_field:
            owners[definition.names.parent_field] = row["parent_id"]
        if definition.history.part_field:
            owners[definition.history.part_field] = row["item_id"] * 1000 + row["part"] if row["part"] else 0
        shape = {
            **owners,
            "sourceTitle": row["source_title"],
            "languages": [{"id": 1, "name": "English"}],
            "quality": definition.catalogue.model(row["quality_id"]),
            "customFormats": [],
            "customFormatScore": row["score"],
            "qualityCutoffNotMet": False,
            "date": stamp(row["date_at"]),
            "downloadId": row["download_id"],
            "eventType": definition.history.events[row["event"]],
            "data": json.loads(row["data"]),
            "id": row["id"],
        }
        return definition.fitted(self._app, "history", shape, row)

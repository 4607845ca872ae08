"""Downloads and looks for tests of the decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.settings.swaparr import SwaparrSettings
from app.swaparr.downloads import QueuedDownload
from app.swaparr.policy import Consequence, Look, Memory, Record, Verdict, judge
from app.swaparr.rules import rules_of
from app.swaparr.stuck_rules import StuckRules

START = datetime(2026, 11, 26, 12, tzinfo=UTC)
GB = 10**9


def download(name: str = "A", **fields: Any) -> QueuedDownload:
    """A torrent of one gigabyte, half of it there, in qBittorrent."""
    known: dict[str, Any] = {
        "download_id": name,
        "added": START,
        "row_id": 1,
        "title": f"{name}.Release.1080p-SIM",
        "protocol": "torrent",
        "client": "qBittorrent",
        "indexer": "Indexer",
        "size": GB,
        "left": GB // 2,
        "status": "downloading",
        "tracked_state": "downloading",
        "is_refused": False,
        "item_ids": (1,),
    }
    return QueuedDownload(**(known | fields))


def rules(**settings: Any) -> StuckRules:
    return rules_of(SwaparrSettings(**settings))


@dataclass
class Watched:
    """A queue that is looked at every ten minutes, and what was decided."""

    rules: StuckRules
    at: datetime = START
    memory: Memory = field(default_factory=Memory)
    records: Mapping[str, Record] = field(default_factory=dict)
    judged: dict[str, Verdict] = field(default_factory=dict)
    line_is_up: bool = True

    def look(self, *downloads: QueuedDownload, minutes: float = 10, **fields: Any) -> dict[str, Verdict]:
        """One look; what was decided, by the download's id."""
        self.at += timedelta(minutes=minutes)
        known: dict[str, Any] = {"refreshed_at": self.at, "line_is_up": self.line_is_up, **fields}
        found = judge(self.memory, self.records, Look(self.at, downloads, **known), self.rules)
        self.memory = found.memory
        self.records = {**found.gone, **{each.download.key: each.record for each in found.judged}}
        self.judged = {each.download.download_id: each for each in found.judged}
        return self.judged

    def minutes_until_removed(self, each: QueuedDownload, *others: QueuedDownload, within: float = 2000) -> float:
        """Looks at a queue that never changes until the download is removed."""
        began = self.at
        while (passed := (self.at - began).total_seconds() / 60) < within:
            if self.look(each, *others)[each.download_id].action is Consequence.REMOVE:
                return (self.at - began).total_seconds() / 60
        return passed


def is_removed(watched: Watched, looks: Iterable[QueuedDownload], **fields: Any) -> bool:
    """Whether any of these looks at one download removes it."""
    return any(watched.look(each, **fields)[each.download_id].action is Consequence.REMOVE for each in looks)


def arriving(each: QueuedDownload, *lefts: int) -> list[QueuedDownload]:
    return [replace(each, left=left) for left in lefts]

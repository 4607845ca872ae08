"""Commands that every app has."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulator.commands import Command
from tests.simulator.definition import CommandField, CommandKind, CommandWork

if TYPE_CHECKING:
    from tests.simulator.application import SimApp

SHARED_KINDS = (
    CommandKind("RssSync", sends_updates=True, long_running=True),
    CommandKind("RefreshMonitoredDownloads", message="Completed"),
    CommandKind("ProcessMonitoredDownloads", disk_access=True),
    CommandKind("CheckForFinishedDownload"),
    CommandKind("CheckHealth"),
    CommandKind("Backup", message="Backup completed"),
    CommandKind("Housekeeping"),
    CommandKind("MessagingCleanup"),
    CommandKind("ClearBlocklist", sends_updates=True),
    CommandKind("ImportListSync", (CommandField("definitionId", "int?"),), sends_updates=True),
    CommandKind("ApplicationUpdate", sends_updates=True, exclusive=True),
    CommandKind("Test", (CommandField("duration", "int", 4000),), message="Test command completed"),
    CommandKind("ManualImport", (CommandField("importMode", "text", "auto"),), disk_access=True, high_priority=True),
)


def without_priority(kinds: Iterable[CommandKind]) -> list[CommandKind]:
    """Both older Whisparrs give no command a priority of its own."""
    return [replace(kind, high_priority=False) for kind in kinds]


def by_name(kinds: Iterable[CommandKind]) -> dict[str, CommandKind]:
    return {kind.name.lower(): kind for kind in kinds}


def refresh_downloads(app: "SimApp", command: Command, now: float) -> str | None:
    del command
    app.downloads.refresh(now)
    return None


def clear_blocklist(app: "SimApp", command: Command, now: float) -> str | None:
    del command, now
    app.db.change("DELETE FROM blocklist")
    return None


SHARED_WORK: dict[str, CommandWork] = {
    "RefreshMonitoredDownloads": refresh_downloads,
    "CheckForFinishedDownload": refresh_downloads,
    "ClearBlocklist": clear_blocklist,
}

"""What people read: a title and a body for every event, made from its payload and nothing else."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from app.events import catalogue as told
from app.events.catalogue import Durable, EventName

P = TypeVar("P", bound=Durable)

# Titles of releases are a stranger's text; it must not ring a whole channel.
_MENTION: Final = re.compile(r"@(?=everyone|here|channel)", re.IGNORECASE)
_STEPS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as a person reads it."""

    title: str
    body: str

    @property
    def line(self) -> str:
        """The whole in one line, for a digest."""
        first = self.body.splitlines()[0]
        return self.title if first == self.title else f"{self.title}: {first}"


def render(payload: Durable) -> Rendered:
    """The message for an event."""
    title, parts = RENDERERS[type(payload)](payload)
    lines = [_clean(part) for part in parts if part]
    return Rendered(_clean(title), "\n".join(lines) or _clean(title))


def _hunt_started(event: told.HuntStarted) -> tuple[str, Iterable[str | None]]:
    looks = f"Looks for: {', '.join(event.passes)}; started by: {event.trigger}."
    return f"{event.instance_name}: hunt started", [looks + (" It searches nothing." if event.dry_run else "")]


def _hunt_completed(event: told.HuntCompleted) -> tuple[str, Iterable[str | None]]:
    title = f"{event.instance_name}: hunt completed, {_counted(event.searched, 'search', 'searches')}"
    return title, [_hunt_sums(event), event.message]


def _hunt_failed(event: told.HuntFailed) -> tuple[str, Iterable[str | None]]:
    return f"{event.instance_name}: hunt failed", [event.message or event.reason, _hunt_sums(event)]


def _hunt_sums(event: told.HuntEnded) -> str:
    parts = [
        _counted(event.searched, "search sent", "searches sent"),
        f"{event.skipped} passed over",
        _counted(event.errors, "error", "errors"),
        f"took {_span(event.took_seconds)}",
        f"next hunt at {_moment(event.next_hunt_at)}" if event.next_hunt_at else None,
    ]
    return ", ".join(part for part in parts if part) + (" (nothing was searched: dry run)." if event.dry_run else ".")


def _search_sent(event: told.SearchSent) -> tuple[str, Iterable[str | None]]:
    return f"{event.instance_name}: searching for {event.title}", [f"{event.hunt_pass.capitalize()} ({event.unit})."]


def _media_grabbed(event: told.MediaGrabbed) -> tuple[str, Iterable[str | None]]:
    return f"{event.instance_name}: {event.title} grabbed", [_release(event), event.release_title]


def _media_imported(event: told.MediaImported) -> tuple[str, Iterable[str | None]]:
    return f"{event.instance_name}: {event.title} imported", [_release(event), event.release_title]


def _media_import_failed(event: told.MediaImportFailed) -> tuple[str, Iterable[str | None]]:
    title = f"{event.instance_name}: {event.title} was not imported"
    return title, [event.message, _release(event), event.release_title]


def _release(event: told.OfRelease) -> str:
    """Such as `Bluray-1080p → Remux-2160p, score 10 → 120, via Nyx`."""
    parts = [
        _change(event.quality_before, event.quality),
        _change(event.score_before, event.score, "score "),
        _size(event.size_bytes) if event.size_bytes else None,
        f"via {event.indexer}" if event.indexer else None,
    ]
    return ", ".join(part for part in parts if part)


def _instance_offline(event: told.InstanceOffline) -> tuple[str, Iterable[str | None]]:
    again = f"It is asked again at {_moment(event.next_try_at)}." if event.next_try_at else None
    return f"{event.instance_name} is offline", [event.error, again]


def _instance_online(event: told.InstanceOnline) -> tuple[str, Iterable[str | None]]:
    away = f"It was away for {_span(event.offline_seconds)}." if event.offline_seconds is not None else None
    return f"{event.instance_name} is online again", [away, f"Version {event.version}." if event.version else None]


def _cap_reached(event: told.CapReached) -> tuple[str, Iterable[str | None]]:
    free = f", the next one is free at {_moment(event.resets_at)}" if event.resets_at else ""
    title = f"{event.instance_name}: {event.cap.replace('_', ' ')} reached"
    return title, [f"{event.used} of {event.limit} searches are used{free}."]


def _backup_created(event: told.BackupCreated) -> tuple[str, Iterable[str | None]]:
    took = f", took {_span(event.took_seconds)}" if event.took_seconds is not None else ""
    return f"Backup created ({event.kind})", [f"{event.filename}, {_size(event.size_bytes)}{took}."]


def _backup_failed(event: told.BackupFailed) -> tuple[str, Iterable[str | None]]:
    return f"Backup failed ({event.kind})", [event.message]


def _system_error(event: told.SystemFailed) -> tuple[str, Iterable[str | None]]:
    return f"Huntarr: something went wrong ({event.part})", [event.message]


RENDERERS: Mapping[type[Durable], Callable[[Any], tuple[str, Iterable[str | None]]]] = {
    told.HuntStarted: _hunt_started,
    told.HuntCompleted: _hunt_completed,
    told.HuntFailed: _hunt_failed,
    told.SearchSent: _search_sent,
    told.MediaGrabbed: _media_grabbed,
    told.MediaImported: _media_imported,
    told.MediaImportFailed: _media_import_failed,
    told.InstanceOffline: _instance_offline,
    told.InstanceOnline: _instance_online,
    told.CapReached: _cap_reached,
    told.BackupCreated: _backup_created,
    told.BackupFailed: _backup_failed,
    told.SystemFailed: _system_error,
}


def is_success(name: str) -> bool:
    """What services that know colours show as good news."""
    return name in (EventName.MEDIA_IMPORTED, EventName.INSTANCE_ONLINE, EventName.BACKUP_CREATED)


def _clean(text: str) -> str:
    """One line, that rings for nobody."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _MENTION.sub("@\N{ZERO WIDTH SPACE}", line)


def _change(before: str | int | None, after: str | int | None, label: str = "") -> str | None:
    if after is None:
        return None
    return f"{label}{after}" if before is None or before == after else f"{label}{before} → {after}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _span(seconds: float) -> str:
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(count: int) -> str:
    size, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit in ("B", "KB") else f"{size:.1f} {unit}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"

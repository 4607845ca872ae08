"""Every durable event has a text for people."""

import pytest

from app.events.catalogue import DURABLE_EVENTS, EVENTS, EventName, EventType
from app.events.payloads import Durable, HuntCompleted, InstanceOnline, Level
from app.events.rendering import Rendered, duration, file_size
from tests.events.samples import hunt_completed

VALUES = {
    "app_type": "sonarr",
    "instance_id": 7,
    "instance_name": "TV",
    "hunt_id": 3,
    "trigger": "interval",
    "passes": ["missing", "cutoff"],
    "status": "completed",
    "message": "The disk is full.",
    "searched": 2,
    "skipped": 4,
    "errors": 1,
    "took_seconds": 75,
    "next_hunt_at": "2026-11-23T12:00:00Z",
    "search_id": 5,
    "hunt_pass": "missing",
    "media_key": "episode:1",
    "unit": "episode",
    "title": "The Wire",
    "release_title": "The.Wire.1080p",
    "indexer": "Nyx",
    "quality_before": "SDTV",
    "quality": "WEBDL-1080p",
    "score_before": 10,
    "score": 120,
    "size_bytes": 1_572_864,
    "error_code": "timeout",
    "error": "No answer.",
    "next_try_at": "2026-11-23T12:00:00Z",
    "version": "4.0",
    "offline_seconds": 7200,
    "cap": "hourly_cap",
    "limit": 20,
    "used": 20,
    "resets_at": "2026-11-23T12:00:00Z",
    "filename": "huntarr.zip",
    "kind": "scheduled",
    "part": "worker\n@everyone",
    "target_instance_id": 1,
    "download_id": "ABC",
    "cause": "failed_import",
    "detail": "sample",
    "strikes": 2,
    "max_strikes": 3,
    "searches": 1,
    "movie_id": 7,
    "tmdb_id": 603,
    "year": 1999,
    "client": "qBittorrent",
    "path": "/movies/x.mkv",
}
"""A value for every field of every durable event."""
SUMS = "2 searches sent, 4 skipped, 1 error, took 1 min, next hunt at 2026-11-23 12:00 UTC."
RELEASE = "SDTV → WEBDL-1080p, score 10 → 120, 1.5 MB, via Nyx\nThe.Wire.1080p"
TEXTS = {
    "hunt.started": ("TV: hunt started", "Looks for: missing, cutoff; started by: interval."),
    "hunt.completed": ("TV: hunt completed, 2 searches", f"{SUMS}\nThe disk is full."),
    "hunt.failed": ("TV: hunt failed", f"The disk is full.\n{SUMS}"),
    "search.sent": ("TV: searching for The Wire", "Missing (episode)."),
    "media.grabbed": ("TV: The Wire grabbed", RELEASE),
    "media.imported": ("TV: The Wire imported", RELEASE),
    "media.import_failed": ("TV: The Wire was not imported", f"The disk is full.\n{RELEASE}"),
    "instance.offline": ("TV is offline", "No answer.\nHuntarr tries again at 2026-11-23 12:00 UTC."),
    "instance.online": ("TV is online again", "It was away for 2 h.\nVersion 4.0."),
    "cap.reached": (
        "TV: hourly cap reached",
        "20 of 20 searches are used, the next one is free at 2026-11-23 12:00 UTC.",
    ),
    "swaparr.strike": ("TV: a download is stuck", "The Wire: failed import, strike 2 of 3."),
    "swaparr.removed": (
        "TV: a stuck download was removed",
        "The Wire: failed import. 1 search is asked for.",
    ),
    "movie.grabbed": ("The Wire (1999) grabbed", "WEBDL-1080p, 1.5 MB, via Nyx\nThe.Wire.1080p"),
    "movie.imported": ("The Wire (1999) upgraded", "SDTV → WEBDL-1080p\nThe.Wire.1080p"),
    "movie.failed": ("The Wire (1999): a release failed", "The disk is full.\nThe.Wire.1080p"),
    "backup.created": ("Backup created (scheduled)", "huntarr.zip, 1.5 MB, took 1 min."),
    "backup.failed": ("Backup failed (scheduled)", "The disk is full."),
    "system.error": (
        "Huntarr: something went wrong (worker @\N{ZERO WIDTH SPACE}everyone)",
        "The disk is full.",
    ),
}


def test_every_durable_event_has_its_text() -> None:
    texts = {}
    for name in DURABLE_EVENTS:
        event = EVENTS[name].payload.model_validate(VALUES)
        assert isinstance(event, Durable)
        texts[name.value] = (event.render().title, event.render().body)
    assert texts == TEXTS


def test_a_durable_event_without_a_text_cannot_be_declared() -> None:
    class Silent(Durable): ...

    with pytest.raises(TypeError, match="Silent is durable: it needs a render"):
        EventType(EventName.SYSTEM_ERROR, Level.ERROR, Silent, "Something happened.")


def test_what_is_not_known_is_left_out() -> None:
    assert hunt_completed().render().body == "2 searches sent, 0 skipped, 0 errors, took 2 s."
    online = InstanceOnline.model_validate(
        {name: VALUES[name] for name in ("app_type", "instance_id", "instance_name")}
    )
    assert online.render() == Rendered("TV is online again", "TV is online again")
    assert online.render().line == "TV is online again"
    dry = HuntCompleted.model_validate({**VALUES, "dry_run": True, "next_hunt_at": None})
    assert dry.render().line == (
        "TV: hunt completed, 2 searches: 2 searches sent, 4 skipped, 1 error, took 1 min "
        "(nothing was searched: dry run)."
    )


def test_durations_and_sizes() -> None:
    assert [duration(seconds) for seconds in (0.4, 59, 60, 7199, 90_000)] == ["0 s", "59 s", "1 min", "2 h", "1 d"]
    assert [file_size(size) for size in (0, 1023, 1024, 5 << 20, 3 << 50)] == [
        "0 B",
        "1023 B",
        "1 KB",
        "5.0 MB",
        "3072.0 TB",
    ]

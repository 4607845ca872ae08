"""Libraries in which most of what is missing must not be searched; each returns what may be."""

import random
from datetime import datetime, timedelta

from tests.simulator import SimApp
from tests.support.rig import START

LONG_AGO = START - timedelta(days=900)
KINDS = ("plain", *["unreleased"] * 3, *["excluded"] * 2, "cooling", "added", "unmonitored")


def fill_series(
    app: SimApp, rng: random.Random, *, series: int, seasons: int = 5, sparse_share: float = 0.0
) -> set[int]:
    """Series of ten episodes a season, most of them missing; the ids of those that may be searched."""
    eligible: set[int] = set()
    for number in range(series):
        is_excluded = rng.random() < 0.6
        added = START - timedelta(hours=3 if rng.random() < 0.1 else 2000)
        series_id = app.library.add_series(
            title=f"Series {number}", ended=rng.random() < 0.5, tags=["no-hunt"] if is_excluded else [], added=added
        )
        for season in range(rng.randint(0, 1), 6):
            is_cooling, is_sparse = rng.random() < 0.3, rng.random() < sparse_share
            for position in range(1, 11):
                fresh = rng.random() < 0.05
                monitored = rng.random() > 0.05
                has_file = is_sparse and position > 2
                item_id = app.library.add_episode(
                    series_id,
                    season,
                    position,
                    monitored=monitored,
                    has_file=has_file,
                    quality_id=7,
                    air_date=START - timedelta(hours=2 if fresh else rng.randint(500, 20_000)),
                    last_search=_last_search(rng, cools=is_cooling),
                )
                blocked = is_excluded or season == 0 or is_cooling or fresh or not monitored or has_file
                if not blocked and added < START - timedelta(hours=24):
                    eligible.add(item_id)
    return eligible


def fill_movies(app: SimApp, rng: random.Random, count: int) -> set[int]:
    """Missing movies; the ids of those that may be searched."""
    eligible: set[int] = set()
    for number in range(count):
        kind = rng.choice(KINDS)
        cinema = START + timedelta(days=60) if kind == "unreleased" else LONG_AGO
        item_id = app.library.add_movie(
            title=f"Movie {number}",
            in_cinemas=cinema,
            minimum_availability="inCinemas",
            tags=["no-hunt"] if kind == "excluded" else [],
            monitored=kind != "unmonitored",
            added=START - timedelta(hours=2 if kind == "added" else 2000),
            last_search=_last_search(rng, cools=kind == "cooling"),
        )
        if kind == "plain":
            eligible.add(item_id)
    return eligible


def _last_search(rng: random.Random, *, cools: bool) -> datetime | None:
    """Within the cooldown of these tests, a year; before it; or never."""
    if cools:
        return START - timedelta(days=rng.randint(1, 300))
    return START - timedelta(days=rng.randint(400, 900)) if rng.random() < 0.5 else None


def searches_of(app: SimApp) -> dict[int, int]:
    """How often the app really searched each item."""
    counts: dict[int, int] = {}
    for record in app.searcher.records:
        for item_id in record.item_ids:
            counts[item_id] = counts.get(item_id, 0) + 1
    return counts

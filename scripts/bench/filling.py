"""A long past in the tables, as the service would have written it: by statements over sets, the same on both databases.

Only how numbers are made and how a second becomes a time differs; indexes are left out while rows come in.
"""

import time

from sqlalchemy.schema import CreateIndex, DropIndex
from sqlmodel import SQLModel

from app.hunting.store.models import Hunt, Search
from app.logs.models import LogEntry
from scripts.bench.homes import Books

APPS = 100
DAYS = 360
"""How far back the rows go: less than what is kept for a year."""
HOURLY_USE = 2
"""Searches of every app in each of the last 24 hours."""
SECOND = 1_000_000
DAY = 24 * 60 * 60 * SECOND

MOMENTS = """CREATE TEMP TABLE {name} AS SELECT i, i % {apps} + 1 AS app,
    CASE i % 2 WHEN 1 THEN 'radarr' ELSE 'sonarr' END AS app_type, {moment} AS at, micros
    FROM (SELECT i, {now} - ({rows} - i) * ({span} / {rows}) AS micros FROM {series}) AS numbers"""
SQLITE_SERIES = """(WITH RECURSIVE m(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m WHERE i < {rows}) SELECT i FROM m)"""
SQLITE_MOMENT = "strftime('%Y-%m-%d %H:%M:%S.000000', micros / 1000000, 'unixepoch')"
POSTGRESQL_SERIES = "generate_series(CAST(1 AS bigint), {rows}) AS m(i)"
POSTGRESQL_MOMENT = "to_timestamp(micros / 1000000)"

HUNTS = """INSERT INTO hunts (instance_id, instance_name, app_type, trigger, status, passes, dry_run, cancel_requested,
    fence, attempts, queued_at, started_at, ended_at, searched, errors, skipped)
    SELECT app, 'App ' || app, app_type, 'interval', 'completed', '["missing", "cutoff"]', FALSE, FALSE, i, 1, at, at,
    at, 3, 0, '{"missing": {"cooldown": 12}}' FROM past"""
SEARCHES = """INSERT INTO searches (hunt_id, instance_id, instance_name, app_type, hunt_pass, media_key, unit, title,
    item_id, picked, units, outcome, command_id, searched_at, ended_at)
    SELECT i, app, 'App ' || app, app_type, CASE WHEN i % 3 > 0 THEN 'missing' ELSE 'cutoff' END, 'episode:' || i,
    'episode', 'The Quiet Ledger ' || i || ' - S01E02 - Chapter 2', i, 'never searched', 1,
    CASE WHEN i % 4 = 0 THEN 'imported' WHEN i % 1000 = 1 THEN 'search_failed' ELSE 'nothing_found' END, i, at, at
    FROM past"""
STAT_DAYS = """INSERT INTO stat_days (day, app_type, instance_id, hunted, upgraded, grabbed, imported, errors)
    SELECT substr(CAST(at AS VARCHAR(40)), 1, 10), app_type, app, sum(CASE WHEN i % 3 > 0 THEN 1 ELSE 0 END),
    sum(CASE WHEN i % 3 = 0 THEN 1 ELSE 0 END), sum(CASE WHEN i % 4 = 0 THEN 1 ELSE 0 END),
    sum(CASE WHEN i % 4 = 0 THEN 1 ELSE 0 END), sum(CASE WHEN i % 1000 = 1 THEN 1 ELSE 0 END) FROM past
    GROUP BY 1, 2, 3"""
STAT_PASSES = """INSERT INTO stat_passes (day, app_type, instance_id, hunt_pass, searches, grabbed, imported)
    SELECT day, app_type, instance_id, hunt_pass, CASE hunt_pass WHEN 'missing' THEN hunted ELSE upgraded END,
    grabbed / 2, imported / 2 FROM stat_days CROSS JOIN
    (SELECT 'missing' AS hunt_pass UNION ALL SELECT 'cutoff') AS passes"""
STAT_TOTALS = """INSERT INTO stat_totals (app_type, instance_id, hunted, upgraded, grabbed, imported, errors)
    SELECT app_type, instance_id, sum(hunted), sum(upgraded), sum(grabbed), sum(imported), sum(errors) FROM stat_days
    GROUP BY 1, 2"""
CAPS = """INSERT INTO cap_entries (instance_id, search_id, units, reserved_at) SELECT app, i, 1, at FROM today"""
LOGS = """INSERT INTO logs (id, level, app_type, instance_id, hunt_id, request_id, logger, message, context, size)
    SELECT micros, CASE WHEN i % 1000 = 2 THEN 40 WHEN i % 100 = 1 THEN 30 ELSE 20 END,
    CASE WHEN i % 10 = 0 THEN 'system' ELSE app_type END, CASE WHEN i % 10 > 0 THEN app END, i, NULL,
    'app.hunting.running.runner', 'hunt ended', '{"status":"completed","searched":3}', 46 FROM past"""
LOG_TOTALS = """INSERT INTO log_totals (app_type, instance_id, level, lines, size, dropped)
    SELECT app_type, coalesce(instance_id, 0), level, count(*), sum(size), 0 FROM logs GROUP BY 1, 2, 3"""

SQLITE_FAST = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-500000")
SQLITE_SAFE = ("PRAGMA journal_mode=WAL",)
POSTGRESQL_FAST = (
    "SET session_replication_role=replica",  # else it looks every row's instance up
    "SET synchronous_commit=off",
    "SET maintenance_work_mem='512MB'",
)
POSTGRESQL_SAFE = ("VACUUM ANALYZE",)
"""What autovacuum does in the minutes after."""


def fill(books: Books, rows: int, *, logs: bool = True) -> None:
    """`rows` hunts, as many searches, the counters over them, and as many log entries; no service may run."""
    books.run(*(SQLITE_FAST if books.is_sqlite else POSTGRESQL_FAST))
    books.run(_moments(books, "past", rows, DAYS), _moments(books, "today", 24 * HOURLY_USE * APPS, 1))
    _poured(books, Hunt, HUNTS)
    _poured(books, Search, SEARCHES)
    books.run(STAT_DAYS, STAT_PASSES, STAT_TOTALS, CAPS)
    if logs:
        books.run("DELETE FROM logs", "DELETE FROM log_totals")  # what was logged so far
        _poured(books, LogEntry, LOGS)
        books.run(LOG_TOTALS)
    books.run("DROP TABLE past", "DROP TABLE today")
    books.run(*(SQLITE_SAFE if books.is_sqlite else POSTGRESQL_SAFE))


def _moments(books: Books, name: str, rows: int, days: int) -> str:
    """A table of numbers, each with its app and its moment; the last one is now."""
    series, moment = (SQLITE_SERIES, SQLITE_MOMENT) if books.is_sqlite else (POSTGRESQL_SERIES, POSTGRESQL_MOMENT)
    now, span = int(time.time()) * SECOND, days * DAY
    filled = series.format(rows=rows)
    return MOMENTS.format(name=name, apps=APPS, moment=moment, now=now, rows=rows, span=span, series=filled)


def _poured(books: Books, table: type[SQLModel], statement: str) -> None:
    """Built afterwards, an index is sorted once and not searched for every row."""
    indexes = sorted(table.metadata.tables[str(table.__tablename__)].indexes, key=lambda index: str(index.name))
    books.run(*(DropIndex(index) for index in indexes), statement, *(CreateIndex(index) for index in indexes))

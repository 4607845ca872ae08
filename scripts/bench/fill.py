"""Fills the tables with a long history, as the service would have written it.

SQLite and PostgreSQL run the same statements, except for how numbers and times are made.
"""

import time

from sqlalchemy.schema import CreateIndex, DropIndex
from sqlmodel import SQLModel

from app.hunting.store.models import Hunt, Search
from app.logs.models import LogEntry
from scripts.bench.installations import DatabaseConnection

APPS = 100
DAYS = 360
"""How far back the rows go; less than a year, so that no retention deletes them."""
HOURLY_USE = 2
"""Searches of each app in each of the last 24 hours."""
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
    "SET session_replication_role=replica",  # no look-up of each row's instance
    "SET synchronous_commit=off",
    "SET maintenance_work_mem='512MB'",
)
POSTGRESQL_SAFE = ("VACUUM ANALYZE",)
"""What autovacuum would do a few minutes later."""


def fill(db: DatabaseConnection, rows: int, *, logs: bool = True) -> None:
    """Insert `rows` hunts, searches and log entries each, and the counters over them. No service may run."""
    db.run(*(SQLITE_FAST if db.is_sqlite else POSTGRESQL_FAST))
    db.run(_numbered_moments(db, "past", rows, DAYS), _numbered_moments(db, "today", 24 * HOURLY_USE * APPS, 1))
    _insert_without_indexes(db, Hunt, HUNTS)
    _insert_without_indexes(db, Search, SEARCHES)
    db.run(STAT_DAYS, STAT_PASSES, STAT_TOTALS, CAPS)
    if logs:
        db.run("DELETE FROM logs", "DELETE FROM log_totals")  # entries of the service that made the tables
        _insert_without_indexes(db, LogEntry, LOGS)
        db.run(LOG_TOTALS)
    db.run("DROP TABLE past", "DROP TABLE today")
    db.run(*(SQLITE_SAFE if db.is_sqlite else POSTGRESQL_SAFE))


def _numbered_moments(db: DatabaseConnection, name: str, rows: int, days: int) -> str:
    """Create a temporary table of `rows` numbers, each with an app and a time; the last one is now."""
    series, moment = (SQLITE_SERIES, SQLITE_MOMENT) if db.is_sqlite else (POSTGRESQL_SERIES, POSTGRESQL_MOMENT)
    now, span = int(time.time()) * SECOND, days * DAY
    filled = series.format(rows=rows)
    return MOMENTS.format(name=name, apps=APPS, moment=moment, now=now, rows=rows, span=span, series=filled)


def _insert_without_indexes(db: DatabaseConnection, table: type[SQLModel], statement: str) -> None:
    """Drop the indexes for the time of the statement: to build them afterwards is much faster."""
    indexes = sorted(table.metadata.tables[str(table.__tablename__)].indexes, key=lambda index: str(index.name))
    db.run(*(DropIndex(index) for index in indexes), statement, *(CreateIndex(index) for index in indexes))

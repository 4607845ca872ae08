"""One in-memory SQLite database per simulated app: real NULL ordering, real LIMITs, fast at 200,000 items.

"parents" are series, artists, authors; "items" are what is searched for: episodes, movies, albums, books. An item has
`parts` (an album its tracks, everything else 1) and a file per part that is there; `file_id` is the first of them.
"""

# ruff: noqa: S608 - table and column names are this package's own; values are always bound

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SCHEMA = """
CREATE TABLE parents (
    id INTEGER PRIMARY KEY, title TEXT, sort_title TEXT, slug TEXT, year INTEGER, status TEXT, kind TEXT,
    monitored INTEGER, profile_id INTEGER, tags TEXT, runtime INTEGER, added_at INTEGER, root TEXT);
CREATE TABLE seasons (parent_id INTEGER, number INTEGER, monitored INTEGER, PRIMARY KEY (parent_id, number));
CREATE TABLE items (
    id INTEGER PRIMARY KEY, parent_id INTEGER, season INTEGER NOT NULL DEFAULT 0, number INTEGER,
    title TEXT, sort_title TEXT, year INTEGER, status TEXT, monitored INTEGER NOT NULL, wanted INTEGER NOT NULL,
    profile_id INTEGER, tags TEXT, runtime INTEGER, added_at INTEGER, air_at INTEGER, due_at INTEGER,
    cinema_at INTEGER, digital_at INTEGER, physical_at INTEGER, availability TEXT, root TEXT,
    kind TEXT, studio_id INTEGER, performers TEXT NOT NULL DEFAULT '[]', editions INTEGER NOT NULL DEFAULT 1,
    parts INTEGER NOT NULL DEFAULT 1, parts_had INTEGER NOT NULL DEFAULT 0,
    file_id INTEGER NOT NULL DEFAULT 0, cutoff_unmet INTEGER NOT NULL DEFAULT 0, last_search_at INTEGER);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, item_id INTEGER, parent_id INTEGER, season INTEGER, quality_id INTEGER, score INTEGER,
    size INTEGER, added_at INTEGER, scene_name TEXT, part INTEGER NOT NULL DEFAULT 1);
CREATE TABLE history (
    id INTEGER PRIMARY KEY, item_id INTEGER, parent_id INTEGER, part INTEGER, event INTEGER, date_at INTEGER,
    source_title TEXT, download_id TEXT, quality_id INTEGER, score INTEGER, data TEXT);
CREATE TABLE blocklist (
    id INTEGER PRIMARY KEY, parent_id INTEGER, item_ids TEXT, date_at INTEGER, source_title TEXT, quality_id INTEGER,
    protocol TEXT, indexer TEXT);
CREATE TABLE studios (id INTEGER PRIMARY KEY, title TEXT, monitored INTEGER);
CREATE TABLE performers (id INTEGER PRIMARY KEY, name TEXT, monitored INTEGER);
CREATE TABLE tags (id INTEGER PRIMARY KEY, label TEXT UNIQUE);
CREATE INDEX items_by_parent ON items (parent_id, season, number);
CREATE INDEX missing_by_due ON items (wanted, due_at) WHERE parts_had < parts;
CREATE INDEX files_by_item ON files (item_id);
CREATE INDEX files_by_parent ON files (parent_id);
CREATE INDEX history_by_date ON history (date_at);
CREATE INDEX history_by_item ON history (item_id);
"""
# The two databases order NULLs differently; an index that fits keeps the first page cheap.
_WANTED_INDEXES = [
    (f"{name}_by_{column}", column, condition)
    for name, condition in (("missing", "parts_had < parts"), ("cutoff", "cutoff_unmet = 1"))
    for column in ("last_search_at", "air_at")
]


Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """A connection that any thread may use; more than one statement needs `lock`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.lock = threading.RLock()
        # Bumped by every change that can move a total; a search time alone cannot.
        self.version = 0
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        for name, column, condition in _WANTED_INDEXES:
            order = column if kind == "sqLite" else f"({column} IS NULL), {column}"
            self._connection.execute(f"CREATE INDEX {name} ON items (wanted, {order}) WHERE {condition}")

    def order_by(self, expression: str, row_id: str, *, descending: bool) -> str:
        """SQLite takes NULL for the smallest value, PostgreSQL for the largest."""
        way = "DESC" if descending else "ASC"
        nulls = "" if self.kind == "sqLite" else f"({expression} IS NULL) {way}, "
        return f"ORDER BY {nulls}{expression} {way}, {row_id} {way}"

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        with self.lock:
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        with self.lock:
            found: sqlite3.Row | None = self._connection.execute(sql, parameters).fetchone()
            return found

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        found = self.row(sql, parameters)
        return int(found[0] or 0) if found else 0

    def change(self, sql: str, parameters: Parameters = (), *, moves_totals: bool = True) -> int:
        """Run one writing statement; the id of the new row."""
        with self.lock:
            self.version += moves_totals
            return int(self._connection.execute(sql, parameters).lastrowid or 0)

    def change_many(self, sql: str, parameters: Iterable[Sequence[Any]], *, moves_totals: bool = True) -> None:
        with self.lock:
            self.version += moves_totals
            self._connection.execute("BEGIN")
            try:
                self._connection.executemany(sql, parameters)
            finally:
                self._connection.execute("COMMIT")

    def insert(self, table: str, values: dict[str, Any]) -> int:
        columns = ", ".join(values)
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        return self.change(sql, tuple(values.values()), moves_totals=table in ("parents", "items", "files"))

    def by_ids(self, table: str, ids: Sequence[int]) -> dict[int, sqlite3.Row]:
        """Rows by id, 500 at a time: SQLite limits the number of parameters."""
        found: dict[int, sqlite3.Row] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            for row in self.rows(f"SELECT * FROM {table} WHERE id IN ({marks})", part):
                found[row["id"]] = row
        return found

"""Which tables backups hold: a declared set, compared with the metadata."""

import subprocess
import sys

import pytest
from sqlalchemy import Column, Integer, LargeBinary, Table
from sqlmodel import SQLModel

from app.backup.scope import EXCLUDED, Excluded, saved_tables
from app.backup.values import kind_of
from app.tables import METADATA


def test_every_table_is_saved_or_was_left_out_on_purpose() -> None:
    saved = {table.name for table in saved_tables()}
    assert set(EXCLUDED) <= set(METADATA.tables)
    assert saved == {
        "settings",
        "users",
        "api_keys",
        "recovery_codes",
        "instances",
        "instance_states",
        "hunt_states",
        "hunts",
        "searches",
        "hunt_skips",
        "ledger",
        "cap_entries",
        "walk_cursors",
        "stat_totals",
        "stat_days",
        "stat_passes",
        "app_marks",
        "derived_lists",
        "schedules",
        "schedule_runs",
        "app_webhooks",
        "hooks",
        "notification_connections",
        "notification_states",
        "stat_pass_totals",
        "stat_hunts",
        "prowlarr_states",
        "search_requests",
        "swaparr_downloads",
        "swaparr_history",
        "swaparr_states",
        "movie_hunt_blocklist",
        "movie_hunt_clients",
        "movie_hunt_files",
        "movie_hunt_grabs",
        "movie_hunt_history",
        "movie_hunt_indexer_states",
        "movie_hunt_indexers",
        "movie_hunt_movies",
        "movie_hunt_profiles",
        "movie_hunt_root_folders",
        "movie_hunt_searches",
    }, "a new table is saved by itself: name it here if that is right, else put it into EXCLUDED"
    for table in METADATA.sorted_tables:
        refers = {key.column.table.name for key in table.foreign_keys}
        if table.name in saved:
            assert refers <= saved, f"{table.name} would come back without what it refers to"
        if EXCLUDED.get(table.name) is Excluded.KEPT:
            assert not refers & saved, f"{table.name} stays, and what it refers to would go"


@pytest.mark.process
def test_the_container_imports_all_tables() -> None:
    """Backups hold the tables whose modules were imported, so the container must import all of them."""
    program = "import app.container; from sqlmodel import SQLModel; print(*SQLModel.metadata.tables)"
    found = subprocess.run([sys.executable, "-c", program], check=True, text=True, capture_output=True)  # noqa: S603
    assert set(found.stdout.split()) == set(METADATA.tables)


def test_every_column_is_of_a_kind_that_backups_know() -> None:
    assert all(kind_of(column.type) for table in METADATA.sorted_tables for column in table.columns)


def test_a_new_table_is_saved_by_itself() -> None:
    table = Table("tomorrow", SQLModel.metadata, Column("a", Integer, primary_key=True), Column("b", LargeBinary))
    try:
        assert table in saved_tables()
    finally:
        SQLModel.metadata.remove(table)

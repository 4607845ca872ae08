"""The schema: one line of migrations that makes what the models say, on both databases, however often it is run."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, inspect, text

from app.core import revisions
from app.core.config import Config
from app.core.db import Database
from app.core.errors import StartFailed
from app.core.migrations import migrate
from app.core.revisions import newest_revision
from app.core.upgrades import alembic_config
from app.tables import METADATA

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.process, pytest.mark.storage]


def tables(url: str) -> set[str]:
    async def read() -> set[str]:
        db = Database(url)
        try:
            async with db.engines[0].connect() as connection:
                return await connection.run_sync(_table_names)
        finally:
            await db.close()

    return asyncio.run(read())


def _table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def written(url: str, statement: str) -> None:
    async def write() -> None:
        db = Database(url)
        try:
            async with db.engines[0].begin() as connection:
                await connection.execute(text(statement))
        finally:
            await db.close()

    asyncio.run(write())


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    async def read() -> list[tuple[object, ...]]:
        db = Database(url)
        try:
            async with db.engines[0].connect() as connection:
                return [tuple(row) for row in await connection.execute(text(query))]
        finally:
            await db.close()

    return asyncio.run(read())


def settings_of(url: str, folder: Path) -> Config:
    return Config(data_dir=folder, database_url=url, api_key=SecretStr("k" * 40), secret_key=SecretStr("s" * 40))


def test_the_migrations_make_what_the_models_say(database_url: str) -> None:
    command.check(alembic_config(database_url))
    assert tables(database_url) == {*METADATA.tables, "alembic_version"}


def test_there_is_one_head_and_it_is_the_newest_revision() -> None:
    script = ScriptDirectory.from_config(alembic_config("sqlite+aiosqlite:///:memory:"))
    assert script.get_heads() == [newest_revision()]
    assert script.get_bases() == ["0001"]
    assert {each.revision for each in script.walk_revisions()} == set(revisions.revisions())


def test_down_to_nothing_and_up_again(database_url: str) -> None:
    config = alembic_config(database_url)
    command.downgrade(config, "base")
    assert tables(database_url) == {"alembic_version"}
    command.upgrade(config, "head")
    command.check(config)


def test_what_hunts_know_of_an_instance_survives_its_move(database_url: str) -> None:
    """Revision 0011 moves columns from `instance_states` to `hunt_states`."""
    config = alembic_config(database_url)
    times = "'2026-11-23 12:00:00', '2026-11-23 12:30:00', NULL, '2026-11-23 12:05:00', NULL, '2026-11-23 11:00:00'"
    columns = "last_hunt_at, next_hunt_at, reset_at, follow_up_at, followed_up_at, history_at"
    found = f"SELECT instance_id, missing_total, fence, {columns} FROM"
    command.downgrade(config, "0010")
    written(
        database_url,
        "INSERT INTO instances (id, app_type, name, enabled, url, api_key, overrides, created_at, updated_at) VALUES"
        " (7, 'sonarr', 'TV', true, 'http://tv', 'k', '{}', '2026-11-23 12:00:00', '2026-11-23 12:00:00')",
    )
    written(
        database_url,
        f"INSERT INTO instance_states (instance_id, version, failures, missing_total, fence, {columns})"  # noqa: S608
        f" VALUES (7, '4.0', 3, 412, 41, {times})",
    )
    before = rows(database_url, f"{found} instance_states")
    command.upgrade(config, "head")
    assert rows(database_url, f"{found} hunt_states") == before
    assert rows(database_url, "SELECT version, failures FROM instance_states") == [("4.0", 3)]
    command.downgrade(config, "0010")
    assert rows(database_url, f"{found} instance_states") == before


def test_keys_keep_their_ids_when_they_may_be_without_an_owner(database_url: str) -> None:
    """SQLite makes the table anew: an id of a deleted key is not assigned again there either."""
    config = alembic_config(database_url)
    command.downgrade(config, "0012")
    written(
        database_url,
        "INSERT INTO users (id, username, password_hash, totp_step, created_at, password_changed_at) "
        "VALUES (1, 'Ada', 'x', 0, '2026-11-23 12:00:00', '2026-11-23 12:00:00')",
    )
    insert = (
        "INSERT INTO api_keys (user_id, name, scope, prefix, digest, created_at) "
        "VALUES ({user}, '{name}', 'read', 'huntarr_x', '{name}', '2026-11-23 12:00:00')"
    )
    for name in ("kept", "deleted"):
        written(database_url, insert.format(user=1, name=name))
    written(database_url, "DELETE FROM api_keys WHERE name = 'deleted'")
    command.upgrade(config, "0013")
    written(database_url, insert.format(user="NULL", name="new"))
    assert rows(database_url, "SELECT id, user_id, name FROM api_keys ORDER BY id") == [
        (1, 1, "kept"),
        (3, None, "new"),
    ]
    command.downgrade(config, "0012")
    assert rows(database_url, "SELECT id, name FROM api_keys") == [(1, "kept")]
    command.upgrade(config, "head")
    written(database_url, insert.format(user="NULL", name="newest"))
    assert rows(database_url, "SELECT max(id) FROM api_keys") == [(4,)]


def test_a_difference_would_be_found(database_url: str) -> None:
    written(database_url, "DROP INDEX ix_searches_instance")
    with pytest.raises(Exception, match="New upgrade operations detected"):
        command.check(alembic_config(database_url))


def test_it_says_whether_there_was_anything_to_do(database_url: str, tmp_path: Path) -> None:
    config = settings_of(database_url, tmp_path)
    assert asyncio.run(migrate(config)) is False
    command.downgrade(alembic_config(database_url), "base")
    assert asyncio.run(migrate(config)) is True
    assert asyncio.run(migrate(config)) is False


def test_processes_that_migrate_at_once_do_not_disturb_each_other(database_url: str, tmp_path: Path) -> None:
    command.downgrade(alembic_config(database_url), "base")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUNTARR_")}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "app", "migrate"],
            env={**clean, "HUNTARR_DATA_DIR": str(tmp_path / folder), "HUNTARR_DATABASE_URL": database_url},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in ("same", "same", "other")
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    command.check(alembic_config(database_url))


BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{newest}"


def upgrade() -> None:
    op.create_table("half_made", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE users SET username = 'nobody'")
    op.execute("SELECT 1 FROM nowhere")
"""


def test_a_migration_that_fails_changes_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "alembic"
    shutil.copytree(revisions.folder(), broken)
    (broken / "versions" / "9999_broken.py").write_text(BROKEN.format(newest=newest_revision()))
    monkeypatch.setattr(revisions, "SOURCE", broken)
    before = tables(database_url)
    with pytest.raises(StartFailed, match=r"The database cannot be upgraded to this version's schema: .*nowhere.*\.$"):
        asyncio.run(migrate(settings_of(database_url, tmp_path)))
    assert tables(database_url) == before
    monkeypatch.undo()
    assert asyncio.run(migrate(settings_of(database_url, tmp_path))) is False


def test_a_newer_database_is_refused_with_a_sentence(database_url: str, tmp_path: Path) -> None:
    written(database_url, "UPDATE alembic_version SET version_num = '9999'")
    before = tables(database_url)
    with pytest.raises(StartFailed, match=r"a newer Huntarr used it\.$"):
        asyncio.run(migrate(settings_of(database_url, tmp_path)))
    assert tables(database_url) == before

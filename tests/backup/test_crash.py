"""A restore that is interrupted by an error, a cancellation or SIGKILL changes nothing."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from app.backup.folder import BackupFolder
from app.backup.quiesce import HuntingQuiesce
from app.backup.schemas import BackupIn
from app.core.db import Database
from app.core.errors import Conflict, Unavailable
from app.counters.models import StatDay
from tests.backup.contents import OWNER, Dump, dump, fill, restored
from tests.support.rig import Rig, open_rig

pytestmark = [pytest.mark.process, pytest.mark.asyncio, pytest.mark.storage]

TRIP = {
    "sqlite": ["CREATE TRIGGER trip BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'the power is gone'); END"],
    "postgresql": [
        "CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the power is gone'; END $$",
        "CREATE TRIGGER trip BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION trip()",
    ],
}


async def two_states(rig: Rig) -> tuple[str, Dump, Dump]:
    """The file name of a backup, the present content of the database, and the content of the backup."""
    await fill(rig.container.infra.db)
    made = await rig.container.backups.service.create(BackupIn(), OWNER)
    saved = await seen(rig.container.infra.db)
    async with rig.container.infra.db.session() as session:
        connection = await session.connection()
        await connection.execute(text("DELETE FROM hunt_skips"))
        await connection.execute(text("UPDATE instances SET name = 'another'"))
    return made.filename, await seen(rig.container.infra.db), saved


async def seen(db: Database) -> Dump:
    """Without what the pause of a restore writes, and the fence that it raises."""
    found = await dump(db, but=("hunt_states.fence",))
    return {name: rows for name, rows in found.items() if name != "settings"}


async def test_an_error_in_the_middle_changes_nothing(rig: Rig) -> None:
    filename, before, _ = await two_states(rig)
    async with rig.container.infra.db.session() as session:
        for statement in TRIP["sqlite" if rig.container.infra.db.is_sqlite else "postgresql"]:
            await (await session.connection()).exec_driver_sql(statement)
    with pytest.raises(Conflict, match="the table ledger"):
        await restored(rig, filename)
    assert await seen(rig.container.infra.db) == before
    assert not (await rig.container.settings.general()).hunting_paused
    folder = rig.config.data_dir / "backups"
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".work")]
    async with rig.container.infra.db.session() as session:
        on = "" if rig.container.infra.db.is_sqlite else " ON ledger"
        await (await session.connection()).exec_driver_sql(f"DROP TRIGGER trip{on}")
    await restored(rig, filename)
    assert await seen(rig.container.infra.db) != before


async def test_a_cancelled_restore_changes_nothing(rig: Rig) -> None:
    """It is cancelled while it waits for a hunt."""
    filename, before, _ = await two_states(rig)
    await rig.container.infra.redis.set("huntarr:lease:1", "somebody", px=60_000)
    restore = asyncio.create_task(restored(rig, filename))
    while not (await rig.container.settings.general()).hunting_paused:  # noqa: ASYNC110 - a row says so, no event
        await asyncio.sleep(0.01)
    with pytest.raises(Conflict, match="Another restore"):
        await restored(rig, filename)
    with pytest.raises(Conflict, match="being restored"):
        await rig.container.backups.service.delete(filename)
    restore.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restore
    assert await seen(rig.container.infra.db) == before
    assert not (await rig.container.settings.general()).hunting_paused


@pytest.mark.parametrize("delay", [0.0, 0.4, 1.0])
async def test_sigkill_leaves_one_of_the_two_states(rig: Rig, redis_url: str, tmp_path: Path, delay: float) -> None:
    """The signal comes after the `pre_restore` backup is on disk, during or after the transaction."""
    filename, _, saved = await two_states(rig)
    days = [StatDay(day=f"d{number}", app_type="sonarr", instance_id=number) for number in range(3000)]
    async with rig.container.infra.db.session() as session:
        session.add_all(days)
    before = await seen(rig.container.infra.db)
    command = [
        sys.executable,
        "-m",
        "tests.backup.restoring",
        rig.config.database,
        redis_url,
        str(tmp_path),
        filename,
    ]
    process = subprocess.Popen(command)  # noqa: ASYNC220, S603 - our own program
    folder = tmp_path / "backups"
    deadline = time.monotonic() + 40
    while not list(folder.glob("huntarr-pre_restore-*")) and process.poll() is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    await asyncio.sleep(delay)
    process.kill()
    process.wait(10)
    after = await seen(rig.container.infra.db)
    assert after in (before, saved)
    assert [path.name for path in folder.glob("huntarr-pre_restore-*")], "what was there is kept, whatever came of it"
    rig.clock.forward(minutes=20)
    assert not (await rig.container.settings.general()).hunting_paused
    await restored(rig, filename)
    assert await seen(rig.container.infra.db) == saved


async def test_without_redis_nothing_is_restored(rig: Rig, tmp_path: Path) -> None:
    filename, before, _ = await two_states(rig)
    async with open_rig(rig.config.database, f"unix://{tmp_path / 'nobody.sock'}", tmp_path) as deaf:
        with pytest.raises(Unavailable, match="Redis is not available"):
            await restored(deaf, filename)
    assert await seen(rig.container.infra.db) == before
    assert not (await rig.container.settings.general()).hunting_paused


async def test_it_waits_for_hunts_but_not_for_ever(rig: Rig) -> None:
    instance = await rig.add(rig.sonarr())
    asked = 0

    async def held(ids: object) -> set[int]:
        nonlocal asked
        asked += 1
        assert (await rig.container.settings.general()).hunting_paused
        return {instance.id} if asked < 3 else set()

    async with HuntingQuiesce(rig.container.infra.db, rig.container.settings, held).paused():
        assert asked == 3

    async def always(ids: object) -> set[int]:
        return {instance.id}

    async with HuntingQuiesce(rig.container.infra.db, rig.container.settings, always, wait_seconds=0).paused():
        pass


async def test_a_pause_of_the_user_is_left_alone(rig: Rig) -> None:
    await rig.container.settings.pause(None)

    async def nobody(ids: object) -> set[int]:
        raise OSError("gone")

    with pytest.raises(Unavailable):
        await HuntingQuiesce(rig.container.infra.db, rig.container.settings, nobody).paused().__aenter__()
    assert (await rig.container.settings.general()).hunting_paused


async def test_working_directories_of_killed_processes_are_removed(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backups")
    with folder.workdir() as mine:
        dead = mine.with_name(".work-dead")
        dead.mkdir()
        for place in (dead, mine):
            old = time.time() - 3600
            (place / "backup.zip").write_bytes(b"half")
            os.utime(place, (old, old))
        with folder.workdir():
            assert mine.exists(), "its owner lives"
            assert not dead.exists()
    assert not mine.exists()

"""A backup restores exactly what was saved, from either database into either, while others write."""

import asyncio
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from app.arr.models import AppType
from app.auth.models import Audit
from app.backup.folder import BackupFolder
from app.backup.manifest import BackupKind, DatabaseKind
from app.backup.reading import read_manifest
from app.backup.schemas import BackupIn
from app.core.errors import Unavailable
from app.core.revisions import newest_revision
from app.counters.models import StatTotal
from app.hunting.store.models import Hunt, HuntState, HuntStatus
from app.instances.access import stored_access
from app.instances.models import Instance
from app.instances.schemas import InstancePatch
from app.settings.models import SettingsSection
from app.tables import METADATA
from tests.backup.contents import OWNER, PASSPHRASE, dump, fill, imported, last_ids, restored
from tests.support import stores
from tests.support.rig import SECRET, START, Rig, open_rig

pytestmark = [pytest.mark.asyncio, pytest.mark.process]

FENCE = ("hunt_states.fence",)


async def made(rig: Rig, **given: Any) -> Path:
    row = await rig.container.backups.service.create(BackupIn(**given), OWNER)
    return await rig.container.backups.service.path_of(row.filename)


async def test_sqlite_to_postgresql_and_back(
    rig: Rig, postgres: stores.Postgres, sqlite_template: stores.SqliteTemplate, redis_url: str, tmp_path: Path
) -> None:
    await fill(rig.container.infra.db)
    before = await dump(rig.container.infra.db, but=FENCE)
    assert all(len(rows) >= 20 or name == "users" for name, rows in before.items()), {
        name: len(rows) for name, rows in before.items()
    }
    first = await made(rig)
    for name in ("there", "back"):
        (tmp_path / name).mkdir()
    with postgres.copy() as there, sqlite_template.copy(tmp_path / "back") as back:
        async with open_rig(there, redis_url, tmp_path / "there") as second:
            filename = (await imported(second.container.backups.service, first)).filename
            await restored(second, filename)
            assert await dump(second.container.infra.db, but=FENCE) == before
            [again, *_] = [row for row in await second.container.backups.service.all() if row.filename == filename]
            assert again.database is DatabaseKind.SQLITE
            second_file = await made(second)
            assert read_manifest(second_file).database is DatabaseKind.POSTGRESQL
            ids = await last_ids(second.container.infra.db)
        async with open_rig(back, redis_url, tmp_path / "back") as third:
            filename = (await imported(third.container.backups.service, second_file)).filename
            await restored(third, filename)
            assert await dump(third.container.infra.db, but=FENCE) == before
            now = await last_ids(third.container.infra.db)
    given = {
        name: value for name, value in ids.items() if METADATA.tables[name].dialect_options["sqlite"]["autoincrement"]
    }
    assert {name: now[name] for name in given} == given


@pytest.mark.storage
async def test_a_restore_brings_back_what_was_there(rig: Rig) -> None:
    await fill(rig.container.infra.db)
    before = await dump(rig.container.infra.db, but=FENCE)
    path = await made(rig, note="ünïcode")
    async with rig.container.infra.db.session() as session:
        connection = await session.connection()
        await connection.execute(text("DELETE FROM ledger"))
        await connection.execute(text("UPDATE instances SET name = 'another'"))
        session.add(Audit(at=START, action="kept", address=""))
        session.add(SettingsSection(name="new", stored={}, updated_at=START))
    other = await dump(rig.container.infra.db, but=FENCE)
    assert other != before
    done = await restored(rig, path.name)
    assert done.restored.note == "ünïcode"
    assert done.before.kind is BackupKind.PRE_RESTORE
    assert await dump(rig.container.infra.db, but=FENCE) == before
    async with rig.container.infra.db.reading() as session:
        assert [row.action for row in (await session.exec(select(Audit))).all()] == ["kept"]
    await restored(rig, done.before.filename)
    without = {
        name: rows for name, rows in (await dump(rig.container.infra.db, but=FENCE)).items() if name != "settings"
    }
    assert without == {name: rows for name, rows in other.items() if name != "settings"}


@pytest.mark.storage
async def test_ids_go_on_from_the_highest_that_was_ever_given(rig: Rig) -> None:
    path = await made(rig)
    first = await rig.add(rig.sonarr())
    await restored(rig, path.name)
    second = await rig.add(rig.sonarr())
    assert second.id > first.id


@pytest.mark.storage
async def test_a_backup_is_one_moment_while_others_write(rig: Rig) -> None:
    """Two numbers whose sum never changes, in the first and the last row of a table that is read in many steps."""
    rows = [StatTotal(app_type="sonarr", instance_id=number, hunted=500) for number in range(3000)]
    async with rig.container.infra.db.session() as session:
        session.add_all(rows)
    is_over = False
    moves = 0
    has_moved = asyncio.Event()

    async def move() -> None:
        nonlocal moves
        while not is_over:
            async with rig.container.infra.db.session() as session:
                for number, by in ((0, 1), (2999, -1)):
                    row = await session.get_one(StatTotal, ("sonarr", number))
                    row.hunted += by
                    session.add(row)
            moves += 1
            has_moved.set()

    writer = asyncio.create_task(move())
    await has_moved.wait()
    paths = [await made(rig) for _ in range(3)]
    is_over = True
    await writer
    assert moves > 3
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            lines = [json.loads(line) for line in archive.read("tables/stat_totals.ndjson").splitlines()]
        assert lines[0]["hunted"] + lines[-1]["hunted"] == 1000


@pytest.mark.storage
async def test_what_the_manifest_says(rig: Rig) -> None:
    instance = await rig.add(rig.sonarr())
    path = await made(rig, note="before the update")
    said = read_manifest(path)
    assert (said.kind, said.note, said.schema_revision) == (BackupKind.MANUAL, "before the update", newest_revision())
    assert said.created_at == START
    assert said.counts["instances"] == 1
    assert said.last_ids["instances"] == instance.id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing is left of the work"
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert SECRET.encode() not in content
    assert rig.apps[instance.id].settings.api_key.encode() not in content


@pytest.mark.storage
async def test_a_passphrase_carries_secrets_to_another_key(
    rig: Rig, sqlite_template: stores.SqliteTemplate, redis_url: str, tmp_path: Path
) -> None:
    app = rig.sonarr()
    instance = await rig.add(app)
    headers = {"X-Door": "secret of the proxy"}
    await rig.container.instances.update(AppType.SONARR, instance.id, InstancePatch(headers=headers))
    path = await made(rig, passphrase=PASSPHRASE)
    (tmp_path / "other").mkdir()
    with sqlite_template.copy(tmp_path / "other") as url:
        async with open_rig(url, redis_url, tmp_path / "other", secret="o" * 40) as other:
            filename = (await imported(other.container.backups.service, path)).filename
            await restored(other, filename, PASSPHRASE)
            other.apps[instance.id] = app
            async with other.container.infra.db.reading() as session:
                row = await session.get_one(Instance, instance.id)
            assert stored_access(row, other.container.infra.box).headers == headers
            assert (await other.hunt(instance)).status == "completed"
        async with open_rig(url, redis_url, tmp_path / "other", secret="o" * 40) as again:
            assert len(await again.container.instances.all()) == 1


@pytest.mark.storage
async def test_running_hunts_of_a_backup_go_on_as_after_a_crash(rig: Rig) -> None:
    instance = await rig.add(rig.sonarr())
    async with rig.container.infra.db.session() as session:
        session.add(
            Hunt(
                instance_id=instance.id,
                instance_name="TV",
                app_type="sonarr",
                trigger="manual",
                status="running",
                passes=["missing"],
                queued_at=START,
                started_at=START,
            )
        )
    path = await made(rig)
    rig.clock.forward(days=3)
    await restored(rig, path.name)
    await rig.container.hunting.dispatcher.reconcile()
    await rig.work()
    async with rig.container.infra.db.reading() as session:
        assert [hunt.status for hunt in (await session.exec(select(Hunt))).all()] == [HuntStatus.COMPLETED]


@pytest.mark.storage
async def test_whoever_hunts_during_a_restore_writes_nothing_afterwards(rig: Rig) -> None:
    instance = await rig.add(rig.sonarr())
    path = await made(rig)
    async with rig.container.infra.db.session() as session:
        state = await session.get_one(HuntState, instance.id)
        state.fence = held = 41
        session.add(state)
    await restored(rig, path.name)
    async with rig.container.infra.db.reading() as session:
        assert (await session.get_one(HuntState, instance.id)).fence > held


async def test_an_unusable_folder_is_an_error(rig: Rig) -> None:
    folder = rig.config.data_dir / "backups"
    folder.write_text("in the way")
    with pytest.raises(Unavailable, match="folder of the backups"):
        await made(rig)
    assert BackupFolder(folder).files() == []

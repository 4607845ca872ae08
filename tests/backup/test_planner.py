"""Scheduled backups: each is made once, over all workers and after crashes, and none at the first start."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.backup.manifest import BackupKind
from app.backup.models import BackupPlan
from app.backup.schemas import BackupIn
from app.settings.general import GeneralIn
from tests.backup.contents import OWNER, restored
from tests.support.rig import Rig, open_rig
from worker import ticks

pytestmark = pytest.mark.asyncio


async def tick(rig: Rig) -> None:
    await ticks.start_due_backups(rig.container)


async def kinds(rig: Rig) -> list[BackupKind]:
    return [row.kind for row in await rig.container.backups.service.all()]


async def plan(rig: Rig) -> BackupPlan:
    async with rig.container.infra.db.reading() as session:
        return (await session.exec(select(BackupPlan))).one()


async def change(rig: Rig, **given: Any) -> None:
    await rig.container.settings.update_general(GeneralIn.model_validate(given))


@pytest.mark.storage
async def test_one_backup_a_day_however_many_workers_tick(rig: Rig) -> None:
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [], "nothing was due before there was a plan"
    rig.clock.forward(hours=15, minutes=29)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == []
    for day in (1, 2):
        rig.clock.forward(minutes=2)
        await asyncio.gather(*(tick(rig) for _ in range(5)))
        await asyncio.gather(*(rig.container.backups.planner.run() for _ in range(3)), rig.work())
        await tick(rig)
        await rig.work()
        assert await kinds(rig) == [BackupKind.SCHEDULED] * day
        rig.clock.forward(hours=23, minutes=58)
    assert ticks.start_due_backups in {tick.task for tick in ticks.TICKS}


async def test_what_is_missed_is_made_up_for_an_hour(rig: Rig) -> None:
    await tick(rig)
    rig.clock.forward(hours=16, minutes=29)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]
    rig.clock.forward(days=3, hours=1)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]
    assert (await plan(rig)).due_at is None


async def test_other_settings_count_from_now_on(rig: Rig) -> None:
    await tick(rig)
    await change(rig, backup_cron="0 11 * * *")
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [], "eleven was an hour ago, under another rule"
    await change(rig, timezone="Asia/Tokyo", backup_cron="5 21 * * *")  # it is 21:00 there
    await tick(rig)
    rig.clock.forward(minutes=6)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]
    await change(rig, backup_enabled=False)
    await tick(rig)
    rig.clock.forward(days=1)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]


@pytest.mark.storage
async def test_a_backup_whose_worker_died_is_made_by_another(rig: Rig) -> None:
    await due(rig)
    async with rig.container.infra.db.session() as session:
        row = (await session.exec(select(BackupPlan))).one()
        row.claimed_at, row.attempts = rig.clock.now, 1
        session.add(row)
    await rig.container.infra.redis.flushall()
    await rig.container.backups.planner.run()
    assert await kinds(rig) == [], "somebody is at it"
    rig.clock.forward(minutes=2)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]
    assert (await plan(rig)).due_at is None


async def due(rig: Rig) -> None:
    await tick(rig)
    rig.clock.forward(hours=15, minutes=31)
    await tick(rig)


async def test_a_backup_whose_row_was_not_updated_is_not_made_again(rig: Rig) -> None:
    await due(rig)
    await rig.container.backups.service.create_scheduled()
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]
    assert (await plan(rig)).due_at is None


async def test_a_failing_backup_is_tried_again_and_given_up(rig: Rig) -> None:
    folder = rig.config.data_dir / "backups"
    folder.write_text("in the way")
    await due(rig)
    for attempts in (1, 2, 3):
        await rig.work()
        assert (await plan(rig)).attempts == attempts
        rig.clock.forward(minutes=2)
        await tick(rig)
    await rig.work()
    assert (await plan(rig)).due_at is None
    folder.unlink()
    rig.clock.forward(days=1)
    await tick(rig)
    await rig.work()
    assert await kinds(rig) == [BackupKind.SCHEDULED]


async def test_the_plan_is_this_installations_own(rig: Rig) -> None:
    """A restore neither brings back what was due long ago nor forgets what is due now."""
    made = await rig.container.backups.service.create(BackupIn(), OWNER)
    await due(rig)
    before = await plan(rig)
    await restored(rig, made.filename)
    assert await plan(rig) == before


@asynccontextmanager
async def in_folder(rig: Rig, redis_url: str, folder: Path) -> AsyncIterator[Rig]:
    await asyncio.to_thread(folder.mkdir)
    async with open_rig(rig.config.database, redis_url, folder) as other:
        other.clock.now = rig.clock.now
        yield other


@pytest.mark.storage
async def test_retention_counts_each_kind(rig: Rig) -> None:
    await change(rig, backup_retention=2)
    backups = rig.container.backups.service
    by_hand = rig.config.data_dir / "backups" / "mine.zip"
    names = []
    for _ in range(4):
        rig.clock.forward(minutes=1)
        names.append((await backups.create(BackupIn(), OWNER)).filename)
        await backups.create_scheduled()
        if not by_hand.exists():
            by_hand.write_bytes((await backups.path_of(names[0])).read_bytes())
    rows = await backups.all()
    assert [row.filename for row in rows if row.kind is BackupKind.MANUAL] == names[:1:-1]
    assert sorted(row.kind for row in rows) == ["manual"] * 2 + ["scheduled"] * 2 + ["uploaded"]


async def test_retention_spares_the_one_that_is_restored(rig: Rig, redis_url: str) -> None:
    await change(rig, backup_retention=1)
    backups = rig.container.backups.service
    first = await backups.create(BackupIn(), OWNER)
    rig.clock.forward(minutes=1)
    done = await restored(rig, first.filename)
    rig.clock.forward(minutes=1)
    again = await restored(rig, done.before.filename)
    assert {row.filename for row in await backups.all()} == {
        first.filename,
        done.before.filename,
        again.before.filename,
    }
    async with in_folder(rig, redis_url, rig.config.data_dir / "elsewhere") as other:
        assert await other.container.backups.service.all() == [], "a backup lives where it was made"

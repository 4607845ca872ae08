"""One row that cannot be read does not stop the others; it is passed over and told in the log."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col
from structlog.testing import capture_logs

from app.instances.models import Instance
from app.schedules.models import Schedule
from tests.schedules.scheduling import fired, hunts_of, runs_of, scheduled
from tests.support.rig import Rig
from worker import ticks

pytestmark = [pytest.mark.asyncio, pytest.mark.storage]


@pytest.mark.parametrize(
    "unreadable",
    [{"app_type": "winamp"}, {"overrides": {"interval_minutes": 0}}, {"overrides": {"windows": 1}}],
)
async def test_automatic_hunts_go_on_beside_an_unreadable_instance(rig: Rig, unreadable: dict[str, Any]) -> None:
    broken, good = await rig.add(rig.sonarr()), await rig.add(rig.sonarr(url_base="/2"))
    async with rig.container.infra.db.session() as session:
        await session.exec(update(Instance).where(col(Instance.id) == broken.id).values(**unreadable))
    rig.clock.forward(hours=1)
    for minutes in (0, 1):
        rig.clock.forward(minutes=minutes)
        with capture_logs() as lines:
            await ticks.start_due_hunts(rig.container)
        told = [line["instance_id"] for line in lines if line["event"].startswith("instance not hunted")]
        assert told == ([broken.id] if minutes == 0 else []), "once, and not at every tick"
    assert [hunt.instance_id for hunt in await hunts_of(rig)] == [good.id]


@pytest.mark.parametrize("unreadable", [{"cron": "every day"}, {"timezone": "Mars/Base"}, {"cron": None}])
async def test_schedules_go_on_beside_an_unreadable_one(rig: Rig, unreadable: dict[str, Any]) -> None:
    broken, good = await scheduled(rig), await scheduled(rig)
    async with rig.container.infra.db.session() as session:
        await session.exec(update(Schedule).where(col(Schedule.id) == broken.id).values(**unreadable))
    rig.clock.forward(hours=1)
    with capture_logs() as lines:
        await fired(rig)
    assert [line["schedule_id"] for line in lines if line["event"].startswith("schedule not run")] == [broken.id]
    assert await runs_of(rig, broken.id) == []
    assert len(await runs_of(rig, good.id)) == 1

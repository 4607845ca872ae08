"""Creates schedules and reads their runs; and a runner that can die at any step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlmodel import col, select

from app.actions.actions import ActionRequests, ActionServices
from app.core.bells import Bells
from app.core.queue import ArqQueue
from app.core.row_counts import RowCounts
from app.hunting.dispatcher import HuntDispatcher
from app.hunting.service import HuntService
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.lease import Leases
from app.hunting.store.models import Hunt
from app.hunting.store.timetable import HuntTimetable
from app.instances.service import InstanceService
from app.instances.tester import ConnectionTester
from app.schedules.models import ScheduleRun
from app.schedules.runner import ScheduleRunner
from app.schedules.schemas import ScheduleIn, ScheduleOut
from tests.hunting.crashes import Step, SteppingDatabase
from tests.simulator import LibrarySpec
from tests.support.rig import Rig


async def scheduled(rig: Rig, action: str = "resume", **given: Any) -> ScheduleOut:
    """A schedule; by default every hour on the hour."""
    if not {"cron", "time", "interval_minutes"} & set(given):
        given["cron"] = "0 * * * *"
    made = ScheduleIn.model_validate({"name": "S", "action": action, **given})
    return await rig.container.schedules.service.create(made)


async def runs_of(rig: Rig, schedule_id: int | None = None) -> list[ScheduleRun]:
    """Oldest first."""
    query = select(ScheduleRun).order_by(col(ScheduleRun.id))
    if schedule_id is not None:
        query = query.where(ScheduleRun.schedule_id == schedule_id)
    async with rig.container.infra.db.reading() as session:
        return list((await session.exec(query)).all())


async def hunts_of(rig: Rig) -> list[Hunt]:
    async with rig.container.infra.db.reading() as session:
        return list((await session.exec(select(Hunt).order_by(col(Hunt.id)))).all())


async def fired(rig: Rig) -> list[ScheduleRun]:
    """Fire due schedules and let a real worker execute the runs; all runs."""
    await rig.container.schedules.runner.fire_due()
    await rig.work()
    return await runs_of(rig)


async def instance(rig: Rig, **given: Any) -> int:
    library = LibrarySpec.with_missing(5)
    return (await rig.add(rig.radarr(library, url_base=f"/{len(rig.apps)}"), **given)).id


@asynccontextmanager
async def stepping_runner(rig: Rig, step: Step) -> AsyncIterator[ScheduleRunner]:
    """A runner like that of another process. `step` is called around every unit of work."""
    made = rig.container
    db = SteppingDatabase(rig.config.database, step)
    queue = ArqQueue(made.infra.redis, Bells())
    leases, broadcaster = Leases(made.infra.redis, seconds=5), HuntBroadcaster(db, made.events.bus)
    dispatcher = HuntDispatcher(db, queue, made.settings, leases, broadcaster, rig.clock)
    hunts = HuntService(db, dispatcher, broadcaster, RowCounts(), rig.clock)
    tester = ConnectionTester(queue, made.infra.http, made.settings)
    instances = InstanceService(db, made.infra.box, made.settings, tester, HuntTimetable(rig.clock), rig.clock)
    movies = made.movie_hunt.searches.request_missing
    requests = ActionRequests(made.backups.planner.request, made.swaparr.service.run_all, movies)
    actions = ActionServices(hunts, instances, made.settings, requests)
    try:
        yield ScheduleRunner(db, queue, made.settings, actions, rig.clock)
    finally:
        await db.close()

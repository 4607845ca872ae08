"""Hunts as callers see them: start, list, read, wait for and cancel."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import and_, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.core.queue import RUN_HUNT, SETTLE, Queue
from app.core.schemas import Page
from app.hunting.lease import Leases
from app.hunting.models import OPEN, Hunt, HuntStatus, Outcome, Search, Skip, Trigger
from app.hunting.policy import Reason
from app.hunting.schemas import HuntDetailOut, HuntIn, HuntItemOut, HuntOut
from app.instances.models import Instance, InstanceState

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.2
DUE_AT_ONCE = 1000
RING_AFTER = timedelta(seconds=30)
RING_ANEW = timedelta(minutes=1)
SETTLE_AFTER = timedelta(minutes=2)


class HuntService:
    """Writes the row first and rings the queue after; what is not heard is rung again by `ring`."""

    def __init__(self, db: Database, queue: Queue, clock: Clock, leases: Leases) -> None:
        self._db = db
        self._queue = queue
        self._clock = clock
        self._leases = leases

    async def start(self, given: HuntIn) -> list[HuntOut]:
        """Queue a hunt for each target; one that is open already is returned instead of a second one."""
        async with self._db.session() as session:
            targets = await self._targets(session, given)
            hunts = [await self._open(session, one, Trigger.MANUAL, given) for one in targets]
        for hunt in hunts:
            await self._ring(hunt)
        return [HuntOut.model_validate(hunt) for hunt in hunts]

    async def start_due(self) -> int:
        """Queue the automatic hunts whose time has come; how many."""
        now = self._clock()
        async with self._db.reading() as session:
            due = (await session.exec(_due(now))).all()
        if not due:
            return 0
        async with self._db.session() as session:
            # Read again: several workers tick at the same time, and only one may be first.
            found = (await session.exec(_due(now).with_for_update(skip_locked=True))).all()
            hunts = [await self._open(session, one, Trigger.INTERVAL, HuntIn()) for one, _ in found]
            for _, state in found:
                state.next_hunt_at = None  # the hunt sets the next one when it starts
                session.add(state)
        for hunt in hunts:
            await self._ring(hunt)
        return len(hunts)

    async def page(
        self, *, instance_id: int | None, app_type: AppType | None, status: HuntStatus | None, page: int, page_size: int
    ) -> Page[HuntOut]:
        query, count = select(Hunt), select(func.count()).select_from(Hunt)
        for column, value in ((Hunt.instance_id, instance_id), (Hunt.app_type, app_type), (Hunt.status, status)):
            if value is not None:
                query, count = query.where(col(column) == value), count.where(col(column) == value)
        query = query.order_by(col(Hunt.id).desc()).offset((page - 1) * page_size).limit(page_size)
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
            total = (await session.exec(count)).one()
        items = [HuntOut.model_validate(row) for row in rows]
        return Page[HuntOut](items=items, total=total, page=page, page_size=page_size)

    async def get(self, hunt_id: int) -> HuntDetailOut:
        async with self._db.reading() as session:
            hunt = await session.get(Hunt, hunt_id)
            if hunt is None:
                raise NotFound(f"There is no hunt with the id {hunt_id}.")
            searches = await session.exec(select(Search).where(Search.hunt_id == hunt_id).order_by(col(Search.id)))
            skips = await session.exec(select(Skip).where(Skip.hunt_id == hunt_id).order_by(col(Skip.id)))
            items = [_searched(row) for row in searches.all()] + [_skipped(row) for row in skips.all()]
        return HuntDetailOut.model_validate({**HuntOut.model_validate(hunt).model_dump(), "items": items})

    async def wait(self, hunts: Sequence[HuntOut], seconds: float) -> list[HuntOut]:
        """The same hunts when all have ended, or when the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        ids = [hunt.id for hunt in hunts]
        while True:
            async with self._db.reading() as session:
                rows = (await session.exec(select(Hunt).where(col(Hunt.id).in_(ids)).order_by(col(Hunt.id)))).all()
            if all(row.status not in OPEN for row in rows) or loop.time() >= deadline:
                return [HuntOut.model_validate(row) for row in rows]
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, deadline - loop.time())))

    async def cancel(self, hunt_id: int) -> HuntOut:
        """A queued hunt never starts; a running one stops before its next search."""
        async with self._db.session() as session:
            hunt = await session.get(Hunt, hunt_id, with_for_update=True)
            if hunt is None:
                raise NotFound(f"There is no hunt with the id {hunt_id}.")
            if hunt.status not in OPEN:
                raise Conflict(f"The hunt is over: {hunt.status}.")
            hunt.cancel_requested = True
            if hunt.status == HuntStatus.QUEUED:
                hunt.status, hunt.reason = HuntStatus.CANCELLED.value, "cancelled"
                hunt.message, hunt.ended_at = "It was cancelled before it began.", self._clock()
            session.add(hunt)
        return HuntOut.model_validate(hunt)

    async def reconcile(self) -> None:
        """Ring for hunts that nobody works on: their ring was lost, or their worker died."""
        before = self._clock() - RING_AFTER
        lost = and_(col(Hunt.status) == HuntStatus.QUEUED.value, col(Hunt.queued_at) < before)
        query = select(Hunt).where(or_(lost, col(Hunt.status) == HuntStatus.RUNNING.value)).order_by(col(Hunt.id))
        async with self._db.reading() as session:
            hunts = (await session.exec(query)).all()
        held = await self._leases.held([hunt.instance_id for hunt in hunts if hunt.instance_id is not None])
        for hunt in hunts:
            if hunt.instance_id not in held:
                await self._ring(hunt)

    async def ring_unsettled(self) -> None:
        """Ring for instances whose searches no hunt waits for any more."""
        before = self._clock() - SETTLE_AFTER
        busy = select(Hunt.instance_id).where(col(Hunt.status).in_(OPEN), col(Hunt.instance_id).is_not(None))
        query = (
            select(Search.instance_id)
            .where(col(Search.outcome).in_([Outcome.SENDING.value, Outcome.PENDING.value]))
            .where(col(Search.instance_id).is_not(None), col(Search.instance_id).not_in(busy))
            .where(col(Search.searched_at) < before)
            .distinct()
        )
        async with self._db.reading() as session:
            waiting = (await session.exec(query)).all()
        for instance_id in waiting:
            if instance_id is not None:
                await self._queue.enqueue(SETTLE, instance_id, job_id=f"settle:{instance_id}")

    async def _targets(self, session: AsyncSession, given: HuntIn) -> list[Instance]:
        query = select(Instance).order_by(col(Instance.id))
        if given.instance_id is not None:
            query = query.where(Instance.id == given.instance_id)
        if given.app_type is not None:
            query = query.where(Instance.app_type == given.app_type)
        found = (await session.exec(query)).all()
        if not found:
            raise NotFound("No instance fits.")
        enabled = [one for one in found if one.enabled]
        if not enabled:
            raise Conflict("The instance is disabled." if len(found) == 1 else "All these instances are disabled.")
        return enabled

    async def _open(self, session: AsyncSession, instance: Instance, trigger: Trigger, given: HuntIn) -> Hunt:
        found = await _open_hunt(session, instance)
        if found is not None:
            return found
        hunt = Hunt(
            instance_id=instance.id, instance_name=instance.name, app_type=instance.app_type, trigger=trigger.value,
            passes=[one.value for one in given.passes or HuntPass], limit=given.limit, dry_run=given.dry_run,
            queued_at=self._clock(),
        )  # fmt: skip
        try:
            async with session.begin_nested():
                session.add(hunt)
                await session.flush()
        except IntegrityError:  # on PostgreSQL a twin call may be quicker than our look
            found = await _open_hunt(session, instance)
            if found is None:
                raise
            return found
        return hunt

    async def _ring(self, hunt: Hunt) -> None:
        """A new id for every attempt and minute: arq locks the id of a killed worker's job for half an hour."""
        bucket = int((self._clock() - hunt.queued_at) / RING_ANEW)
        await self._queue.enqueue(RUN_HUNT, hunt.id or 0, job_id=f"hunt:{hunt.id}:{hunt.attempts}:{bucket}")


async def _open_hunt(session: AsyncSession, instance: Instance) -> Hunt | None:
    query = select(Hunt).where(Hunt.instance_id == instance.id, col(Hunt.status).in_(OPEN))
    return (await session.exec(query)).first()


def _due(now: datetime):  # type: ignore[no-untyped-def]
    return (
        select(Instance, InstanceState)
        .join(InstanceState)
        .where(col(Instance.enabled).is_(True), col(InstanceState.next_hunt_at) <= now)
        .order_by(col(InstanceState.next_hunt_at))
        .limit(DUE_AT_ONCE)
    )


def _searched(row: Search) -> HuntItemOut:
    return HuntItemOut(
        hunt_pass=HuntPass(row.hunt_pass), media_key=row.media_key, unit=row.unit, title=row.title,
        decision=Reason.SEARCH, until=None, picked=row.picked, search_id=row.id, outcome=Outcome(row.outcome),
        message=row.message, command_id=row.command_id, searched_at=row.searched_at,
    )  # fmt: skip


def _skipped(row: Skip) -> HuntItemOut:
    return HuntItemOut(
        hunt_pass=HuntPass(row.hunt_pass), media_key=row.media_key, unit=row.unit, title=row.title,
        decision=Reason(row.reason), until=row.until, picked=None, search_id=None, outcome=None, message=None,
        command_id=None, searched_at=None,
    )  # fmt: skip

"""Queues hunts and follow-ups: the row is written first, the job is enqueued after the commit."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.queue import FOLLOW_UP, RUN_HUNT, Queue, try_enqueue
from app.hunting.schemas import HuntIn
from app.hunting.store.clock_skew import ahead, clamp_future, is_ahead
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.lease import Leases
from app.hunting.store.models import OPEN, Hunt, HuntState, HuntStatus, Trigger
from app.hunting.store.timetable import interval
from app.instances.models import Instance, InstanceState
from app.settings.hunting import effective
from app.settings.service import SettingsService

DUE_AT_ONCE = 1000
ENQUEUE_AGAIN_AFTER = timedelta(seconds=30)
UNREADABLE_AGAIN_AFTER = timedelta(hours=1)
"""An instance whose row cannot be read is looked at again then; each time it is said."""

log = structlog.get_logger(__name__)


class HuntDispatcher:
    """Queues what callers ask for and what is due; a job that was lost is enqueued again by `reconcile`."""

    def __init__(
        self,
        db: Database,
        queue: Queue,
        settings: SettingsService,
        leases: Leases,
        broadcaster: HuntBroadcaster,
        clock: Clock,
    ) -> None:
        self._db = db
        self._queue = queue
        self._settings = settings
        self._leases = leases
        self._broadcaster = broadcaster
        self._clock = clock

    async def require(self) -> None:
        """`Unavailable` when there is no Redis."""
        await self._queue.require()

    async def open(
        self, session: AsyncSession, instances: Sequence[Instance], trigger: Trigger, given: HuntIn
    ) -> list[Hunt]:
        """The open hunt of each instance; where there was none, a new one. The index `ux_hunts_open` decides."""
        now = self._clock()
        fresh = [
            Hunt(
                instance_id=instance.id,
                instance_name=instance.name,
                app_type=instance.app_type,
                trigger=trigger.value,
                passes=[hunt_pass.value for hunt_pass in given.passes or HuntPass],
                limit=given.limit,
                dry_run=given.dry_run,
                queued_at=now,
            ).model_dump(exclude={"id"})
            for instance in instances
        ]
        await upsert(session, Hunt, fresh, key=())
        ids = [instance.id for instance in instances]
        query = select(Hunt).where(col(Hunt.instance_id).in_(ids), col(Hunt.status).in_(OPEN))
        return list((await session.exec(query.order_by(col(Hunt.instance_id)))).all())

    async def enqueue(self, hunts: Sequence[Hunt]) -> None:
        """Enqueue the jobs of hunts whose rows are committed."""
        now = self._clock()
        for hunt in hunts:
            key, age = f"hunt:{hunt.id}:{hunt.attempts}", now - hunt.queued_at
            if not await try_enqueue(self._queue, RUN_HUNT, hunt.id or 0, key=key, age=age):
                return

    async def start_due(self) -> int:
        """Queue the automatic hunts that are due; returns how many. A clock that was set back is noticed here."""
        now = self._clock()
        async with self._db.reading() as session:
            due = (await session.exec(_due(now))).all()
        if not due:
            return 0
        async with self._db.session() as session:
            # Read again: several workers tick at the same time, and only one may queue the hunt.
            found = (await session.exec(_due(now).with_for_update(skip_locked=True))).all()
            defaults = await self._settings.all_hunting_defaults(session)
            ready = []
            for instance, state, hunt_state in found:
                every = _interval_of(instance, defaults)
                if every is None:
                    hunt_state.next_hunt_at = now + UNREADABLE_AGAIN_AFTER
                elif is_ahead(state, hunt_state, now):
                    await clamp_future(session, state, hunt_state, now, every)
                else:
                    # Set again when the hunt starts; this holds if it never does.
                    hunt_state.next_hunt_at = now + every
                    ready.append(instance)
            hunts = await self.open(session, ready, Trigger.INTERVAL, HuntIn())
        await self.enqueue(hunts)
        await self._broadcaster.queue_changed()
        return len(hunts)

    async def next_due_at(self) -> datetime | None:
        """When the first automatic hunt is due; in the past where one waits already."""
        enabled = select(Instance.id).where(col(Instance.enabled).is_(True))
        query = select(func.min(HuntState.next_hunt_at)).where(col(HuntState.instance_id).in_(enabled))
        async with self._db.glance() as session:
            return (await session.exec(query)).one()

    async def reconcile(self, *, after: timedelta = ENQUEUE_AGAIN_AFTER) -> bool:
        """Enqueue hunts that nobody works on: their job was lost, or their worker died. Whether any is open.

        `after`: how long a hunt has been queued whose job may be lost.
        """
        now = self._clock()
        query = select(Hunt).where(col(Hunt.status).in_(OPEN)).order_by(col(Hunt.id))
        async with self._db.glance() as session:
            found = (await session.exec(query)).all()
        # A hunt that was queued later than now waits too: the clock was set back.
        hunts = [hunt for hunt in found if hunt.status == HuntStatus.RUNNING or not now - after < hunt.queued_at <= now]
        held = await self._leases.held([hunt.instance_id for hunt in hunts if hunt.instance_id is not None])
        await self.enqueue([hunt for hunt in hunts if hunt.instance_id not in held])
        return bool(found)

    async def enqueue_follow_ups(self) -> None:
        """Enqueue the follow-ups that are due, of instances without an open hunt."""
        now = self._clock()
        busy = select(Hunt.instance_id).where(col(Hunt.status).in_(OPEN), col(Hunt.instance_id).is_not(None))
        due, rest_until = col(HuntState.follow_up_at), col(InstanceState.rest_until)
        query = (
            select(HuntState.instance_id, HuntState.follow_up_at)
            .join(Instance)
            .join(InstanceState)
            .where(col(Instance.enabled).is_(True), col(HuntState.instance_id).not_in(busy))
            .where(or_(due.is_(None), due <= now), or_(rest_until.is_(None), rest_until <= now))
            .limit(DUE_AT_ONCE)
        )
        async with self._db.glance() as session:
            waiting = (await session.exec(query)).all()
        for instance_id, due_at in waiting:
            key = f"follow-up:{instance_id}:{int(due_at.timestamp()) if due_at is not None else 0}"
            age = now - (due_at or now)
            if not await try_enqueue(self._queue, FOLLOW_UP, instance_id, key=key, age=age):
                return


def _interval_of(instance: Instance, defaults: Mapping[AppType, dict[str, Any]]) -> timedelta | None:
    """How often the instance is hunted; `None` when its row cannot be read, which must not stop the others."""
    try:
        return interval(effective(defaults[AppType(instance.app_type)], instance.overrides))
    except (KeyError, ValueError, TypeError) as wrong:
        log.error(
            "instance not hunted: its settings cannot be read",
            instance_id=instance.id,
            instance=instance.name,
            error=type(wrong).__name__,
        )
        return None


def _due(now: datetime):  # type: ignore[no-untyped-def]
    """Instances whose hunt is due, and those with something recorded that happened later than now."""
    return (
        select(Instance, InstanceState, HuntState)
        .join(InstanceState)
        .join(HuntState)
        .where(col(Instance.enabled).is_(True), or_(col(HuntState.next_hunt_at) <= now, ahead(now)))
        .order_by(col(HuntState.next_hunt_at))
        .limit(DUE_AT_ONCE)
    )

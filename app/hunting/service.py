"""Hunts as callers see them: start, list, read, wait for and cancel."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.errors import Conflict, NotFound
from app.core.queue import FOLLOW_UP, RUN_HUNT, Queue, try_enqueue
from app.core.row_counts import RowCounts
from app.core.schemas import Page
from app.counters.rollup import count_hunt
from app.hunting.filters import HuntFilter
from app.hunting.schemas import HuntDetailOut, HuntIn, HuntItemOut, HuntOut
from app.hunting.selection.policy import Reason
from app.hunting.store.clock_skew import ahead, clamp_future, is_ahead
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.lease import Leases
from app.hunting.store.models import OPEN, Hunt, HuntState, HuntStatus, Outcome, Search, Skip, Trigger
from app.hunting.store.reasons import HuntReason
from app.hunting.store.timetable import interval
from app.instances.models import Instance, InstanceState
from app.settings.hunting import effective
from app.settings.service import SettingsService

POLL_SECONDS = 0.2
DUE_AT_ONCE = 1000
ENQUEUE_AGAIN_AFTER = timedelta(seconds=30)


class HuntService:
    """Writes the row first and rings the queue after; what is not heard is rung again by `reconcile`."""

    def __init__(
        self,
        db: Database,
        queue: Queue,
        settings: SettingsService,
        totals: RowCounts,
        leases: Leases,
        ticker: HuntBroadcaster,
        clock: Clock,
    ) -> None:
        self._db = db
        self._queue = queue
        self._settings = settings
        self._totals = totals
        self._leases = leases
        self._ticker = ticker
        self._clock = clock
        self._is_ending = False

    def end_waits(self) -> None:
        """Whoever waits for the end of a hunt is answered now: the process ends."""
        self._is_ending = True

    async def start(
        self, given: HuntIn, *, trigger: Trigger = Trigger.MANUAL, wait_seconds: float = 0
    ) -> list[HuntOut]:
        """Queue a hunt for each target, or take the one that is open already; without Redis nothing is written."""
        await self._queue.require()
        async with self._db.session() as session:
            targets = await self._targets(session, given)
            hunts = await self._open(session, targets, trigger, given)
        await self._enqueue(hunts)
        await self._ticker.queue_changed()
        return await self._wait([hunt.id or 0 for hunt in hunts], wait_seconds)

    async def start_due(self) -> int:
        """Queue the automatic hunts whose time has come; how many. It is also where a clock set back is noticed."""
        now = self._clock()
        async with self._db.reading() as session:
            due = (await session.exec(_due(now))).all()
        if not due:
            return 0
        async with self._db.session() as session:
            # Read again: several workers tick at the same time, and only one may be first.
            found = (await session.exec(_due(now).with_for_update(skip_locked=True))).all()
            defaults = await self._settings.all_hunting_defaults(session)
            ready = []
            for instance, state, hunt_state in found:
                every = interval(effective(defaults[AppType(instance.app_type)], instance.overrides))
                if is_ahead(state, hunt_state, now):
                    await clamp_future(session, state, hunt_state, now, every)
                else:
                    # The hunt counts anew from its start; this holds if it never comes to that.
                    hunt_state.next_hunt_at = now + every
                    ready.append(instance)
            hunts = await self._open(session, ready, Trigger.INTERVAL, HuntIn())
        await self._enqueue(hunts)
        await self._ticker.queue_changed()
        return len(hunts)

    async def page(self, wanted: HuntFilter, *, page: int, page_size: int) -> Page[HuntOut]:
        """Runs, newest first."""
        query = select(Hunt).order_by(col(Hunt.id).desc())
        async with self._db.reading() as session:
            rows, total = await self._totals.page(session, query, Hunt, wanted, page=page, page_size=page_size)
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
                hunt.status, hunt.reason = HuntStatus.CANCELLED.value, HuntReason.CANCELLED.value
                hunt.message, hunt.ended_at = "It was cancelled before it began.", self._clock()
                if hunt.instance_id is not None:
                    await count_hunt(session, hunt.app_type, hunt.instance_id, hunt.status, hunt.took_seconds)
            session.add(hunt)
        return HuntOut.model_validate(hunt)

    async def reconcile(self) -> None:
        """Ring for hunts that nobody works on: their ring was lost, or their worker died."""
        now = self._clock()
        # Also what was queued later than now: the clock was set back.
        waits = or_(col(Hunt.queued_at) < now - ENQUEUE_AGAIN_AFTER, col(Hunt.queued_at) > now)
        lost = and_(col(Hunt.status) == HuntStatus.QUEUED.value, waits)
        query = select(Hunt).where(or_(lost, col(Hunt.status) == HuntStatus.RUNNING.value)).order_by(col(Hunt.id))
        async with self._db.reading() as session:
            hunts = (await session.exec(query)).all()
        held = await self._leases.held([hunt.instance_id for hunt in hunts if hunt.instance_id is not None])
        await self._enqueue([hunt for hunt in hunts if hunt.instance_id not in held])

    async def ring_follow_ups(self) -> None:
        """Ring for instances that are to be looked after between their hunts."""
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
        async with self._db.reading() as session:
            waiting = (await session.exec(query)).all()
        for instance_id, due_at in waiting:
            key = f"follow-up:{instance_id}:{int(due_at.timestamp()) if due_at is not None else 0}"
            age = now - (due_at or now)
            if not await try_enqueue(self._queue, FOLLOW_UP, instance_id, key=key, age=age):
                return

    async def _wait(self, hunt_ids: Sequence[int], seconds: float) -> list[HuntOut]:
        """The hunts when all have ended, or when the time is over, or ours is."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        query = select(Hunt).where(col(Hunt.id).in_(hunt_ids)).order_by(col(Hunt.id))
        while True:
            async with self._db.reading() as session:
                rows = (await session.exec(query)).all()
            if self._is_ending or loop.time() >= deadline or all(row.status not in OPEN for row in rows):
                return [HuntOut.model_validate(row) for row in rows]
            await asyncio.sleep(min(POLL_SECONDS, max(0.0, deadline - loop.time())))

    async def _targets(self, session: AsyncSession, given: HuntIn) -> list[Instance]:
        query = select(Instance).order_by(col(Instance.id))
        if given.instance_id is not None:
            query = query.where(Instance.id == given.instance_id)
        if given.app_type is not None:
            query = query.where(Instance.app_type == given.app_type)
        found = (await session.exec(query)).all()
        if not found:
            kind = given.app_type or "instance"
            which = "" if given.instance_id is None else f" with the id {given.instance_id}"
            raise NotFound(f"There is no {kind}{which}.")
        enabled = [one for one in found if one.enabled]
        if not enabled:
            which = "The instance is" if len(found) == 1 else "All these instances are"
            raise Conflict(f"{which} disabled: enable one to hunt.")
        return enabled

    async def _open(
        self, session: AsyncSession, instances: Sequence[Instance], trigger: Trigger, given: HuntIn
    ) -> list[Hunt]:
        """The open hunt of each instance; where there was none, a new one. The index `ux_hunts_open` decides."""
        now = self._clock()
        fresh = [
            Hunt(
                instance_id=one.id,
                instance_name=one.name,
                app_type=one.app_type,
                trigger=trigger.value,
                passes=[each.value for each in given.passes or HuntPass],
                limit=given.limit,
                dry_run=given.dry_run,
                queued_at=now,
            ).model_dump(exclude={"id"})
            for one in instances
        ]
        await upsert(session, Hunt, fresh, key=())
        ids = [one.id for one in instances]
        query = select(Hunt).where(col(Hunt.instance_id).in_(ids), col(Hunt.status).in_(OPEN))
        return list((await session.exec(query.order_by(col(Hunt.instance_id)))).all())

    async def _enqueue(self, hunts: Sequence[Hunt]) -> None:
        now = self._clock()
        for hunt in hunts:
            key, age = f"hunt:{hunt.id}:{hunt.attempts}", now - hunt.queued_at
            if not await try_enqueue(self._queue, RUN_HUNT, hunt.id or 0, key=key, age=age):
                return


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


def _searched(row: Search) -> HuntItemOut:
    return HuntItemOut(
        hunt_pass=HuntPass(row.hunt_pass),
        media_key=row.media_key,
        unit=row.unit,
        title=row.title,
        decision=Reason.SEARCH,
        until=None,
        picked=row.picked,
        search_id=row.id,
        outcome=Outcome(row.outcome),
        message=row.message,
        command_id=row.command_id,
        searched_at=row.searched_at,
        release_title=row.release_title,
    )


def _skipped(row: Skip) -> HuntItemOut:
    return HuntItemOut(
        hunt_pass=HuntPass(row.hunt_pass),
        media_key=row.media_key,
        unit=row.unit,
        title=row.title,
        decision=Reason(row.reason),
        until=row.until,
        picked=None,
        search_id=None,
        outcome=None,
        message=None,
        command_id=None,
        searched_at=None,
        release_title=None,
    )

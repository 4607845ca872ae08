"""Hunts as callers see them: start, list, read, wait for and cancel."""

import asyncio
from collections.abc import Sequence

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.arr.registry import REGISTRY
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.core.pagination import is_deep
from app.core.row_counts import RowCounts
from app.core.schemas import Page
from app.counters.rollup import count_hunt
from app.hunting.dispatcher import HuntDispatcher
from app.hunting.filters import HuntFilter
from app.hunting.schemas import HuntDetailOut, HuntIn, HuntItemOut, HuntOut
from app.hunting.selection.policy import Reason
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.models import OPEN, Hunt, HuntState, HuntStatus, Outcome, Search, Skip, Trigger
from app.hunting.store.reasons import HuntReason
from app.instances.models import Instance

POLL_SECONDS = 0.2


class HuntService:
    """The hunts of all instances."""

    def __init__(
        self,
        db: Database,
        dispatcher: HuntDispatcher,
        broadcaster: HuntBroadcaster,
        row_counts: RowCounts,
        clock: Clock,
    ) -> None:
        self._db = db
        self._dispatcher = dispatcher
        self._broadcaster = broadcaster
        self._row_counts = row_counts
        self._clock = clock
        self._is_ending = False

    def end_waits(self) -> None:
        """Answer now all calls that wait for the end of a hunt: the process ends."""
        self._is_ending = True

    async def start(
        self, given: HuntIn, *, trigger: Trigger = Trigger.MANUAL, wait_seconds: float = 0
    ) -> list[HuntOut]:
        """Queue a hunt for each target, or take the one that is open already.

        `Unavailable` without Redis; then nothing is written.
        """
        await self._dispatcher.require()
        async with self._db.session() as session:
            targets = await self._targets(session, given)
            hunts = await self._dispatcher.open(session, targets, trigger, given)
        await self._dispatcher.enqueue(hunts)
        await self._broadcaster.queue_changed()
        return await self._wait([hunt.id or 0 for hunt in hunts], wait_seconds)

    async def page(self, wanted: HuntFilter, *, page: int, page_size: int) -> Page[HuntOut]:
        """Runs, newest first."""
        query = select(Hunt).order_by(col(Hunt.id).desc())
        async with self._db.reading(is_heavy=is_deep(page, page_size)) as session:
            rows, total = await self._row_counts.page(session, query, Hunt, wanted, page=page, page_size=page_size)
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
        return HuntOut.model_validate(hunt)

    async def _wait(self, hunt_ids: Sequence[int], seconds: float) -> list[HuntOut]:
        """The hunts when all have ended, the time is over, or the process ends."""
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
        query = select(Instance, HuntState.instance_id).outerjoin(HuntState).order_by(col(Instance.id))
        if given.instance_id is not None:
            query = query.where(Instance.id == given.instance_id)
        if given.app_type is not None:
            query = query.where(Instance.app_type == given.app_type)
        found = (await session.exec(query)).all()
        if not found:
            kind = given.app_type or "instance"
            which = "" if given.instance_id is None else f" with the id {given.instance_id}"
            raise NotFound(f"There is no {kind}{which}.")
        hunting = [instance for instance, hunting_id in found if hunting_id is not None]
        if not hunting:
            labels = sorted({REGISTRY[AppType(instance.app_type)].label for instance, _ in found})
            raise Conflict(f"Huntarr does not hunt in {' or '.join(labels)}.")
        enabled = [instance for instance in hunting if instance.enabled]
        if not enabled:
            which = "The instance is" if len(hunting) == 1 else "All these instances are"
            raise Conflict(f"{which} disabled: enable one to hunt.")
        return enabled


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
        grabs=len(row.releases),
        release_titles=row.releases,
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
        grabs=0,
        release_titles=[],
    )

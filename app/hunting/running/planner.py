"""The plan: the next hunt without its searches. The same gates, the same reads, the same decisions as the hunt."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.arr.errors import ArrError
from app.arr.models import AppType, HuntPass
from app.arr.registry import REGISTRY
from app.hunting.running.context import App, RunningServices
from app.hunting.running.evidence import has_no_indexers
from app.hunting.running.gates import (
    before_network,
    by_filters,
    by_queue,
    queue_unreadable,
    warnings_of,
    without_indexers,
)
from app.hunting.schemas import PlanItemOut, PlanOut, PlanPassOut
from app.hunting.selection.app_reader import AppReader
from app.hunting.selection.policy import Allowance, Reason
from app.hunting.selection.selector import Selection, shown_singly
from app.hunting.selection.wanted import Pager
from app.hunting.store.budgets import budget_gate
from app.hunting.store.cap_entries import used_caps
from app.hunting.store.item_states import last_changes
from app.hunting.store.models import HuntState, Trigger
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.instances.models import InstanceState
from app.settings.hunting import HuntingSettings

KEPT_FOR = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class PlanStart:
    """What is known before the app is asked."""

    now: datetime
    app: App
    hunting: HuntingSettings
    closed: EarlyEnd | None
    left: Allowance
    """What the caps and the budget of the indexers still allow."""
    warnings: Sequence[str]
    next_hunt_at: datetime | None
    marks: tuple[Any, ...]
    """What changes with every hunt, look at the history, search and reset."""

    def is_as(self, earlier: "PlanStart") -> bool:
        """Whether what Huntarr knows is as it was a moment ago."""
        return abs(self.now - earlier.now) < KEPT_FOR and replace(self, now=earlier.now) == earlier


@dataclass(slots=True)
class PlanDraft:
    """A plan in the making; `requests` counts those of the hunt, which asks for status and health first."""

    closed: EarlyEnd | None
    left: Allowance
    requests: int = 2
    passes: list[PlanPassOut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, hunt_pass: HuntPass, selection: Selection, pager: Pager) -> None:
        self.passes.append(_shown(hunt_pass, selection))
        self.requests += pager.requests + selection.requests
        if hunt_pass is HuntPass.CUTOFF and any(choice.before is None for choice in selection.selected):
            self.requests += 1  # the hunt asks what they have now
        self.left = self.left.less(selection.units)


class Planner:
    """Answers what the next hunt of an instance would do; writes nothing and searches nothing."""

    def __init__(self, services: RunningServices) -> None:
        self._services = services
        self._locks: dict[int, asyncio.Lock] = {}
        self._kept: dict[int, tuple[PlanStart, PlanOut]] = {}

    async def plan(self, instance_id: int) -> PlanOut:
        """`NotFound` for an unknown instance; an app that cannot be asked is said in the plan, not raised.

        A plan is kept for some seconds: whoever asks again, or at the same time, costs the app nothing.
        """
        start = await self._start(instance_id)
        async with self._locks.setdefault(instance_id, asyncio.Lock()):
            kept = self._kept.get(instance_id)
            if kept is None or not start.is_as(kept[0]):
                kept = self._kept[instance_id] = (start, await self._made(instance_id, start))
        return kept[1]

    async def _made(self, instance_id: int, start: PlanStart) -> PlanOut:
        draft = PlanDraft(closed=start.closed, left=start.left, warnings=list(start.warnings))
        try:
            app = start.app if start.app.is_known else (await start.app.identified(self._services.http))[0]
            if await has_no_indexers(app.client(self._services.http)):
                draft.closed = draft.closed or without_indexers()
        except ArrError as failure:
            draft.closed = draft.closed or EarlyEnd(HuntReason.OFFLINE, failure.message)
        else:
            reader = self._services.reader(app, start.hunting, instance_id, start.now, pretends=True)
            await self._select(start, reader, draft)
        searches = sum(each.searches for each in draft.passes)
        return PlanOut(
            instance_id=instance_id,
            would_run=draft.closed is None,
            reason=draft.closed and draft.closed.reason,
            message=draft.closed and draft.closed.message,
            next_hunt_at=start.next_hunt_at,
            passes=draft.passes,
            warnings=draft.warnings,
            searches=searches,
            units=sum(item.units for each in draft.passes for item in each.items if item.picked),
            requests=draft.requests + searches,
        )

    async def _start(self, instance_id: int) -> PlanStart:
        services, now = self._services, self._services.clock()
        async with services.db.reading() as session:
            instance = await services.instances.require_hunting(session, instance_id)
            state = await session.get_one(InstanceState, instance_id)
            hunt_state = await session.get_one(HuntState, instance_id)
            hunting = await services.instances.hunting(session, instance)
            general = await services.settings.general_in(session)
            used = await used_caps(session, instance_id, hunting, now)
            budget = await budget_gate(session, instance_id, now)
            marks = (hunt_state.fence, hunt_state.reset_at, await last_changes(session, instance_id))
        closed = before_network(
            general, hunting, state, used, budget, enabled=instance.enabled, trigger=Trigger.INTERVAL, now=now
        )
        return PlanStart(
            now=now,
            hunting=hunting,
            closed=closed,
            left=Allowance(used.left).and_at_most(budget.units_left(now), Reason.BUDGET),
            warnings=budget.warnings,
            app=App.of(AppType(instance.app_type), services.instances.connection(instance, general, hunting), state),
            next_hunt_at=hunt_state.next_hunt_at if instance.enabled else None,
            marks=marks,
        )

    async def _select(self, start: PlanStart, reader: AppReader, draft: PlanDraft) -> None:
        """The queue and every pass, also when a gate is closed: the decisions are worth seeing all the same."""
        try:
            queue = await reader.queue()
        except ArrError as failure:
            unusable = EarlyEnd(HuntReason.OFFLINE, failure.message) if failure.ends_all else queue_unreadable(failure)
            draft.closed = draft.closed or unusable
            return
        draft.requests += queue.total is not None
        draft.closed = draft.closed or by_queue(start.hunting, queue)
        is_closed = await self._check_filters(start, reader, draft)
        for hunt_pass in HuntPass:
            batch = start.hunting.of(hunt_pass).batch
            refusal = reader.refusal(hunt_pass) or is_closed
            if batch == 0 or refusal is not None:
                draft.passes.append(_nothing(hunt_pass, error=refusal))
                continue
            try:
                found = await reader.select(hunt_pass, queue=queue, batch=batch, left=draft.left)
            except ArrError as failure:
                draft.passes.append(_nothing(hunt_pass, error=failure.message))
                draft.requests += 1
                continue
            draft.add(hunt_pass, *found)

    async def _check_filters(self, start: PlanStart, reader: AppReader, draft: PlanDraft) -> str | None:
        """Why no pass may run; `None` when it is known what must not be searched."""
        app_name = REGISTRY[start.app.app_type].label
        try:
            filters = await reader.filters()
        except ArrError as failure:
            return failure.message
        draft.warnings += warnings_of(filters, app_name)
        closed = by_filters(filters, app_name)
        draft.closed = draft.closed or closed
        return None if closed is None else closed.message


def _nothing(hunt_pass: HuntPass, error: str | None = None) -> PlanPassOut:
    return PlanPassOut(hunt_pass=hunt_pass, total=None, unseen=0, decisions={}, searches=0, items=[], error=error)


def _shown(hunt_pass: HuntPass, selection: Selection) -> PlanPassOut:
    picked = {choice.candidate.key: choice.picked for choice in selection.selected}
    items = [
        PlanItemOut(
            media_key=item.candidate.key,
            unit=item.candidate.unit,
            title=item.candidate.title,
            decision=item.decision.reason,
            until=item.decision.until,
            picked=picked.get(item.candidate.key),
            units=item.candidate.units,
        )
        for item in shown_singly(selection.evaluated)
    ]
    counts = Counter(item.decision.reason.value for item in selection.evaluated)
    return PlanPassOut(
        hunt_pass=hunt_pass,
        total=selection.total,
        unseen=selection.unseen,
        decisions=dict(counts),
        searches=len(selection.selected),
        items=items,
        error=None,
    )

"""The plan: the next hunt without its searches. The same gates, the same reads, the same decisions as the hunt."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import AppDatabase, AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.running.claims import App
from app.hunting.running.gates import before_network, by_queue, queue_unreadable
from app.hunting.schemas import PlanItemOut, PlanOut, PlanPassOut
from app.hunting.selection.app_reader import AppReader, ReadTarget, SelectionServices
from app.hunting.selection.selector import Selection
from app.hunting.selection.wanted import Pager
from app.hunting.store.models import HuntState, Trigger
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.hunting.store.searches import SearchStore
from app.instances.models import InstanceState
from app.instances.service import InstanceService
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class Outset:
    """What a plan begins with."""

    now: datetime
    app: App
    hunting: HuntingSettings
    closed: EarlyEnd | None
    left: int | None
    next_hunt_at: datetime | None


@dataclass(slots=True)
class PlanDraft:
    """A plan in the making; `requests` counts those of the hunt, which asks the app for its status first."""

    closed: EarlyEnd | None
    left: int | None
    requests: int = 1
    passes: list[PlanPassOut] = field(default_factory=list)

    def add(self, hunt_pass: HuntPass, selection: Selection, pager: Pager) -> None:
        self.passes.append(_shown(hunt_pass, selection))
        self.requests += pager.requests + selection.requests
        if hunt_pass is HuntPass.CUTOFF and any(choice.before is None for choice in selection.selected):
            self.requests += 1  # the hunt asks what they have now
        if self.left is not None:
            self.left -= selection.units


class Planner:
    """Answers what the next hunt of an instance would do; writes nothing and searches nothing."""

    def __init__(
        self,
        db: Database,
        http: ArrHttp,
        instances: InstanceService,
        settings: SettingsService,
        ledger: SearchStore,
        selection: SelectionServices,
        clock: Clock,
        *,
        rng: Callable[[], random.Random] = random.Random,
    ) -> None:
        self._db = db
        self._http = http
        self._instances = instances
        self._settings = settings
        self._ledger = ledger
        self._selection = selection
        self._clock = clock
        self._rng = rng

    async def plan(self, instance_id: int) -> PlanOut:
        """`NotFound` for an unknown instance; an app that cannot be asked is said in the plan, not raised."""
        outset = await self._outset(instance_id)
        draft = PlanDraft(closed=outset.closed, left=outset.left)
        try:
            app = outset.app if outset.app.is_known else (await outset.app.identified(self._http))[0]
        except ArrError as failure:
            draft.closed = draft.closed or EarlyEnd(HuntReason.OFFLINE, failure.message)
        else:
            client, database = app.client(self._http), app.database or AppDatabase.SQLITE
            target = ReadTarget(instance_id, client, app.connection.url, database, outset.hunting)
            survey = AppReader(target, self._selection, now=outset.now, rng=self._rng(), pretends=True)
            await self._look(outset, survey, draft)
        searches = sum(one.searches for one in draft.passes)
        return PlanOut(
            instance_id=instance_id,
            would_run=draft.closed is None,
            reason=draft.closed and draft.closed.reason,
            message=draft.closed and draft.closed.message,
            next_hunt_at=outset.next_hunt_at,
            passes=draft.passes,
            searches=searches,
            units=sum(item.units for one in draft.passes for item in one.items if item.picked),
            requests=draft.requests + searches,
        )

    async def _outset(self, instance_id: int) -> Outset:
        """All that is known before the app is asked, as of one moment."""
        now = self._clock()
        async with self._db.reading() as session:
            instance = await self._instances.require(session, instance_id)
            state = await session.get_one(InstanceState, instance_id)
            hunt_state = await session.get_one(HuntState, instance_id)
            hunting = await self._instances.hunting(session, instance)
            general = await self._settings.general_in(session)
            used = await self._ledger.caps(session, instance_id, hunting)
        closed = before_network(
            general, hunting, state, used, enabled=instance.enabled, trigger=Trigger.INTERVAL, now=now
        )
        return Outset(
            now=now,
            hunting=hunting,
            closed=closed,
            left=used.left,
            app=App.of(AppType(instance.app_type), self._instances.connection(instance, general, hunting), state),
            next_hunt_at=hunt_state.next_hunt_at if instance.enabled else None,
        )

    async def _look(self, outset: Outset, survey: AppReader, draft: PlanDraft) -> None:
        """The queue and every pass, also when a gate is closed: the decisions are worth seeing all the same."""
        try:
            queue = await survey.queue()
        except ArrError as failure:
            draft.closed = draft.closed or queue_unreadable(failure)
            return
        draft.requests += queue.total is not None
        draft.closed = draft.closed or by_queue(outset.hunting, queue)
        for hunt_pass in HuntPass:
            batch = outset.hunting.of(hunt_pass).batch
            refusal = survey.refusal(hunt_pass)
            if batch == 0 or refusal is not None:
                draft.passes.append(_nothing(hunt_pass, error=refusal))
                continue
            try:
                found = await survey.select(hunt_pass, queue=queue, batch=batch, left=draft.left)
            except ArrError as failure:
                draft.passes.append(_nothing(hunt_pass, error=failure.message))
                draft.requests += 1
                continue
            draft.add(hunt_pass, *found)


def _nothing(hunt_pass: HuntPass, error: str | None = None) -> PlanPassOut:
    return PlanPassOut(hunt_pass=hunt_pass, total=None, searches=0, items=[], error=error)


def _shown(hunt_pass: HuntPass, selection: Selection) -> PlanPassOut:
    picked = {choice.candidate.key: choice.picked for choice in selection.selected}
    items = [
        PlanItemOut(
            media_key=one.candidate.key,
            unit=one.candidate.unit,
            title=one.candidate.title,
            decision=one.decision.reason,
            until=one.decision.until,
            picked=picked.get(one.candidate.key),
            units=one.candidate.units,
        )
        for one in selection.evaluated
    ]
    return PlanPassOut(
        hunt_pass=hunt_pass, total=selection.total, searches=len(selection.selected), items=items, error=None
    )

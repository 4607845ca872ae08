"""The plan: the next hunt without its searches. The same gates, the same reads, the same decisions as the hunt."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection, HuntPass
from app.arr.models import Database as AppDatabase
from app.arr.registry import make_client
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.gates import Closed, before_network, by_queue
from app.hunting.ledger import HuntLedger
from app.hunting.models import Trigger
from app.hunting.schemas import PlanItemOut, PlanOut, PlanPassOut
from app.hunting.selection import Selection
from app.hunting.survey import Lexicon, Survey
from app.hunting.wanted import WantedWalk
from app.instances.models import InstanceState
from app.instances.service import InstanceService
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class Outset:
    """What a plan begins with; `database` is `None` until the app was asked for the first time."""

    now: datetime
    app_type: AppType
    connection: Connection
    hunting: HuntingSettings
    closed: Closed | None
    left: int | None
    database: AppDatabase | None
    next_hunt_at: datetime | None


@dataclass(slots=True)
class Draft:
    """A plan in the making; `requests` counts those of the hunt, which asks the app for its status first."""

    closed: Closed | None
    left: int | None
    requests: int = 1
    passes: list[PlanPassOut] = field(default_factory=list)

    def add(self, hunt_pass: HuntPass, selection: Selection, walk: WantedWalk) -> None:
        self.passes.append(_shown(hunt_pass, selection))
        self.requests += walk.requests + selection.looks
        if self.left is not None:
            self.left -= len(selection.choices)


class Planner:
    """Answers what the next hunt of an instance would do; writes nothing and searches nothing."""

    def __init__(
        self,
        db: Database,
        http: ArrHttp,
        instances: InstanceService,
        settings: SettingsService,
        ledger: HuntLedger,
        clock: Clock,
        *,
        rng: Callable[[], random.Random] = random.Random,
    ) -> None:
        self._db = db
        self._http = http
        self._instances = instances
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._rng = rng
        self._lexicon = Lexicon()

    async def plan(self, instance_id: int) -> PlanOut:
        """`NotFound` for an unknown instance; an app that cannot be asked is said in the plan, not raised."""
        outset = await self._outset(instance_id)
        client = make_client(outset.app_type, self._http, outset.connection)
        survey = Survey(
            client, self._ledger, self._lexicon, outset.hunting,
            instance_id=instance_id, now=outset.now, rng=self._rng(),
        )  # fmt: skip
        draft = Draft(closed=outset.closed, left=outset.left)
        try:
            database = outset.database or (await client.status()).database
        except ArrError as failure:
            draft.closed = draft.closed or Closed("offline", failure.message)
        else:
            await self._look(outset, survey, database, draft)
        searches = sum(one.searches for one in draft.passes)
        return PlanOut(
            instance_id=instance_id, would_run=draft.closed is None, reason=draft.closed and draft.closed.reason,
            message=draft.closed and draft.closed.message, next_hunt_at=outset.next_hunt_at, passes=draft.passes,
            searches=searches, requests=draft.requests + searches,
        )  # fmt: skip

    async def _outset(self, instance_id: int) -> Outset:
        """All that is known before the app is asked, as of one moment."""
        now = self._clock()
        async with self._db.reading() as session:
            instance = await self._instances.require(session, instance_id)
            state = await session.get_one(InstanceState, instance_id)
            hunting = await self._instances.hunting(session, instance)
            general = await self._settings.general_in(session)
            used = await self._ledger.caps(session, instance_id, hunting)
        closed = before_network(
            general, hunting, state, used, enabled=instance.enabled, trigger=Trigger.INTERVAL, now=now
        )
        return Outset(
            now=now, app_type=AppType(instance.app_type), hunting=hunting, closed=closed, left=used.left,
            connection=self._instances.connection(instance, general, hunting),
            database=AppDatabase(state.database) if state.database else None,
            next_hunt_at=state.next_hunt_at if instance.enabled else None,
        )  # fmt: skip

    async def _look(self, outset: Outset, survey: Survey, database: AppDatabase, draft: Draft) -> None:
        """The queue and every pass, also when a gate is closed: the decisions are worth seeing all the same."""
        try:
            queue = await survey.queue()
        except ArrError as failure:
            draft.closed = draft.closed or Closed("queue_unreadable", f"The queue could not be read: {failure.message}")
            return
        draft.requests += queue.total is not None
        draft.closed = draft.closed or by_queue(outset.hunting, queue)
        for hunt_pass in HuntPass:
            batch = outset.hunting.of(hunt_pass).batch
            if batch == 0:
                draft.passes.append(_nothing(hunt_pass))
                continue
            try:
                found = await survey.select(hunt_pass, database=database, queue=queue, batch=batch, left=draft.left)
            except ArrError as failure:
                draft.passes.append(_nothing(hunt_pass, error=failure.message))
                draft.requests += 1
                continue
            draft.add(hunt_pass, *found)


def _nothing(hunt_pass: HuntPass, error: str | None = None) -> PlanPassOut:
    return PlanPassOut(hunt_pass=hunt_pass, total=None, searches=0, items=[], error=error)


def _shown(hunt_pass: HuntPass, selection: Selection) -> PlanPassOut:
    picked = {choice.candidate.key: choice.picked for choice in selection.choices}
    items = [
        PlanItemOut(
            media_key=one.candidate.key,
            unit=one.candidate.unit,
            title=one.candidate.title,
            decision=one.decision.reason,
            until=one.decision.until,
            picked=picked.get(one.candidate.key),
        )
        for one in selection.judged
    ]
    return PlanPassOut(
        hunt_pass=hunt_pass, total=selection.total, searches=len(selection.choices), items=items, error=None
    )

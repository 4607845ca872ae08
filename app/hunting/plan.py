"""The plan: the next hunt without its searches. The same gates, the same reads, the same decisions as the hunt."""

import random
from collections.abc import Callable

from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import AppType, HuntPass
from app.arr.models import Database as AppDatabase
from app.arr.registry import make_client
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.gates import Closed, before_network, by_queue
from app.hunting.ledger import HuntLedger
from app.hunting.models import Trigger
from app.hunting.schemas import PlanItemOut, PlanOut, PlanPassOut
from app.hunting.selection import Selection
from app.hunting.survey import Lexicon, QueueFacts, Survey
from app.instances.models import InstanceState
from app.instances.service import InstanceService
from app.settings.service import SettingsService


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
        client = make_client(
            AppType(instance.app_type), self._http, self._instances.connection(instance, general, hunting)
        )
        survey = Survey(client, self._ledger, self._lexicon, hunting, instance_id=instance_id, now=now, rng=self._rng())
        requests, database, queue = 1, AppDatabase(state.database or AppDatabase.SQLITE), QueueFacts()
        passes: list[PlanPassOut] = []
        try:
            if state.database is None:
                database = (await client.status()).database
            queue = await survey.queue()
            closed = closed or by_queue(hunting, queue)
            requests += queue.total is not None
        except ArrError as failure:
            closed = closed or Closed("offline", failure.message)
        else:
            left = used.left
            for hunt_pass in HuntPass:
                found, cost = await self._pass(survey, hunt_pass, database, queue, hunting.of(hunt_pass).batch, left)
                left = None if left is None else left - found.searches
                requests += cost
                passes.append(found)
        searches = sum(one.searches for one in passes)
        return PlanOut(
            instance_id=instance_id, would_run=closed is None, reason=closed.reason if closed else None,
            message=closed.message if closed else None, next_hunt_at=state.next_hunt_at, passes=passes,
            searches=searches, requests=requests + searches,
        )  # fmt: skip

    async def _pass(
        self,
        survey: Survey,
        hunt_pass: HuntPass,
        database: AppDatabase,
        queue: QueueFacts,
        batch: int,
        left: int | None,
    ) -> tuple[PlanPassOut, int]:
        if batch == 0:
            return PlanPassOut(hunt_pass=hunt_pass, total=None, searches=0, items=[], error=None), 0
        try:
            selection, walk = await survey.select(hunt_pass, database=database, queue=queue, batch=batch, left=left)
        except ArrError as failure:
            return PlanPassOut(hunt_pass=hunt_pass, total=None, searches=0, items=[], error=failure.message), 1
        return _shown(hunt_pass, selection), walk.requests + selection.looks


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

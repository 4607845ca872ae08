"""Claiming an instance: the fence is raised and the context is read, in one unit of work."""

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.errors import ArrError
from app.arr.models import AppType, HuntPass
from app.events.outbox import record_event
from app.hunting.running.context import App, HuntContext, InstanceContext, RunningServices
from app.hunting.running.gates import before_network
from app.hunting.store.budgets import budget_gate
from app.hunting.store.cap_entries import used_caps
from app.hunting.store.clock_skew import clamp_future, is_ahead
from app.hunting.store.events import hunt_started
from app.hunting.store.lease import FencedLease, HuntLease, fenced_with_state
from app.hunting.store.models import OPEN, Hunt, HuntState, HuntStatus, Trigger
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.hunting.store.timetable import interval
from app.instances import health
from app.instances.events import record_offline, record_online
from app.instances.models import Instance, InstanceState
from app.settings.general import GeneralSettings
from app.settings.hunting import HuntingSettings

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 10


class Claims:
    """Makes a worker the holder of an instance."""

    def __init__(self, services: RunningServices) -> None:
        self._services = services
        self._db = services.db
        self._clock = services.clock

    async def hunt(self, hunt_id: int, instance_id: int) -> HuntContext | None:
        """Take the hunt over and mark it as running; `None` when there is nothing to do any more."""
        now = self._clock()
        async with self._db.session() as session:
            # The states first, as every write of a holder does: two orders would be a deadlock on PostgreSQL.
            state = await session.get(InstanceState, instance_id, with_for_update=True)
            hunt_state = await session.get(HuntState, instance_id, with_for_update=True)
            hunt = await session.get(Hunt, hunt_id, with_for_update=True)
            instance = await session.get(Instance, instance_id)
            if state is None or hunt_state is None or instance is None or hunt is None or hunt.status not in OPEN:
                return None
            hunting = await self._services.instances.hunting(session, instance)
            if is_ahead(state, hunt_state, now):
                await clamp_future(session, state, hunt_state, now, interval(hunting))
            hunt_state.fence += 1
            hunt.fence, hunt.attempts = hunt_state.fence, hunt.attempts + 1
            if hunt.status == HuntStatus.QUEUED:
                hunt.status, hunt.started_at = HuntStatus.RUNNING.value, now
                hunt_state.last_hunt_at, hunt_state.next_hunt_at = now, now + interval(hunting)
                await record_event(session, hunt_started(hunt), now)
            context = await self._hunt_context(session, hunt, instance, state, hunting)
            if context.early_end is not None and context.early_end.reason is HuntReason.BUDGET:
                hunt_state.next_hunt_at = context.budget.opens_at(now) or now + interval(hunting)
            return context

    async def follow_up(self, instance_id: int) -> InstanceContext | None:
        """Take over an instance that has no open hunt; `None` when it has one, is disabled, or its app rests."""
        async with self._db.session() as session:
            query = select(Hunt.id).where(col(Hunt.instance_id) == instance_id, col(Hunt.status).in_(OPEN))
            instance = await session.get(Instance, instance_id)
            if instance is None or (await session.exec(query)).first() is not None:
                return None
            state = await session.get_one(InstanceState, instance_id, with_for_update=True)
            hunt_state = await session.get(HuntState, instance_id, with_for_update=True)
            if hunt_state is None or not instance.enabled:
                return None
            if state.rest_until is not None and self._clock() < state.rest_until:
                return None
            hunt_state.fence += 1
            hunting = await self._services.instances.hunting(session, instance)
            general = await self._services.settings.general_in(session)
            lease = FencedLease(instance_id, instance.name, instance.app_type, hunt_state.fence)
            return InstanceContext(lease, self._app(instance, state, general, hunting), hunting)

    async def identified(self, context: HuntContext) -> App:
        """The app, asked who it is unless that was known less than ten minutes ago."""
        if not context.needs_status:
            return context.app
        app, status = await context.app.identified(self._services.http)
        async with fenced_with_state(self._db, context.lease) as (session, state, _):
            if health.seen_online(state, status, self._clock()):
                log.info("instance is online again")
                await record_online(session, context.app.app_type, context.lease.instance_name, state, self._clock())
        return app

    async def app_failed(self, context: InstanceContext, failure: ArrError) -> None:
        """The app cannot be used now: it is offline, and rests longer the longer that lasts."""
        async with fenced_with_state(self._db, context.lease) as (session, state, hunt_state):
            if failure.retry_after is not None:
                health.seen_trouble(state, failure, self._clock())
                return
            if health.seen_offline(state, failure, self._clock()):
                log.warning("instance is offline", error=failure.message)
                await record_offline(session, context.app.app_type, context.lease.instance_name, state, self._clock())
            hunt_state.next_hunt_at = state.rest_until

    async def _hunt_context(
        self, session: AsyncSession, hunt: Hunt, instance: Instance, state: InstanceState, hunting: HuntingSettings
    ) -> HuntContext:
        now, trigger = self._clock(), Trigger(hunt.trigger)
        general = await self._services.settings.general_in(session)
        used = await used_caps(session, state.instance_id, hunting, now)
        budget = await budget_gate(session, state.instance_id, now)
        early_end = before_network(
            general, hunting, state, used, budget, enabled=instance.enabled, trigger=trigger, now=now
        )
        if hunt.cancel_requested:
            early_end = EarlyEnd(HuntReason.CANCELLED, "It was cancelled.")
        elif hunt.attempts > MAX_ATTEMPTS:
            message = f"Its worker ended, or had no database, {MAX_ATTEMPTS} times."
            early_end = EarlyEnd(HuntReason.GAVE_UP, message)
        app = self._app(instance, state, general, hunting)
        return HuntContext(
            lease=HuntLease(state.instance_id, instance.name, instance.app_type, hunt.fence, hunt.id or 0),
            app=app,
            hunting=hunting,
            passes=tuple(HuntPass(name) for name in hunt.passes),
            limit=hunt.limit,
            dry_run=hunt.dry_run,
            trigger=trigger,
            early_end=early_end,
            needs_status=not (app.is_known and health.is_fresh(state, now)),
            budget=budget,
        )

    def _app(self, instance: Instance, state: InstanceState, general: GeneralSettings, hunting: HuntingSettings) -> App:
        connection = self._services.instances.connection(instance, general, hunting)
        return App.of(AppType(instance.app_type), connection, state)

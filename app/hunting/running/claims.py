"""Taking an instance over: the fence is raised, and what the holder works with is read, in one unit of work."""

from dataclasses import dataclass

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.identify import identify
from app.arr.models import AppDatabase, AppStatus, AppType, Connection, HuntPass, Variant
from app.arr.registry import REGISTRY, make_client
from app.core.clock import Clock
from app.core.db import Database
from app.events.outbox import record_event
from app.hunting.running.gates import before_network
from app.hunting.store.clock_skew import is_ahead, put_right
from app.hunting.store.events import hunt_started
from app.hunting.store.lease import FencedLease, check_fence_of_state
from app.hunting.store.models import OPEN, Hunt, HuntState, HuntStatus, Trigger
from app.hunting.store.reasons import EarlyEnd, HuntReason
from app.hunting.store.searches import SearchStore
from app.hunting.store.timetable import interval
from app.instances import health
from app.instances.events import tell_offline, tell_online
from app.instances.models import Instance, InstanceState
from app.instances.service import InstanceService
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class App:
    """The app of an instance: where it is, and what it is as far as we know."""

    app_type: AppType
    connection: Connection
    variant: Variant | None
    database: AppDatabase | None
    """`None` until the app was asked for the first time."""

    @classmethod
    def of(cls, app_type: AppType, connection: Connection, state: InstanceState) -> "App":
        return cls(
            app_type,
            connection,
            Variant(state.variant) if state.variant else None,
            AppDatabase(state.database) if state.database else None,
        )

    @property
    def is_known(self) -> bool:
        """Whether a client can be made without asking first."""
        return self.database is not None and (self.variant is not None or not REGISTRY[self.app_type].variants)

    def client(self, http: ArrHttp) -> ArrClient:
        return make_client(self.app_type, http, self.connection, self.variant)

    async def identified(self, http: ArrHttp) -> tuple["App", AppStatus]:
        """Ask the app who it is; `ArrError` when it is not there, or another one."""
        status = await identify(http, self.app_type, self.connection)
        return App(self.app_type, self.connection, status.variant, status.database), status


@dataclass(frozen=True, slots=True)
class HuntContext:
    """What a claimed hunt works with; read once, so that a change of settings counts from the next hunt on."""

    lease: FencedLease
    app: App
    hunting: HuntingSettings
    passes: tuple[HuntPass, ...]
    limit: int | None
    dry_run: bool
    trigger: Trigger
    closed: EarlyEnd | None
    needs_status: bool


class Claims:
    """How a worker becomes the holder of an instance."""

    def __init__(
        self,
        db: Database,
        http: ArrHttp,
        instances: InstanceService,
        settings: SettingsService,
        ledger: SearchStore,
        clock: Clock,
    ) -> None:
        self._db = db
        self._http = http
        self._instances = instances
        self._settings = settings
        self._ledger = ledger
        self._clock = clock

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
            hunting = await self._instances.hunting(session, instance)
            if is_ahead(state, hunt_state, now):
                await put_right(session, state, hunt_state, now, interval(hunting))
            hunt_state.fence += 1
            hunt.fence, hunt.attempts = hunt_state.fence, hunt.attempts + 1
            if hunt.status == HuntStatus.QUEUED:
                hunt.status, hunt.started_at = HuntStatus.RUNNING.value, now
                hunt_state.last_hunt_at, hunt_state.next_hunt_at = now, now + interval(hunting)
                await record_event(session, hunt_started(hunt), now)
            return await self._job(session, hunt, instance, (state, hunt_state), hunting)

    async def follow_up(self, instance_id: int) -> HuntContext | None:
        """Take an instance over that no hunt is at; `None` when one is, or the app rests."""
        async with self._db.session() as session:
            query = select(Hunt.id).where(col(Hunt.instance_id) == instance_id, col(Hunt.status).in_(OPEN))
            instance = await session.get(Instance, instance_id)
            if instance is None or (await session.exec(query)).first() is not None:
                return None
            state = await session.get_one(InstanceState, instance_id, with_for_update=True)
            hunt_state = await session.get_one(HuntState, instance_id, with_for_update=True)
            if not instance.enabled or (state.rest_until is not None and self._clock() < state.rest_until):
                return None
            hunt_state.fence += 1
            hunting = await self._instances.hunting(session, instance)
            nothing = Hunt(
                instance_name=instance.name,
                app_type=instance.app_type,
                trigger=Trigger.INTERVAL,
                queued_at=self._clock(),
            )
            return await self._job(session, nothing, instance, (state, hunt_state), hunting)

    async def identified(self, context: HuntContext) -> App:
        """The app, asked who it is unless that was known less than ten minutes ago."""
        if not context.needs_status:
            return context.app
        app, status = await context.app.identified(self._http)
        async with self._db.session() as session:
            state, _ = await check_fence_of_state(session, context.lease.instance_id, context.lease.fence)
            if health.seen_online(state, status, self._clock()):
                log.info("instance is online again")
                await tell_online(session, context.app.app_type, context.lease.instance_name, state, self._clock())
        return app

    async def app_failed(self, context: HuntContext, failure: ArrError) -> None:
        """The app cannot be used now: it is offline, and rests longer the longer that lasts."""
        async with self._db.session() as session:
            state, hunt_state = await check_fence_of_state(session, context.lease.instance_id, context.lease.fence)
            if failure.retry_after is not None:
                health.seen_trouble(state, failure, self._clock())
                return
            if health.seen_offline(state, failure, self._clock()):
                log.warning("instance is offline", error=failure.message)
                await tell_offline(session, context.app.app_type, context.lease.instance_name, state, self._clock())
            hunt_state.next_hunt_at = state.rest_until

    async def _job(
        self,
        session: AsyncSession,
        hunt: Hunt,
        instance: Instance,
        states: tuple[InstanceState, HuntState],
        hunting: HuntingSettings,
    ) -> HuntContext:
        now = self._clock()
        state, hunt_state = states
        general = await self._settings.general_in(session)
        used = await self._ledger.caps(session, state.instance_id, hunting)
        trigger = Trigger(hunt.trigger)
        closed = before_network(general, hunting, state, used, enabled=instance.enabled, trigger=trigger, now=now)
        if hunt.cancel_requested:
            closed = EarlyEnd(HuntReason.CANCELLED, "It was cancelled.")
        elif hunt.attempts > MAX_ATTEMPTS:
            message = f"Its worker ended, or had no database, {MAX_ATTEMPTS} times."
            closed = EarlyEnd(HuntReason.GAVE_UP, message)
        app_type = AppType(instance.app_type)
        app = App.of(app_type, self._instances.connection(instance, general, hunting), state)
        return HuntContext(
            lease=FencedLease(hunt.id or 0, state.instance_id, instance.name, instance.app_type, hunt_state.fence),
            app=app,
            hunting=hunting,
            passes=tuple(HuntPass(name) for name in hunt.passes),
            limit=hunt.limit,
            dry_run=hunt.dry_run,
            trigger=trigger,
            closed=closed,
            needs_status=not (app.is_known and health.is_fresh(state, now)),
        )

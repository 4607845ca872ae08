"""What one process owns: everything with a lifetime and the services made of it, alike for gateway and worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from arq.connections import ArqRedis

from app import __version__
from app.arr.http import ArrHttp
from app.core.clock import Clock, utc_now
from app.core.config import Settings
from app.core.db import Database
from app.core.keyfile import in_use
from app.core.queue import ArqQueue
from app.core.redis import make_redis, redis_settings
from app.core.security import SecretBox
from app.events.bus import EventBus
from app.events.hub import EventHub
from app.events.pump import EventPump
from app.hunting.engine import make_engine
from app.hunting.follow_up import FollowUp
from app.hunting.lease import LEASE_SECONDS
from app.hunting.plan import Planner
from app.hunting.records import HuntRecords
from app.hunting.runner import HuntRunner
from app.hunting.sending import Pace
from app.hunting.service import HuntService
from app.hunting.totals import Totals
from app.instances.service import InstanceService
from app.metrics.service import MetricsService
from app.metrics.traffic import AppTraffic
from app.replays.service import ReplayService
from app.schedules.actions import Hands
from app.schedules.runner import ScheduleRunner
from app.schedules.service import ScheduleService
from app.sealing import open_box
from app.settings.service import SettingsService
from app.stats.service import StatsService
from app.users.audit import AuditTrail
from app.users.callers import CredentialStore
from app.users.trust import Trust, make_trust


@dataclass(frozen=True, slots=True)
class Container:
    """Made once a process by `open_container`; services are cheap and hold no state of a request."""

    settings: Settings
    clock: Clock
    db: Database
    redis: ArqRedis
    box: SecretBox
    http: ArrHttp
    replays: ReplayService
    general: SettingsService
    instances: InstanceService
    hunts: HuntService
    planner: Planner
    records: HuntRecords
    runner: HuntRunner
    follow_up: FollowUp
    schedules: ScheduleService
    schedule_runner: ScheduleRunner
    stats: StatsService
    traffic: AppTraffic
    metrics: MetricsService
    bus: EventBus
    hub: EventHub
    pump: EventPump
    trust: Trust

    @property
    def credentials(self) -> CredentialStore:
        return self.trust.credentials

    @property
    def audit(self) -> AuditTrail:
        return self.trust.audit


@asynccontextmanager
async def open_container(
    settings: Settings, *, clock: Clock = utc_now, lease_seconds: float = LEASE_SECONDS, pace: Pace | None = None
) -> AsyncIterator[Container]:
    """Open what the process needs; the database is migrated already. Redis is connected to when it is first used."""
    db = Database(settings.database)
    redis = make_redis(redis_settings(settings))
    traffic = AppTraffic(db, redis)
    http = ArrHttp(__version__, observer=traffic.observe)
    try:
        with in_use(settings.data_dir):
            box = await open_box(db, settings, clock)
            container = _wire(settings, clock, db, redis, box, http, traffic, lease_seconds, pace)
            try:
                await container.general.apply_level()
                await container.trust.accounts.ensure_owner(settings)
                async with traffic.flowing():
                    yield container
            finally:
                await container.hub.close()
                await container.trust.close()
    finally:
        await http.aclose()
        await redis.aclose(close_connection_pool=True)
        await db.close()


def _wire(
    settings: Settings,
    clock: Clock,
    db: Database,
    redis: ArqRedis,
    box: SecretBox,
    http: ArrHttp,
    traffic: AppTraffic,
    lease_seconds: float,
    pace: Pace | None,
) -> Container:
    queue = ArqQueue(redis)
    general = SettingsService(db, clock, log_level=settings.log_level)
    instances = InstanceService(db, queue, http, box, general, clock)
    engine = make_engine(db, redis, http, instances, general, clock, lease_seconds=lease_seconds, pace=pace)
    totals = Totals()
    hunts = HuntService(db, queue, general, totals, engine.leases, clock)
    bus = EventBus(redis, clock)
    return Container(
        settings=settings,
        clock=clock,
        db=db,
        redis=redis,
        box=box,
        http=http,
        replays=ReplayService(db, box, clock),
        general=general,
        instances=instances,
        hunts=hunts,
        planner=engine.planner,
        records=HuntRecords(db, instances, general, totals, clock),
        runner=engine.runner,
        follow_up=engine.follow_up,
        schedules=ScheduleService(db, general, instances, clock),
        schedule_runner=ScheduleRunner(db, queue, general, Hands(hunts, instances, general), clock),
        stats=StatsService(db, redis, general, clock),
        traffic=traffic,
        metrics=MetricsService(db, redis, general, traffic, clock),
        bus=bus,
        hub=EventHub(bus, clock),
        pump=EventPump(db, redis, bus, clock),
        trust=make_trust(settings, db, redis, box, general, clock),
    )

"""What one process owns: everything with a lifetime and the services made of it, alike for gateway and worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from arq.connections import ArqRedis

from app import __version__
from app.actions.actions import Hands
from app.auth.audit import AuditTrail
from app.auth.callers import CredentialStore
from app.auth.services import Trust, make_trust
from app.backup.folder import BackupFolder
from app.backup.planner import BackupPlanner
from app.backup.quiesce import Rest
from app.backup.service import BackupService, Parts
from app.core.clock import Clock, utc_now
from app.core.config import Settings
from app.core.db import Database
from app.core.queue import ArqQueue
from app.core.redis import make_redis, redis_settings
from app.core.row_counts import Totals
from app.dashboard.service import StatsService
from app.events.bus import EventBus
from app.events.hub import EventHub
from app.events.relay import EventPump
from app.history.service import HuntRecords
from app.home_assistant.commands import Commands
from app.home_assistant.publisher import Publisher, Sources
from app.home_assistant.settings import MqttSettingsService
from app.http.client import ArrHttp
from app.hunting.running.follow_up import FollowUp
from app.hunting.running.planner import Planner
from app.hunting.running.runner import HuntRunner
from app.hunting.running.sender import Pace
from app.hunting.running.webhook_hints import ToldByApp
from app.hunting.service import HuntService
from app.hunting.services import make_engine
from app.hunting.store.events import Ticker
from app.hunting.store.lease import LEASE_SECONDS
from app.idempotency.service import ReplayService
from app.instances.service import InstanceService
from app.logs.store import LogStore
from app.logs.stream import LogStream
from app.logs.writer import LogWriter
from app.metrics.service import MetricsService
from app.metrics.traffic import AppTraffic
from app.notifications.apprise_client import AppriseDoor
from app.notifications.clients import Outlets
from app.notifications.delivery import Deliverer
from app.notifications.routing import NotificationRouter
from app.notifications.service import NotificationService
from app.notifications.settings_cipher import Vault
from app.notifications.webhook_client import WebDoor
from app.schedules.runner import ScheduleRunner
from app.schedules.service import ScheduleService
from app.secrets.box import SecretBox
from app.secrets.keyfile import in_use
from app.secrets.startup import open_box
from app.settings.service import SettingsService
from app.webhooks.app_webhooks import AppWebhooks
from app.webhooks.service import HookService
from app.webhooks.tokens import HookTokens


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
    backups: BackupService
    backup_planner: BackupPlanner
    app_webhooks: AppWebhooks
    hooks: HookService
    hook_tokens: HookTokens
    notifications: NotificationService
    deliverer: Deliverer
    stats: StatsService
    traffic: AppTraffic
    metrics: MetricsService
    bus: EventBus
    hub: EventHub
    pump: EventPump
    logs: LogStore
    log_writer: LogWriter
    mqtt: MqttSettingsService
    publisher: Publisher
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
    outlets = Outlets(WebDoor(__version__, clock), AppriseDoor())
    try:
        with in_use(settings.data_dir):
            box = await open_box(db, settings, clock)
            container = _wire(settings, clock, db, redis, box, http, outlets, traffic, lease_seconds, pace)
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
        await outlets.aclose()
        await redis.aclose()
        await db.close()


def _wire(
    settings: Settings,
    clock: Clock,
    db: Database,
    redis: ArqRedis,
    box: SecretBox,
    http: ArrHttp,
    outlets: Outlets,
    traffic: AppTraffic,
    lease_seconds: float,
    pace: Pace | None,
) -> Container:
    queue = ArqQueue(redis)
    general = SettingsService(db, clock, log_level=settings.log_level)
    instances = InstanceService(db, queue, http, box, general, clock)
    bus = EventBus(redis, clock)
    ticker = Ticker(db, bus)
    engine = make_engine(db, redis, http, instances, general, ticker, clock, lease_seconds=lease_seconds, pace=pace)
    totals = Totals()
    hunts = HuntService(db, queue, general, totals, engine.leases, ticker, clock)
    trust = make_trust(settings, db, redis, box, general, clock)
    parts = Parts(
        db, box, general, BackupFolder(settings.data_dir / "backups"), Rest(db, general, engine.leases.held), clock,
        forget=(trust.credentials.forget, totals.forget),
    )  # fmt: skip
    backups = BackupService(parts)
    backup_planner = BackupPlanner(db, queue, general, backups, clock)
    hands = Hands(hunts, instances, general, backup_planner.ask)
    told = ToldByApp(db, queue, engine.tracker, clock)
    logs = LogStore(db, general, clock)
    vault = Vault(box)
    stats = StatsService(db, redis, general, clock)
    mqtt = MqttSettingsService(db, box, general, clock)
    sources = Sources(stats, general, bus, Commands(hunts, general, trust.audit))
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
        schedule_runner=ScheduleRunner(db, queue, general, hands, clock),
        backups=backups,
        backup_planner=backup_planner,
        app_webhooks=AppWebhooks(db, box, instances, told, clock),
        hooks=HookService(db, hands, clock),
        hook_tokens=HookTokens(db, clock),
        notifications=NotificationService(db, vault, outlets, instances, clock),
        deliverer=Deliverer(db, vault, outlets, clock),
        stats=stats,
        traffic=traffic,
        metrics=MetricsService(db, redis, general, traffic, clock),
        bus=bus,
        hub=EventHub(bus, clock),
        pump=EventPump(db, redis, bus, clock, routers=[NotificationRouter(clock)]),
        logs=logs,
        log_writer=LogWriter(logs, publish=LogStream(bus).publish),
        mqtt=mqtt,
        publisher=Publisher(mqtt, sources, redis),
        trust=trust,
    )

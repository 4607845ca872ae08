"""What one process owns: everything with a lifetime and the services made of it, alike for gateway and worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from arq.connections import ArqRedis

from app import __version__
from app.actions.actions import ActionServices
from app.arr.http import ArrHttp
from app.auth.audit import AuditTrail
from app.auth.callers import CredentialStore
from app.auth.services import AuthServices, make_auth
from app.backup.folder import BackupFolder
from app.backup.planner import BackupPlanner
from app.backup.quiesce import HuntingQuiesce
from app.backup.service import BackupService, Parts
from app.core.clock import Clock, utc_now
from app.core.config import Config
from app.core.db import Database
from app.core.queue import ArqQueue
from app.core.redis import make_redis, redis_settings
from app.core.row_counts import RowCounts
from app.dashboard.service import StatsService
from app.events.bus import EventBus
from app.events.hub import EventHub
from app.events.relay import EventRelay
from app.history.service import HistoryService
from app.home_assistant.commands import Commands
from app.home_assistant.publisher import Publisher, Sources
from app.home_assistant.settings import MqttSettingsService
from app.hunting.running.follow_up import FollowUp
from app.hunting.running.planner import Planner
from app.hunting.running.runner import HuntRunner
from app.hunting.running.sender import Timing
from app.hunting.running.webhook_hints import WebhookHints
from app.hunting.service import HuntService
from app.hunting.services import make_hunting
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.lease import LEASE_SECONDS
from app.hunting.store.timetable import HuntTimetable
from app.idempotency.service import IdempotencyService
from app.instances.service import InstanceService
from app.instances.tester import ConnectionTester
from app.logs.store import LogStore
from app.logs.stream import LogStream
from app.logs.writer import LogWriter
from app.metrics.service import MetricsService
from app.metrics.traffic import AppTraffic
from app.notifications.apprise_client import AppriseClient
from app.notifications.clients import NotificationClients
from app.notifications.delivery import Deliverer
from app.notifications.routing import NotificationRouter
from app.notifications.service import NotificationService
from app.notifications.webhook_client import WebhookClient
from app.schedules.runner import ScheduleRunner
from app.schedules.service import ScheduleService
from app.secrets.box import SecretBox
from app.secrets.keyfile import shared_lock
from app.secrets.startup import load_box
from app.settings.service import SettingsService
from app.webhooks.app_webhooks import AppWebhooks
from app.webhooks.service import HookService
from app.webhooks.tokens import WebhookTokens


@dataclass(frozen=True, slots=True)
class Container:
    """Made once a process by `open_container`; services are cheap and hold no state of a request."""

    config: Config
    clock: Clock
    db: Database
    redis: ArqRedis
    box: SecretBox
    http: ArrHttp
    replays: IdempotencyService
    settings: SettingsService
    instances: InstanceService
    hunts: HuntService
    planner: Planner
    records: HistoryService
    runner: HuntRunner
    follow_up: FollowUp
    schedules: ScheduleService
    schedule_runner: ScheduleRunner
    backups: BackupService
    backup_planner: BackupPlanner
    app_webhooks: AppWebhooks
    hooks: HookService
    hook_tokens: WebhookTokens
    notifications: NotificationService
    deliverer: Deliverer
    stats: StatsService
    traffic: AppTraffic
    metrics: MetricsService
    bus: EventBus
    hub: EventHub
    relay: EventRelay
    logs: LogStore
    log_writer: LogWriter
    mqtt: MqttSettingsService
    publisher: Publisher
    trust: AuthServices

    @property
    def credentials(self) -> CredentialStore:
        return self.trust.credentials

    @property
    def audit(self) -> AuditTrail:
        return self.trust.audit


@asynccontextmanager
async def open_container(
    config: Config, *, clock: Clock = utc_now, lease_seconds: float = LEASE_SECONDS, pace: Timing | None = None
) -> AsyncIterator[Container]:
    """Open what the process needs; the database is migrated already. Redis is connected to when it is first used."""
    db = Database(config.database)
    redis = make_redis(redis_settings(config))
    traffic = AppTraffic(db, redis)
    http = ArrHttp(__version__, observer=traffic.observe)
    outlets = NotificationClients(WebhookClient(__version__, clock), AppriseClient())
    try:
        with shared_lock(config.data_dir):
            box = await load_box(db, config, clock)
            container = _wire(config, clock, db, redis, box, http, outlets, traffic, lease_seconds, pace)
            try:
                await container.settings.apply_level()
                await container.trust.accounts.ensure_owner(config)
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
    config: Config,
    clock: Clock,
    db: Database,
    redis: ArqRedis,
    box: SecretBox,
    http: ArrHttp,
    outlets: NotificationClients,
    traffic: AppTraffic,
    lease_seconds: float,
    pace: Timing | None,
) -> Container:
    queue = ArqQueue(redis)
    settings = SettingsService(db, clock, log_level=config.log_level)
    tester = ConnectionTester(queue, http, settings)
    instances = InstanceService(db, box, settings, tester, HuntTimetable(clock), clock)
    bus = EventBus(redis, clock)
    ticker = HuntBroadcaster(db, bus)
    engine = make_hunting(db, redis, http, instances, settings, ticker, clock, lease_seconds=lease_seconds, pace=pace)
    totals = RowCounts()
    hunts = HuntService(db, queue, settings, totals, engine.leases, ticker, clock)
    trust = make_auth(config, db, redis, box, settings, clock)
    parts = Parts(
        db,
        box,
        settings,
        BackupFolder(config.data_dir / "backups"),
        HuntingQuiesce(db, settings, engine.leases.held),
        clock,
        forget=(trust.credentials.forget, totals.forget),
    )
    backups = BackupService(parts)
    backup_planner = BackupPlanner(db, queue, settings, backups, clock)
    actions = ActionServices(hunts, instances, settings, backup_planner.ask)
    told = WebhookHints(db, queue, engine.tracker, clock)
    logs = LogStore(db, settings, clock)
    stats = StatsService(db, redis, settings, clock)
    mqtt = MqttSettingsService(db, box, settings, clock)
    sources = Sources(stats, settings, bus, Commands(hunts, settings, trust.audit))
    return Container(
        config=config,
        clock=clock,
        db=db,
        redis=redis,
        box=box,
        http=http,
        replays=IdempotencyService(db, box, clock),
        settings=settings,
        instances=instances,
        hunts=hunts,
        planner=engine.planner,
        records=HistoryService(db, instances, settings, totals, clock),
        runner=engine.runner,
        follow_up=engine.follow_up,
        schedules=ScheduleService(db, settings, instances, clock),
        schedule_runner=ScheduleRunner(db, queue, settings, actions, clock),
        backups=backups,
        backup_planner=backup_planner,
        app_webhooks=AppWebhooks(db, box, instances, told, clock),
        hooks=HookService(db, actions, clock),
        hook_tokens=WebhookTokens(db, clock),
        notifications=NotificationService(db, box, outlets, instances, clock),
        deliverer=Deliverer(db, box, outlets, clock),
        stats=stats,
        traffic=traffic,
        metrics=MetricsService(db, redis, settings, traffic, clock),
        bus=bus,
        hub=EventHub(bus, clock),
        relay=EventRelay(db, redis, bus, clock, routers=[NotificationRouter(clock)]),
        logs=logs,
        log_writer=LogWriter(logs, publish=LogStream(bus).publish),
        mqtt=mqtt,
        publisher=Publisher(mqtt, sources, redis),
        trust=trust,
    )

"""What one process owns: everything with a lifetime and the services built on it, alike for gateway and worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app import __version__
from app.actions.actions import ActionRequests, ActionServices
from app.arr.http import ArrHttp
from app.auth.services import AuthServices
from app.backup.services import BackupServices
from app.core.bells import Bells
from app.core.clock import Clock, utc_now
from app.core.config import Config
from app.core.db import Database
from app.core.queue import ArqQueue
from app.core.redis import make_redis, redis_settings
from app.dashboard.service import StatsService
from app.events.bus import EventBus
from app.events.services import EventServices
from app.history.budgets import BudgetService
from app.history.service import HistoryService
from app.home_assistant.commands import CommandExecutor
from app.home_assistant.services import HomeAssistantServices
from app.home_assistant.settings import SECTION_READERS
from app.hunting.running.timing import Timing
from app.hunting.services import HuntingServices
from app.hunting.store.lease import LEASE_SECONDS
from app.hunting.store.timetable import HuntTimetable
from app.idempotency.service import IdempotencyService
from app.infra import Infra
from app.instances.service import InstanceService
from app.instances.tester import ConnectionTester
from app.logs.services import LogServices
from app.metrics.services import MetricsServices
from app.metrics.traffic import AppTraffic
from app.movie_hunt.services import MovieHuntServices
from app.notifications.services import NotificationServices
from app.prowlarr.services import ProwlarrServices
from app.schedules.services import ScheduleServices
from app.secrets.keyfile import shared_lock
from app.secrets.startup import load_box
from app.settings.service import SettingsService
from app.swaparr.services import SwaparrServices
from app.webhooks.services import WebhookServices


@dataclass(frozen=True, slots=True)
class Container:
    """Services are cheap and hold no state of a request; a feature with several has them in a group."""

    infra: Infra
    settings: SettingsService
    instances: InstanceService
    idempotency: IdempotencyService
    history: HistoryService
    stats: StatsService
    auth: AuthServices
    hunting: HuntingServices
    prowlarr: ProwlarrServices
    budgets: BudgetService
    swaparr: SwaparrServices
    movie_hunt: MovieHuntServices
    schedules: ScheduleServices
    webhooks: WebhookServices
    notifications: NotificationServices
    events: EventServices
    metrics: MetricsServices
    logs: LogServices
    backups: BackupServices
    home_assistant: HomeAssistantServices


@asynccontextmanager
async def open_container(
    config: Config, *, clock: Clock = utc_now, lease_seconds: float = LEASE_SECONDS, timing: Timing | None = None
) -> AsyncIterator[Container]:
    """Open what the process needs; the database is migrated already. Redis is connected to when it is first used."""
    redis = make_redis(redis_settings(config))
    bells = Bells(redis)
    db = Database(config.database, bells=bells)
    traffic = AppTraffic(db, redis)
    http = ArrHttp(__version__, observer=traffic.observe)
    try:
        with shared_lock(config.data_dir):
            box = await load_box(db, config, clock)
            infra = Infra(config, clock, db, redis, ArqQueue(redis, bells), box, http)
            container = build_container(infra, traffic, lease_seconds=lease_seconds, timing=timing)
            try:
                await container.settings.apply_level()
                await container.auth.accounts.ensure_owner(config)
                await container.movie_hunt.profiles.ensure_default()
                async with traffic.flowing():
                    yield container
            finally:
                await container.events.hub.close()
                await container.auth.close()
                await container.movie_hunt.http.aclose()
                await container.notifications.clients.aclose()
    finally:
        await http.aclose()
        await bells.close()
        await redis.aclose()
        await db.close()


def build_container(
    infra: Infra, traffic: AppTraffic, *, lease_seconds: float = LEASE_SECONDS, timing: Timing | None = None
) -> Container:
    """All services on `infra`. Opens nothing."""
    db, clock, timing = infra.db, infra.clock, timing or Timing()
    settings = SettingsService(db, clock, infra.box, log_level=infra.config.log_level)
    instances = _instances(infra, settings)
    bus = EventBus(infra.redis, clock)
    auth = AuthServices.build(infra, settings)
    hunting = HuntingServices.build(infra, settings, instances, bus, lease_seconds=lease_seconds, timing=timing)
    backups = BackupServices.build(infra, settings, hunting, auth, SECTION_READERS)
    movies = MovieHuntServices.build(infra, settings, timing.sleep, timing.monotonic)
    swaparr = SwaparrServices.build(infra, settings, instances, hunting.leases, movies.known_clients, timing.sleep)
    asked = ActionRequests(backups.planner.request, swaparr.service.run_all, movies.searches.request_missing)
    actions = ActionServices(hunting.service, instances, settings, asked)
    commands = CommandExecutor(hunting.service, instances, settings, auth.audit)
    notifications = NotificationServices.build(infra, instances)
    stats = StatsService(db, infra.redis, settings, clock)
    return Container(
        infra=infra,
        settings=settings,
        instances=instances,
        idempotency=IdempotencyService(db, infra.box, clock),
        history=HistoryService(db, instances, settings, hunting.row_counts, clock),
        stats=stats,
        auth=auth,
        hunting=hunting,
        prowlarr=ProwlarrServices.build(infra, settings, instances),
        budgets=BudgetService(db, instances, clock),
        swaparr=swaparr,
        movie_hunt=movies,
        schedules=ScheduleServices.build(infra, settings, actions),
        webhooks=WebhookServices.build(infra, hunting, actions),
        notifications=notifications,
        events=EventServices.build(db, infra.redis, bus, clock, [notifications.router]),
        metrics=MetricsServices.build(infra, settings, traffic),
        logs=LogServices.build(infra, settings, bus),
        backups=backups,
        home_assistant=HomeAssistantServices.build(infra, settings, stats, bus, commands),
    )


def _instances(infra: Infra, settings: SettingsService) -> InstanceService:
    tester = ConnectionTester(infra.queue, infra.http, settings)
    return InstanceService(infra.db, infra.box, settings, tester, HuntTimetable(infra.clock), infra.clock)

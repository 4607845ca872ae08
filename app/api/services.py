"""The services that routes call, as annotated dependencies."""

from typing import Annotated, cast

from fastapi import Depends, Path
from starlette.requests import Request

from app.api.client_address import is_local
from app.api.context import client_address
from app.api.deps import container_of
from app.arr.models import AppType
from app.auth.audit import AuditTrail
from app.auth.callers import Origin
from app.auth.keys import KeyService
from app.auth.service import AccountService
from app.auth.sessions import SessionService
from app.auth.two_factor import TwoFactorService
from app.backup.service import BackupService
from app.container import Container
from app.core.errors import NotFound
from app.dashboard.service import StatsService
from app.events.hub import EventHub
from app.history.service import HistoryService
from app.home_assistant.settings import MqttSettingsService
from app.hunting.running.planner import Planner
from app.hunting.service import HuntService
from app.instances.service import InstanceService
from app.logs.store import LogStore
from app.metrics.service import MetricsService
from app.notifications.service import NotificationService
from app.schedules.runner import ScheduleRunner
from app.schedules.service import ScheduleService
from app.settings.service import SettingsService
from app.webhooks.app_webhooks import AppWebhooks
from app.webhooks.service import HookService


def services(request: Request) -> Container:
    return cast(Container, container_of(request))


# `async` although they wait for nothing: FastAPI runs plain functions in a thread.
async def get_instances(request: Request) -> InstanceService:
    return services(request).instances


async def get_hunts(request: Request) -> HuntService:
    return services(request).hunts


async def get_plans(request: Request) -> Planner:
    return services(request).planner


async def get_records(request: Request) -> HistoryService:
    return services(request).records


async def get_general(request: Request) -> SettingsService:
    return services(request).settings


async def get_mqtt(request: Request) -> MqttSettingsService:
    return services(request).mqtt


async def get_schedules(request: Request) -> ScheduleService:
    return services(request).schedules


async def get_schedule_runs(request: Request) -> ScheduleRunner:
    return services(request).schedule_runner


async def get_app_webhooks(request: Request) -> AppWebhooks:
    return services(request).app_webhooks


async def get_hooks(request: Request) -> HookService:
    return services(request).hooks


async def get_notifications(request: Request) -> NotificationService:
    return services(request).notifications


async def get_stats(request: Request) -> StatsService:
    return services(request).stats


async def get_metrics_service(request: Request) -> MetricsService:
    return services(request).metrics


async def get_events(request: Request) -> EventHub:
    return services(request).hub


async def get_backups(request: Request) -> BackupService:
    return services(request).backups


async def get_logs(request: Request) -> LogStore:
    return services(request).logs


async def get_accounts(request: Request) -> AccountService:
    return services(request).trust.accounts


async def get_sessions(request: Request) -> SessionService:
    return services(request).trust.sessions


async def get_api_keys(request: Request) -> KeyService:
    return services(request).trust.keys


async def get_two_factor(request: Request) -> TwoFactorService:
    return services(request).trust.two_factor


async def get_trail(request: Request) -> AuditTrail:
    return services(request).trust.audit


async def get_origin(request: Request) -> Origin:
    address = client_address(request)
    return Origin(address, request.headers.get("user-agent", ""), is_local(address, request.headers))


async def get_hunting_app(
    app_type: Annotated[str, Path(max_length=50, json_schema_extra={"enum": [one.value for one in AppType]})],
) -> AppType:
    """The app type of a path; another word is no such place, so 404 and not 422."""
    if app_type not in AppType.__members__.values():
        known = ", ".join(AppType)
        raise NotFound(f"There is no such app type; there are: {known}.")
    return AppType(app_type)


Instances = Annotated[InstanceService, Depends(get_instances)]
Hunts = Annotated[HuntService, Depends(get_hunts)]
Plans = Annotated[Planner, Depends(get_plans)]
Records = Annotated[HistoryService, Depends(get_records)]
General = Annotated[SettingsService, Depends(get_general)]
Notifications = Annotated[NotificationService, Depends(get_notifications)]
Mqtt = Annotated[MqttSettingsService, Depends(get_mqtt)]
Schedules = Annotated[ScheduleService, Depends(get_schedules)]
ScheduleRuns = Annotated[ScheduleRunner, Depends(get_schedule_runs)]
AppHooks = Annotated[AppWebhooks, Depends(get_app_webhooks)]
UserHooks = Annotated[HookService, Depends(get_hooks)]
Statistics = Annotated[StatsService, Depends(get_stats)]
Metrics = Annotated[MetricsService, Depends(get_metrics_service)]
Events = Annotated[EventHub, Depends(get_events)]
Backups = Annotated[BackupService, Depends(get_backups)]
Logs = Annotated[LogStore, Depends(get_logs)]
Accounts = Annotated[AccountService, Depends(get_accounts)]
Sessions = Annotated[SessionService, Depends(get_sessions)]
ApiKeys = Annotated[KeyService, Depends(get_api_keys)]
TwoFactor = Annotated[TwoFactorService, Depends(get_two_factor)]
Trail = Annotated[AuditTrail, Depends(get_trail)]
CallOrigin = Annotated[Origin, Depends(get_origin)]
HuntingApp = Annotated[AppType, Depends(get_hunting_app)]

"""The services that routes call, as annotated dependencies."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import Depends, Path
from starlette.requests import Request

from app.api.context import client_address
from app.api.deps import container_of
from app.arr.models import AppType
from app.arr.registry import addressed_apps, all_apps, hunting_apps
from app.auth.audit import AuditTrail
from app.auth.callers import Origin
from app.auth.keys import KeyService
from app.auth.service import AccountService
from app.auth.sessions import SessionService
from app.auth.two_factor import TwoFactorService
from app.backup.service import BackupService
from app.container import Container
from app.core.errors import NotFound
from app.core.schemas import words_of
from app.dashboard.service import StatsService
from app.events.hub import EventHub
from app.history.budgets import BudgetService
from app.history.service import HistoryService
from app.home_assistant.settings import MqttSettingsService
from app.hunting.running.planner import Planner
from app.hunting.service import HuntService
from app.instances.policies import PolicyService
from app.instances.service import InstanceService
from app.logs.store import LogStore
from app.metrics.service import MetricsService
from app.movie_hunt.clients import DownloadClientService
from app.movie_hunt.downloads import MovieQueue
from app.movie_hunt.history import MovieHistoryService
from app.movie_hunt.indexers import MovieIndexerService
from app.movie_hunt.library import MovieLibrary
from app.movie_hunt.metadata import MovieMetadataService
from app.movie_hunt.profiles import ProfileService
from app.movie_hunt.releases import MovieReleases
from app.movie_hunt.root_folders import RootFolderService
from app.movie_hunt.searches import MovieSearches
from app.movie_hunt.settings import MovieHuntSettingsService
from app.notifications.service import NotificationService
from app.prowlarr.service import ProwlarrService
from app.schedules.runner import ScheduleRunner
from app.schedules.service import ScheduleService
from app.settings.service import SettingsService
from app.swaparr.service import SwaparrService
from app.webhooks.app_webhooks import AppWebhooks
from app.webhooks.service import HookService


def part(pick: Callable[[Container], object]) -> Any:
    """The dependency that is `pick`ed from the container."""

    # `async` although it waits for nothing: FastAPI runs plain functions in a thread.
    async def get(request: Request) -> object:
        return pick(container_of(request))

    return Depends(get)


async def get_origin(request: Request) -> Origin:
    return Origin(client_address(request), request.headers.get("user-agent", ""))


def _app_type(name: str, known: Sequence[AppType], named: Sequence[AppType] = ()) -> Any:
    """A path parameter: one of the app types `known`, whose schema is `name`. Another word is no such place: 404.

    `named`: those that the sentence lists, where another route takes one of them.
    """

    async def get_app_type(
        app_type: Annotated[
            str, Path(max_length=50, description="The app type.", json_schema_extra=words_of(name, known))
        ],
    ) -> AppType:
        if app_type not in known:
            raise NotFound(f"There is no such app type; there are: {', '.join(named or known)}.")
        return AppType(app_type)

    return Depends(get_app_type)


Instances = Annotated[InstanceService, part(lambda c: c.instances)]
Hunts = Annotated[HuntService, part(lambda c: c.hunting.service)]
Plans = Annotated[Planner, part(lambda c: c.hunting.planner)]
Prowlarrs = Annotated[ProwlarrService, part(lambda c: c.prowlarr.service)]
Budgets = Annotated[BudgetService, part(lambda c: c.budgets)]
Policies = Annotated[PolicyService, part(lambda c: c.swaparr.policies)]
Swaparr = Annotated[SwaparrService, part(lambda c: c.swaparr.service)]
Movies = Annotated[MovieLibrary, part(lambda c: c.movie_hunt.library)]
MoviesMetadata = Annotated[MovieMetadataService, part(lambda c: c.movie_hunt.metadata)]
SearchesOfMovies = Annotated[MovieSearches, part(lambda c: c.movie_hunt.searches)]
ReleasesOfMovies = Annotated[MovieReleases, part(lambda c: c.movie_hunt.releases)]
MovieGrabs = Annotated[MovieQueue, part(lambda c: c.movie_hunt.queue)]
MovieHistories = Annotated[MovieHistoryService, part(lambda c: c.movie_hunt.history)]
MovieHuntSettingsPart = Annotated[MovieHuntSettingsService, part(lambda c: c.movie_hunt.settings)]
MovieProfiles = Annotated[ProfileService, part(lambda c: c.movie_hunt.profiles)]
MovieIndexers = Annotated[MovieIndexerService, part(lambda c: c.movie_hunt.indexers)]
MovieClients = Annotated[DownloadClientService, part(lambda c: c.movie_hunt.clients)]
MovieFolders = Annotated[RootFolderService, part(lambda c: c.movie_hunt.root_folders)]
History = Annotated[HistoryService, part(lambda c: c.history)]
Settings = Annotated[SettingsService, part(lambda c: c.settings)]
Mqtt = Annotated[MqttSettingsService, part(lambda c: c.home_assistant.settings)]
Notifications = Annotated[NotificationService, part(lambda c: c.notifications.service)]
Schedules = Annotated[ScheduleService, part(lambda c: c.schedules.service)]
ScheduleRuns = Annotated[ScheduleRunner, part(lambda c: c.schedules.runner)]
AppHooks = Annotated[AppWebhooks, part(lambda c: c.webhooks.apps)]
UserHooks = Annotated[HookService, part(lambda c: c.webhooks.hooks)]
Stats = Annotated[StatsService, part(lambda c: c.stats)]
Metrics = Annotated[MetricsService, part(lambda c: c.metrics.service)]
Events = Annotated[EventHub, part(lambda c: c.events.hub)]
Backups = Annotated[BackupService, part(lambda c: c.backups.service)]
Logs = Annotated[LogStore, part(lambda c: c.logs.store)]
Accounts = Annotated[AccountService, part(lambda c: c.auth.accounts)]
Sessions = Annotated[SessionService, part(lambda c: c.auth.sessions)]
ApiKeys = Annotated[KeyService, part(lambda c: c.auth.keys)]
TwoFactor = Annotated[TwoFactorService, part(lambda c: c.auth.two_factor)]
Audit = Annotated[AuditTrail, part(lambda c: c.auth.audit)]
CallOrigin = Annotated[Origin, Depends(get_origin)]
AnyApp = Annotated[AppType, _app_type("AppType", all_apps())]
AddressedApp = Annotated[AppType, _app_type("AddressedAppType", addressed_apps(), all_apps())]
HuntingApp = Annotated[AppType, _app_type("HuntingAppType", hunting_apps())]

"""What hunts, plans and follow-ups work with: the services of the process, and the facts of one instance."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from app.arr.base import ArrClient
from app.arr.http import ArrHttp
from app.arr.identify import Identity, identify
from app.arr.models import AppDatabase, AppStatus, AppType, Connection, HuntPass, Variant
from app.arr.push import PushChannel, PushRests
from app.arr.registry import REGISTRY, make_client
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.running.timing import Timing
from app.hunting.selection.app_reader import AppReader, ReadTarget, SelectionServices
from app.hunting.store.events import HuntBroadcaster
from app.hunting.store.followed import FollowedSearches
from app.hunting.store.lease import FencedLease, HuntLease, Leases
from app.hunting.store.models import Trigger
from app.hunting.store.passes import PassStore
from app.hunting.store.reasons import EarlyEnd
from app.hunting.store.searches import SearchStore
from app.instances.models import InstanceState
from app.instances.service import InstanceService
from app.prowlarr.budget import BudgetGate
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class App:
    """The app of an instance: where it is, and what it is as far as we know."""

    app_type: AppType
    connection: Connection
    variant: Variant | None
    database: AppDatabase | None
    """`None` until the app was asked for the first time."""
    version: str | None = None

    @classmethod
    def of(cls, app_type: AppType, connection: Connection, state: InstanceState) -> "App":
        return cls(
            app_type,
            connection,
            Variant(state.variant) if state.variant else None,
            AppDatabase(state.database) if state.database else None,
            state.version,
        )

    @property
    def is_known(self) -> bool:
        """Whether a client can be made without asking the app first."""
        return self.database is not None and (self.variant is not None or not REGISTRY[self.app_type].variants)

    def client(self, http: ArrHttp) -> ArrClient:
        return make_client(self.app_type, http, self.connection, self.variant)

    async def identified(self, http: ArrHttp) -> tuple["App", AppStatus]:
        """Ask the app who it is; `ArrError` when it is not there, or another one."""
        last = Identity(self.version, self.variant) if self.version is not None and self.is_known else None
        status = await identify(http, self.app_type, self.connection, last)
        return replace(self, variant=status.variant, database=status.database, version=status.version), status


@dataclass(frozen=True, slots=True)
class InstanceContext:
    """A claimed instance, read once: a change of its settings counts from the next claim on."""

    lease: FencedLease
    app: App
    hunting: HuntingSettings


@dataclass(frozen=True, slots=True)
class HuntContext(InstanceContext):
    """A claimed hunt."""

    lease: HuntLease
    passes: tuple[HuntPass, ...]
    limit: int | None
    dry_run: bool
    trigger: Trigger
    early_end: EarlyEnd | None
    """Why the hunt ends before it asks the app for anything."""
    needs_status: bool
    budget: BudgetGate
    """What the indexers behind Prowlarr left when it was claimed."""


@dataclass(frozen=True, slots=True)
class RunningServices:
    """What hunts, plans and follow-ups share; one per process."""

    db: Database
    http: ArrHttp
    clock: Clock
    timing: Timing
    instances: InstanceService
    settings: SettingsService
    leases: Leases
    searches: SearchStore
    followed: FollowedSearches
    passes: PassStore
    selection: SelectionServices
    broadcaster: HuntBroadcaster
    push_rests: PushRests
    rng: Callable[[], random.Random] = random.Random

    def push_channel(self, client: ArrClient, hunting: HuntingSettings) -> PushChannel:
        """A closed one."""
        return PushChannel(client, self.push_rests, is_used=hunting.push_channel and self.timing.push is not None)

    def reader(
        self, app: App, hunting: HuntingSettings, instance_id: int, now: datetime, *, pretends: bool
    ) -> AppReader:
        """A reader of the app for one hunt or plan; `pretends`: nothing will be sent."""
        target = ReadTarget(
            instance_id, app.client(self.http), app.connection.url, app.database or AppDatabase.SQLITE, hunting
        )
        return AppReader(target, self.selection, now=now, rng=self.rng(), pretends=pretends)

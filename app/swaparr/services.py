"""The services of Swaparr, built on what the process owns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.hunting.store.lease import Leases
from app.infra import Infra
from app.instances.policies import PolicyService
from app.instances.service import InstanceService
from app.movie_hunt.client_words import DownloadClientReader
from app.settings.service import SettingsService
from app.swaparr.looking import QueueWatcher
from app.swaparr.runner import SwaparrRunner
from app.swaparr.service import SwaparrService
from app.swaparr.store import SwaparrStore


@dataclass(frozen=True, slots=True)
class SwaparrServices:
    policies: PolicyService
    service: SwaparrService
    runner: SwaparrRunner

    @classmethod
    def build(
        cls,
        infra: Infra,
        settings: SettingsService,
        instances: InstanceService,
        leases: Leases,
        known_clients: DownloadClientReader,
        sleep: Callable[[float], Awaitable[None]],
    ) -> "SwaparrServices":
        store = SwaparrStore(infra.db, infra.clock)
        policies = PolicyService(infra.db, instances, infra.clock)
        watcher = QueueWatcher(infra.http, known_clients, sleep)
        runner = SwaparrRunner(infra, settings, instances, leases, store, watcher)
        return cls(policies, SwaparrService(infra.db, instances, policies, store, runner, infra.clock), runner)

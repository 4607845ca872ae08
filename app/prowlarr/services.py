"""The services of Prowlarr, built on what the process owns."""

from dataclasses import dataclass

from app.infra import Infra
from app.instances.service import InstanceService
from app.prowlarr.refresh import ProwlarrRefresher
from app.prowlarr.service import ProwlarrService
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class ProwlarrServices:
    service: ProwlarrService
    refresher: ProwlarrRefresher

    @classmethod
    def build(cls, infra: Infra, settings: SettingsService, instances: InstanceService) -> "ProwlarrServices":
        return cls(ProwlarrService(infra, settings, instances), ProwlarrRefresher(infra, settings, instances))

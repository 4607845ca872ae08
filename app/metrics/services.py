"""The services of metrics."""

from dataclasses import dataclass

from app.infra import Infra
from app.metrics.service import MetricsService
from app.metrics.traffic import AppTraffic
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class MetricsServices:
    """`traffic` counts the requests to the apps; `service` answers a scrape."""

    traffic: AppTraffic
    service: MetricsService

    @classmethod
    def build(cls, infra: Infra, settings: SettingsService, traffic: AppTraffic) -> "MetricsServices":
        return cls(traffic, MetricsService(infra.db, infra.redis, settings, traffic, infra.clock))

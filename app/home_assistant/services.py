"""The services of Home Assistant's MQTT."""

from dataclasses import dataclass

from app.auth.audit import AuditTrail
from app.dashboard.service import StatsService
from app.events.bus import EventBus
from app.home_assistant.commands import Commands
from app.home_assistant.publisher import Publisher, Sources
from app.home_assistant.settings import MqttSettingsService
from app.hunting.service import HuntService
from app.infra import Infra
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class HomeAssistantServices:
    settings: MqttSettingsService
    publisher: Publisher

    @classmethod
    def build(
        cls,
        infra: Infra,
        settings: SettingsService,
        stats: StatsService,
        bus: EventBus,
        hunts: HuntService,
        audit: AuditTrail,
    ) -> "HomeAssistantServices":
        mqtt = MqttSettingsService(infra.db, infra.box, settings, infra.clock)
        sources = Sources(stats, settings, bus, Commands(hunts, settings, audit))
        return cls(mqtt, Publisher(mqtt, sources, infra.redis))

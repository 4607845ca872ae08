"""The services of Home Assistant's MQTT."""

from dataclasses import dataclass

from app.auth.audit import AuditTrail
from app.dashboard.service import StatsService
from app.events.bus import EventBus
from app.home_assistant.commands import CommandExecutor
from app.home_assistant.publisher import Publisher
from app.home_assistant.session import PublisherServices
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
        mqtt = MqttSettingsService(infra.db, infra.box, settings)
        commands = CommandExecutor(hunts, settings, audit)
        return cls(mqtt, Publisher(PublisherServices(mqtt, stats, settings, bus, commands), infra.redis))

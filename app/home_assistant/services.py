"""The services of Home Assistant's MQTT."""

from dataclasses import dataclass

from app.dashboard.service import StatsService
from app.events.bus import EventBus
from app.home_assistant.commands import CommandExecutor
from app.home_assistant.devices import SnapshotReader
from app.home_assistant.publisher import Publisher
from app.home_assistant.session import PublisherServices
from app.home_assistant.settings import MqttSettingsService
from app.infra import Infra
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class HomeAssistantServices:
    settings: MqttSettingsService
    publisher: Publisher

    @classmethod
    def build(
        cls, infra: Infra, settings: SettingsService, stats: StatsService, bus: EventBus, commands: CommandExecutor
    ) -> "HomeAssistantServices":
        mqtt = MqttSettingsService(infra.db, infra.box, settings)
        snapshots = SnapshotReader(infra.db, stats, settings, infra.clock)
        return cls(mqtt, Publisher(PublisherServices(mqtt, snapshots, bus, commands), infra.redis))

"""The services of the log."""

from dataclasses import dataclass

from app.events.bus import EventBus
from app.infra import Infra
from app.logs.store import LogStore
from app.logs.stream import LogStream
from app.logs.writer import LogWriter
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class LogServices:
    store: LogStore
    writer: LogWriter

    @classmethod
    def build(cls, infra: Infra, settings: SettingsService, bus: EventBus) -> "LogServices":
        store = LogStore(infra.db, settings, infra.clock)
        return cls(store, LogWriter(store, publish=LogStream(bus).publish))

"""The services of schedules."""

from dataclasses import dataclass

from app.actions.actions import ActionServices
from app.infra import Infra
from app.schedules.runner import ScheduleRunner
from app.schedules.service import ScheduleService
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class ScheduleServices:
    service: ScheduleService
    runner: ScheduleRunner

    @classmethod
    def build(cls, infra: Infra, settings: SettingsService, actions: ActionServices) -> "ScheduleServices":
        return cls(
            ScheduleService(infra.db, settings, actions.instances, infra.clock),
            ScheduleRunner(infra.db, infra.queue, settings, actions, infra.clock),
        )

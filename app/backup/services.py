"""The services of backups."""

from dataclasses import dataclass

from app.auth.services import AuthServices
from app.backup.folder import BackupFolder
from app.backup.planner import BackupPlanner
from app.backup.quiesce import HuntingQuiesce
from app.backup.service import BackupService
from app.hunting.services import HuntingServices
from app.infra import Infra
from app.settings.service import SettingsService


@dataclass(frozen=True, slots=True)
class BackupServices:
    """`service` makes and restores backups when asked, `planner` by the clock."""

    service: BackupService
    planner: BackupPlanner

    @classmethod
    def build(
        cls, infra: Infra, settings: SettingsService, hunting: HuntingServices, auth: AuthServices
    ) -> "BackupServices":
        service = BackupService(
            infra,
            settings,
            BackupFolder(infra.config.data_dir / "backups"),
            HuntingQuiesce(infra.db, settings, hunting.leases.held),
            forget=(auth.credentials.forget, hunting.row_counts.forget),
        )
        return cls(service, BackupPlanner(infra.db, infra.queue, settings, service, infra.clock))

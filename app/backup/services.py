"""The services of backups."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.auth.services import AuthServices
from app.backup.folder import BackupFolder
from app.backup.permission import RestorePermission
from app.backup.planner import BackupPlanner
from app.backup.quiesce import HuntingQuiesce
from app.backup.readable import Reader
from app.backup.service import BackupService, OtherFeatures
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
        cls,
        infra: Infra,
        settings: SettingsService,
        hunting: HuntingServices,
        auth: AuthServices,
        sections: Mapping[str, Reader],
    ) -> "BackupServices":
        service = BackupService(
            infra,
            settings,
            BackupFolder(infra.config.data_dir / "backups"),
            HuntingQuiesce(infra.db, settings, hunting.leases.held),
            RestorePermission(auth.accounts, auth.two_factor),
            OtherFeatures((auth.credentials.forget, hunting.row_counts.forget), sections),
        )
        return cls(service, BackupPlanner(infra.db, infra.queue, settings, service, infra.clock))

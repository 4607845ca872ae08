"""After a restore every list call answers: the readers of `readable.py` know all that the lists read."""

import pytest
from httpx import AsyncClient

from app.backup.readable import READERS
from app.backup.schemas import BackupIn
from app.backup.scope import saved_tables
from tests.backup.contents import OWNER, fill, restored
from tests.support.rig import Rig

LISTS = (
    "/api/instances",
    "/api/stats",
    "/api/stats/timeline",
    "/api/hunts?page_size=500",
    "/api/history?page_size=500",
    "/api/state?page_size=500",
    "/api/caps",
    "/api/schedules",
    "/api/schedules/1/runs",
    "/api/notifications/connections",
    "/api/webhooks/hooks",
    "/api/settings",
    "/api/settings/mqtt",
    "/api/backup/list",
    "/api/movie-hunt/movies?page_size=500",
    "/api/movie-hunt/queue?page_size=500",
    "/api/movie-hunt/history?page_size=500",
    "/api/movie-hunt/blocklist?page_size=500",
    "/api/movie-hunt/quality-profiles",
    "/api/movie-hunt/indexers",
    "/api/movie-hunt/download-clients",
    "/api/movie-hunt/root-folders",
    "/api/movie-hunt/settings",
    "/metrics",
)
# Nothing but numbers, times and texts that are shown as they are.
WITHOUT_READER = {
    "cap_entries",
    "hunt_states",
    "instances",  # read with the settings of their app type
    "movie_hunt_root_folders",
    "notification_states",
    "recovery_codes",
    "search_requests",
    "schedules",  # read with the time zone of the settings
    "stat_days",
    "users",
}


def test_every_table_of_a_backup_has_a_reader_or_needs_none() -> None:
    read = {str(table.__tablename__) for table in READERS}
    assert {table.name for table in saved_tables()} == read | WITHOUT_READER


@pytest.mark.asyncio
@pytest.mark.storage
async def test_after_a_restore_every_list_call_answers(rig: Rig) -> None:
    await fill(rig.container.infra.db)
    made = await rig.container.backups.service.create(BackupIn(), OWNER)
    await restored(rig, made.filename)
    async with rig.gateway() as api:
        assert {path: await _status(api, path) for path in LISTS} == dict.fromkeys(LISTS, 200)


async def _status(api: AsyncClient, path: str) -> int:
    return (await api.get(path)).status_code

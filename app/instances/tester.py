"""Tests the connection to an app: at once, or in the background by a worker."""

from datetime import timedelta

from app.arr.errors import ArrError
from app.arr.http import ArrHttp
from app.arr.models import AppType, Connection
from app.arr.probe import Probe, probe
from app.arr.registry import make_client
from app.core.queue import NOW, PROBE_INSTANCE, Queue, try_enqueue
from app.instances.access import AppAccess
from app.settings.filters import ResolvedFilters, ids_by_name, needs_tags
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService

MAX_PROBE_SECONDS = 50.0  # a probe may ask twice, and a caller waits for at most two minutes


class ConnectionTester:
    """Tests connections with the general settings in force."""

    def __init__(self, queue: Queue, http: ArrHttp, settings: SettingsService) -> None:
        self._queue = queue
        self._http = http
        self._settings = settings

    async def test(self, app_type: AppType, access: AppAccess) -> Probe:
        return await probe(self._http, app_type, await self._connection(access))

    async def warnings(
        self, app_type: AppType, access: AppAccess, found: Probe, hunting: HuntingSettings | None
    ) -> list[str]:
        """What is wrong with the settings of an app that answers: names in its filters that it does not know."""
        if not found.ok or hunting is None or not (needs_tags(hunting) or hunting.exclude_quality_profiles):
            return []
        client = make_client(app_type, self._http, await self._connection(access), found.variant)
        try:
            tags = (await client.tags()).items() if needs_tags(hunting) else ()
            profiles = await client.quality_profiles() if hunting.exclude_quality_profiles else ()
        except ArrError as failure:
            return [f"The tags and profiles of the filters could not be read: {failure.message}"]
        named = ((profile.profile_id, profile.name) for profile in profiles)
        filters = ResolvedFilters.of(hunting, ids_by_name(tags), ids_by_name(named))
        return [name.sentence(client.app_name) for name in filters.unknown]

    async def _connection(self, access: AppAccess) -> Connection:
        general = await self._settings.general()
        seconds = min(float(general.api_timeout_seconds), MAX_PROBE_SECONDS)
        return access.connection(timeout_seconds=seconds, verify_tls=general.verify_tls)

    async def enqueue(self, instance_id: int, *, age: timedelta = NOW) -> bool:
        """Have a worker test the stored instance, which waits since `age`; false without Redis: a later tick asks
        again, and so it does when the worker died over the test."""
        return await try_enqueue(self._queue, PROBE_INSTANCE, instance_id, key=f"probe:{instance_id}", age=age)

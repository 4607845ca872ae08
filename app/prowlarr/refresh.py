"""Reads every Prowlarr from time to time: at most four requests each, and a write only when something changed."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlmodel import col, select

from app.arr.errors import ArrError
from app.arr.models import AppType
from app.arr.prowlarr import IndexerUse, ProwlarrClient
from app.core.errors import NotFound
from app.core.slots import is_first_in_slot
from app.infra import Infra
from app.instances.models import Instance, InstanceState
from app.instances.service import InstanceService
from app.prowlarr.indexers import StoredIndexer
from app.prowlarr.known import Figures, known_of
from app.prowlarr.models import ProwlarrState
from app.settings.prowlarr import ProwlarrSettings
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

MAX_REQUESTS = 4
STATUS_AND_DAY = 2
"""Requests that every refresh makes: what is disabled, and the statistics of a day."""
READ_AGAIN_AFTER = timedelta(hours=1)
"""The list of indexers, the applications and the status: one of them in a refresh."""
WRITTEN_EVERY = timedelta(minutes=30)
SAME_MOMENT = timedelta(seconds=10)
"""Prowlarr tells its time in whole seconds: the difference of the clocks is never measured the same twice."""
HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)


class ProwlarrRefresher:
    """Keeps the figures of all Prowlarrs up to date."""

    def __init__(self, infra: Infra, settings: SettingsService, instances: InstanceService) -> None:
        self._infra = infra
        self._clock = infra.clock
        self._settings = settings
        self._instances = instances

    async def refresh_due(self) -> None:
        """Read every enabled Prowlarr whose time has come, all at once; one that fails holds up no other."""
        async with self._infra.db.glance() as session:
            query = select(Instance).where(Instance.app_type == AppType.PROWLARR, col(Instance.enabled))
            rows = (await session.exec(query)).all()
        async with asyncio.TaskGroup() as group:
            for row in rows:
                minutes = ProwlarrSettings.model_validate(row.overrides).refresh_minutes
                key = f"prowlarr:{row.id}:{row.updated_at.timestamp():.0f}"
                if await is_first_in_slot(self._infra.redis, key, minutes, self._clock()):
                    group.create_task(self.refresh(row.id or 0))

    async def refresh(self, instance_id: int) -> None:
        """Read one Prowlarr and store what changed. A failure is found in the state of the instance."""
        now = self._clock()
        async with self._infra.db.reading() as session:
            row = await session.get(Instance, instance_id)
            state = await session.get(InstanceState, instance_id)
            known = await session.get(ProwlarrState, instance_id)
        if row is None or state is None or (state.rest_until is not None and now < state.rest_until):
            return
        before = known_of(row, known).figures
        is_known = state.online is True and state.checked_at is not None and now - state.checked_at < READ_AGAIN_AFTER
        if not is_known and not await self._instances.probe(instance_id):
            return
        requests, client = MAX_REQUESTS - (not is_known), await self._client(row)
        try:
            figures = await self._read(client, before, now, requests=requests)
        except ArrError as failure:
            log.warning("Prowlarr not read", instance_id=instance_id, error=failure.message)
            if client.requests < requests:
                await self._instances.probe(instance_id)
            return
        if _is_news(before, figures):
            await self._store(instance_id, row.address, figures)

    async def _read(self, client: ProwlarrClient, before: Figures | None, now: datetime, *, requests: int) -> Figures:
        """`requests`: how many may be made."""
        found = before if before is not None and requests < MAX_REQUESTS else await _with_list(client, before, now)
        requests -= found is not before
        asked_at = self._clock()
        disabled, their_time = await client.disabled()
        ahead = their_time - asked_at if their_time is not None else timedelta(0)
        day = await client.statistics(now + ahead - DAY)
        hour = day  # more than the hour's figures, so nothing is spent that is not there
        if any(each.indexer.window_hours == 1 for each in found.indexers) and requests > STATUS_AND_DAY:
            hour = await client.statistics(now + ahead - HOUR)
        until = {indexer_id: at - ahead for indexer_id, at in disabled.items()}
        indexers = [
            each.with_use(
                (hour if each.indexer.window_hours == 1 else day).indexers.get(each.indexer.indexer_id, IndexerUse()),
                _steady(each.disabled_until, until.get(each.indexer.indexer_id)),
            )
            for each in found.indexers
        ]
        return replace(found, measured_at=now, indexers=indexers, agents=day.agents)

    async def _client(self, row: Instance) -> ProwlarrClient:
        general = await self._settings.general()
        return ProwlarrClient(self._infra.http, self._instances.connection(row, general))

    async def _store(self, instance_id: int, url: str, figures: Figures) -> None:
        async with self._infra.db.session() as session:
            try:
                row = await self._instances.require(session, instance_id, lock=True)
            except NotFound:
                return
            if row.url != url:
                return
            await session.merge(figures.row(instance_id, url))


async def _with_list(client: ProwlarrClient, before: Figures | None, now: datetime) -> Figures:
    """`before` with the list of indexers or of applications read anew, where one is old; one request at most."""
    if before is None or now - before.listed_at > READ_AGAIN_AFTER:
        listed = [StoredIndexer(each) for each in await client.indexers()]
        return Figures(now, now, listed) if before is None else replace(before, listed_at=now, indexers=listed)
    if before.applications_at is None or now - before.applications_at > READ_AGAIN_AFTER:
        return replace(before, applications_at=now, applications=await client.applications())
    return before


def _steady(before: datetime | None, at: datetime | None) -> datetime | None:
    """`at`, or what was measured `before` where it is the same moment."""
    return before if before is not None and at is not None and abs(at - before) < SAME_MOMENT else at


def _is_news(before: Figures | None, after: Figures) -> bool:
    """Whether `after` is worth a write; a young reading with the same figures is not."""
    if before is None or after.measured_at - before.measured_at >= WRITTEN_EVERY:
        return True
    return replace(before, measured_at=after.measured_at) != after

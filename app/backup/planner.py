"""Scheduled backups: one for each moment of `backup_cron`, however many workers tick."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from app.backup.manifest import BackupKind
from app.backup.models import PLAN_ID, BackupPlan
from app.backup.service import BackupService
from app.core.clock import Clock, claim_holds
from app.core.db import Database, upsert
from app.core.errors import HuntarrError
from app.core.loops import running
from app.core.queue import RUN_BACKUP, Queue, try_enqueue
from app.schedules.timing import Cron, fire
from app.settings.general import GeneralSettings
from app.settings.service import SettingsService

log = structlog.get_logger(__name__)

CLAIM_LASTS: Final = timedelta(minutes=1)
RENEW_SECONDS: Final = 20.0
MAX_ATTEMPTS: Final = 3


class BackupPlanner:
    """The row says what is due and which worker makes it; the queue only wakes a worker."""

    def __init__(
        self, db: Database, queue: Queue, settings: SettingsService, backups: BackupService, clock: Clock
    ) -> None:
        self._db = db
        self._queue = queue
        self._settings = settings
        self._backups = backups
        self._clock = clock

    async def tick(self) -> None:
        """Write down what has become due, and enqueue a job as long as no worker has claimed it."""
        now = self._clock()
        if await self._is_up_to_date(now):
            return
        async with self._db.session() as session:
            general = await self._settings.general_in(session)
            plan = await self._plan(session, general)
            _advance(plan, general, now)
        if plan.due_at is not None and not claim_holds(plan.claimed_at, CLAIM_LASTS, now):
            key = f"backup:{int(plan.due_at.timestamp())}:{plan.attempts}"
            await try_enqueue(self._queue, RUN_BACKUP, key=key, age=now - plan.due_at)

    async def request(self) -> None:
        """Have a backup made now, besides the scheduled ones; one that is due already serves as it."""
        async with self._db.session() as session:
            plan = await self._plan(session, await self._settings.general_in(session))
            plan.due_at = plan.due_at or self._clock()
        await self.tick()

    async def run(self) -> None:
        """Make the backup that is due, unless another worker is making it or has made it."""
        due_at = await self._claim()
        if due_at is None:
            return
        try:
            async with running(self._renew(due_at)):
                if not await self._is_made(due_at):
                    await self._backups.create_scheduled()
        except HuntarrError:  # logged already; the claim expires and a worker tries again
            return
        await self._done(due_at)

    async def _claim(self) -> datetime | None:
        now = self._clock()
        async with self._db.session() as session:
            plan = await _locked(session)
            if plan is None or plan.due_at is None or claim_holds(plan.claimed_at, CLAIM_LASTS, now):
                return None
            due_at = plan.due_at
            if plan.attempts >= MAX_ATTEMPTS:
                log.error("backup given up", due_at=due_at.isoformat(), attempts=plan.attempts)
                _clear(plan)
            else:
                plan.claimed_at, plan.attempts = now, plan.attempts + 1
        return due_at if plan.due_at is not None else None

    async def _is_made(self, due_at: datetime) -> bool:
        """Whether the file exists already: a worker may have died before it updated the row."""
        scheduled = [
            row for row in await self._backups.all() if row.kind is BackupKind.SCHEDULED and row.damaged is None
        ]
        return any(due_at <= row.created_at <= self._clock() for row in scheduled)

    async def _done(self, due_at: datetime) -> None:
        async with self._db.session() as session:
            plan = await _locked(session)
            if plan is not None and plan.due_at == due_at:
                _clear(plan)

    async def _renew(self, due_at: datetime) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._db.session() as session:
                    plan = await _locked(session)
                    if plan is not None and plan.due_at == due_at:
                        plan.claimed_at = self._clock()
            except HuntarrError as failure:
                log.warning("backup claim not renewed", error=failure.message)

    async def _is_up_to_date(self, now: datetime) -> bool:
        """Whether nothing is due and nothing would be written. It does not write."""
        async with self._db.reading() as session:
            general = await self._settings.general_in(session)
            plan = await session.get(BackupPlan, PLAN_ID)
        if plan is None or plan.due_at is not None:
            return False
        before = plan.model_dump()
        _advance(plan, general, now)
        return plan.model_dump() == before

    async def _plan(self, session: AsyncSession, general: GeneralSettings) -> BackupPlan:
        fresh = BackupPlan(cron="", zone=general.timezone).model_dump()
        await upsert(session, BackupPlan, [fresh], key=["id"])
        return await session.get_one(BackupPlan, PLAN_ID, with_for_update=True, populate_existing=True)


async def _locked(session: AsyncSession) -> BackupPlan | None:
    return await session.get(BackupPlan, PLAN_ID, with_for_update=True, populate_existing=True)


def _advance(plan: BackupPlan, general: GeneralSettings, now: datetime) -> None:
    """Move the plan on to `now` and to the current settings."""
    rule = Cron(general.backup_cron, general.zone)
    wanted = (general.backup_cron, general.timezone) if general.backup_enabled else ("", general.timezone)
    if (plan.cron, plan.zone) != wanted:  # a new rule counts from now on: nothing of it was missed
        plan.cron, plan.zone = wanted
        plan.next_at = rule.next_after(now) if plan.cron else None
        if not plan.cron:
            _clear(plan)
    elif plan.next_at is not None and plan.next_at > now:
        # Earlier than planned only if the clock was set back.
        plan.next_at = rule.next_after(now)
    elif plan.next_at is not None:
        firing = fire(rule, plan.next_at, now)
        plan.next_at, plan.due_at = firing.next_at, plan.due_at or firing.run_at
        if firing.run_at is None and firing.missed_at is not None:
            log.warning("backup missed", due_at=firing.missed_at.isoformat())


def _clear(plan: BackupPlan) -> None:
    plan.due_at, plan.claimed_at, plan.attempts = None, None, 0

"""Reading what the hunts left behind: history, the state of items, caps; and forgetting on request."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, delete, false, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database
from app.core.schemas import Page
from app.hunting.budget import DAY, Spent, Window, caps
from app.hunting.models import OPEN, CapEntry, Hunt, Ledger, Outcome, Search, Skip
from app.hunting.policy import Rules, wait_after
from app.hunting.schemas import (
    CapOut,
    InstanceCapsOut,
    SearchOut,
    StateOut,
    StateResetIn,
    StateResetOut,
    StateStatus,
)
from app.instances.models import Instance, InstanceState
from app.instances.service import InstanceService
from app.settings.hunting import HuntingSettings, effective
from app.settings.service import SettingsService

DELETE_BATCH = 5000
MOST_STEPS = 200


class HuntRecords:
    """The read side of the books."""

    def __init__(self, db: Database, instances: InstanceService, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._instances = instances
        self._defaults = settings
        self._clock = clock

    async def history(
        self,
        *,
        app_type: AppType | None,
        instance_id: int | None,
        hunt_pass: HuntPass | None,
        outcome: Outcome | None,
        search: str | None,
        since: datetime | None,
        until: datetime | None,
        page: int,
        page_size: int,
    ) -> Page[SearchOut]:
        """Searches, newest first."""
        wanted: list[ColumnElement[bool]] = []
        for column, value in (
            (Search.app_type, app_type), (Search.instance_id, instance_id), (Search.hunt_pass, hunt_pass),
            (Search.outcome, outcome),
        ):  # fmt: skip
            if value is not None:
                wanted.append(col(column) == value)
        if search:
            wanted.append(col(Search.title).icontains(search, autoescape=True))
        if since is not None:
            wanted.append(col(Search.searched_at) >= since)
        if until is not None:
            wanted.append(col(Search.searched_at) < until)
        async with self._db.reading() as session:
            query = select(Search).where(*wanted).order_by(col(Search.id).desc())
            rows = (await session.exec(query.offset((page - 1) * page_size).limit(page_size))).all()
            total = (await session.exec(select(func.count()).select_from(Search).where(*wanted))).one()
        items = [SearchOut.model_validate(row) for row in rows]
        return Page[SearchOut](items=items, total=total, page=page, page_size=page_size)

    async def clear_history(self, *, app_type: AppType | None, instance_id: int | None) -> int:
        """Delete searches that have ended; caps, cooldowns and statistics do not change."""
        wanted: list[ColumnElement[bool]] = [col(Search.outcome).not_in([Outcome.SENDING.value, Outcome.PENDING.value])]
        if app_type is not None:
            wanted.append(col(Search.app_type) == app_type)
        if instance_id is not None:
            wanted.append(col(Search.instance_id) == instance_id)
        return await self._delete_in_batches(Search, wanted)

    async def purge(self, retention_days: int) -> None:
        """The retention: old searches and hunts, and cap entries that no window can see any more."""
        now = self._clock()
        await self._delete_in_batches(CapEntry, [col(CapEntry.reserved_at) < now - 2 * DAY])
        if retention_days:
            oldest = now - timedelta(days=retention_days)
            await self._delete_in_batches(Search, [col(Search.searched_at) < oldest])
            await self._delete_in_batches(Hunt, [col(Hunt.queued_at) < oldest, col(Hunt.status).not_in(OPEN)])
        old = select(Hunt.id).where(col(Hunt.queued_at) < now - timedelta(days=30))
        await self._delete_in_batches(Skip, [col(Skip.hunt_id).in_(old)])

    async def states(
        self, *, instance_id: int | None, status: StateStatus | None, page: int, page_size: int
    ) -> Page[StateOut]:
        """Ledger rows, the latest search first, with the cooldown that the settings of now give them."""
        now = self._clock()
        async with self._db.reading() as session:
            settings = await self._settings(session, instance_id)
            resets = dict((await session.exec(select(InstanceState.instance_id, InstanceState.reset_at))).all())
            wanted: list[ColumnElement[bool]] = [col(Ledger.instance_id).in_(settings)]
            if status is not None:
                cooling = _cooling(settings, now)
                wanted.append(cooling if status is StateStatus.COOLDOWN else ~cooling)
            order = (col(Ledger.last_searched_at).desc(), col(Ledger.instance_id), col(Ledger.media_key))
            query = select(Ledger).where(*wanted).order_by(*order).offset((page - 1) * page_size).limit(page_size)
            rows = (await session.exec(query)).all()
            total = (await session.exec(select(func.count()).select_from(Ledger).where(*wanted))).one()
        items = [_state(row, settings[row.instance_id], resets.get(row.instance_id), now) for row in rows]
        return Page[StateOut](items=items, total=total, page=page, page_size=page_size)

    async def reset_state(self, given: StateResetIn) -> StateResetOut:
        """Forget searches, the apps' own record of them too; the history and the caps stay as they are."""
        now = self._clock()
        async with self._db.session() as session:
            ids = select(Instance.id)
            if given.instance_id is not None:
                await self._instances.require(session, given.instance_id)
                ids = ids.where(Instance.id == given.instance_id)
            if given.app_type is not None:
                ids = ids.where(Instance.app_type == given.app_type)
            changes = {"reset_at": now, "fruitless": 0}
            if given.media_key is not None:
                rows = update(Ledger).where(col(Ledger.instance_id).in_(ids), col(Ledger.media_key) == given.media_key)
                items = await session.exec(rows.values(**changes))
                return StateResetOut(instances=0, items=items.rowcount)
            items = await session.exec(update(Ledger).where(col(Ledger.instance_id).in_(ids)).values(**changes))
            states = update(InstanceState).where(col(InstanceState.instance_id).in_(ids)).values(reset_at=now)
            return StateResetOut(instances=(await session.exec(states)).rowcount, items=items.rowcount)

    async def caps(self) -> list[InstanceCapsOut]:
        """The caps of every instance."""
        now = self._clock()
        async with self._db.reading() as session:
            settings = await self._settings(session, None)
            instances = (await session.exec(select(Instance).order_by(col(Instance.id)))).all()
            entries = await session.exec(
                select(CapEntry.instance_id, CapEntry.reserved_at, CapEntry.units).where(
                    col(CapEntry.reserved_at) > now - DAY
                )
            )
            spent: dict[int, list[Spent]] = {}
            for instance_id, at, units in entries.all():
                spent.setdefault(instance_id, []).append(Spent(at, units))
        return [_caps(one, settings[one.id or 0], spent.get(one.id or 0, []), now) for one in instances]

    async def _settings(self, session: AsyncSession, instance_id: int | None) -> dict[int, HuntingSettings]:
        query = select(Instance)
        if instance_id is not None:
            query = query.where(Instance.id == instance_id)
        defaults = await self._defaults.all_hunting_defaults(session)
        rows = (await session.exec(query)).all()
        return {row.id or 0: effective(defaults[AppType(row.app_type)], row.overrides) for row in rows}

    async def _delete_in_batches(self, table: Any, wanted: Sequence[ColumnElement[bool]]) -> int:
        """Short transactions, so that a hunt never waits for a clean-up."""
        deleted = 0
        while True:
            async with self._db.session() as session:
                batch = select(table.id).where(*wanted).limit(DELETE_BATCH)
                gone = (await session.exec(delete(table).where(col(table.id).in_(batch)))).rowcount
            deleted += gone
            if gone < DELETE_BATCH:
                return deleted


def _waits(settings: HuntingSettings, hunt_pass: HuntPass) -> list[timedelta]:
    """The cooldown after 0, 1, 2 … fruitless searches; the last one holds from there on."""
    rules = Rules(
        cooldown=timedelta(hours=settings.of(hunt_pass).cooldown_hours),
        backoff_factor=settings.backoff_factor,
        backoff_max=timedelta(days=settings.backoff_max_days),
    )
    waits = [wait_after(rules, 0)]
    while (longer := wait_after(rules, len(waits))) > waits[-1] and len(waits) < MOST_STEPS:
        waits.append(longer)
    return waits


def _cooling(settings: Mapping[int, HuntingSettings], now: datetime) -> ColumnElement[bool]:
    """Rows that are cooling down; instances with the same cooldowns share their terms."""
    groups: dict[tuple[HuntPass, tuple[timedelta, ...]], list[int]] = {}
    for instance_id, one in settings.items():
        for hunt_pass in HuntPass:
            groups.setdefault((hunt_pass, tuple(_waits(one, hunt_pass))), []).append(instance_id)
    terms: list[ColumnElement[bool]] = [false()]
    for (hunt_pass, waits), ids in groups.items():
        ours = and_(col(Ledger.instance_id).in_(ids), col(Ledger.hunt_pass) == hunt_pass.value)
        for step, wait in enumerate(waits):
            is_step = col(Ledger.fruitless) >= step if step == len(waits) - 1 else col(Ledger.fruitless) == step
            terms.append(and_(ours, is_step, col(Ledger.last_searched_at) > now - wait))
    not_forgotten = or_(col(Ledger.reset_at).is_(None), col(Ledger.last_searched_at) > col(Ledger.reset_at))
    return and_(not_forgotten, or_(*terms))


def _state(row: Ledger, settings: HuntingSettings, reset_at: datetime | None, now: datetime) -> StateOut:
    resets = [at for at in (row.reset_at, reset_at) if at is not None]
    searched = row.last_searched_at
    until = None
    if searched is not None and (not resets or searched > max(resets)):
        waits = _waits(settings, HuntPass(row.hunt_pass))
        until = searched + waits[min(row.fruitless, len(waits) - 1)]
    cools = until is not None and now < until
    return StateOut(
        instance_id=row.instance_id, hunt_pass=HuntPass(row.hunt_pass), media_key=row.media_key, unit=row.unit,
        title=row.title, status=StateStatus.COOLDOWN if cools else StateStatus.READY, last_searched_at=searched,
        cooldown_until=until if cools else None, fruitless=row.fruitless, last_outcome=row.last_outcome,
    )  # fmt: skip


def _caps(instance: Instance, settings: HuntingSettings, spent: Sequence[Spent], now: datetime) -> InstanceCapsOut:
    found = caps(spent, hourly=settings.hourly_cap, daily=settings.daily_cap, now=now)
    return InstanceCapsOut(
        instance_id=instance.id or 0, name=instance.name, app_type=AppType(instance.app_type),
        hour=_cap(found.hour), day=_cap(found.day),
    )  # fmt: skip


def _cap(window: Window) -> CapOut:
    return CapOut(used=window.used, cap=window.cap, left=window.left, resets_at=window.resets_at)

"""Reading what the hunts left behind: history, the state of items, caps; and forgetting on request."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import case, col, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.retention import delete_in_batches
from app.core.row_counts import RowCounts
from app.core.schemas import Page
from app.history.filters import HistoryFilter
from app.history.item_states import ItemStatePages
from app.hunting.schemas import (
    CapOut,
    HistoryPage,
    InstanceCapsOut,
    SearchOut,
    StateOut,
    StateResetIn,
    StateResetOut,
)
from app.hunting.selection.policy import StateStatus
from app.hunting.store.caps import DAY, HOUR, Window
from app.hunting.store.models import (
    OPEN,
    UNSETTLED,
    AppSnapshot,
    CapEntry,
    Hunt,
    HuntState,
    HuntStatus,
    ItemState,
    Outcome,
    Search,
    Skip,
)
from app.hunting.store.reasons import HuntReason
from app.instances.models import Instance, InstanceState
from app.instances.service import InstanceService
from app.settings.hunting import HuntingSettings, effective
from app.settings.service import SettingsService

DELETE_BATCH_ROWS = 5000
LOOKED_THROUGH = 300_000
"""A text is looked for in so many searches at a time: half a second on a small machine, years of a small history."""
SKIPS_LAST = timedelta(days=30)
GONE = "The instance was deleted."


class HistoryService:
    """The read side of the books."""

    def __init__(
        self, db: Database, instances: InstanceService, settings: SettingsService, totals: RowCounts, clock: Clock
    ) -> None:
        self._db = db
        self._instances = instances
        self._defaults = settings
        self._totals = totals
        self._clock = clock

    async def history(
        self, wanted: HistoryFilter, *, page: int, page_size: int, most_looked_through: int = LOOKED_THROUGH
    ) -> HistoryPage:
        """Searches, newest first."""
        query = select(Search).order_by(col(Search.searched_at).desc(), col(Search.id).desc())
        back_to = None
        async with self._db.reading() as session:
            if wanted.search:
                back_to = await _reach(session, wanted, most_looked_through)
                wanted = replace(wanted, since=back_to or wanted.since)
            rows, total = await self._totals.page(session, query, Search, wanted, page=page, page_size=page_size)
        items = [_searched(row) for row in rows]
        return HistoryPage(items=items, total=total, page=page, page_size=page_size, searched_back_to=back_to)

    async def clear_history(self, wanted: HistoryFilter) -> int:
        """Delete searches of hunts that are over; caps, cooldowns and statistics do not change."""
        running = select(Hunt.id).where(col(Hunt.status).in_(OPEN))
        over = [col(Search.outcome).not_in(UNSETTLED), col(Search.hunt_id).not_in(running)]
        deleted = await delete_in_batches(self._db, Search, *over, *wanted.terms(), batch_rows=DELETE_BATCH_ROWS)
        self._totals.forget()
        return deleted

    async def delete_instance(self, app_type: AppType, instance_id: int) -> None:
        """Its state, caps and ledger go with it; its hunts end, and the history stays under its name."""
        now = self._clock()
        async with self._db.session() as session:
            row = await self._instances.require(session, instance_id, app_type)
            for table in (InstanceState, HuntState):  # a worker locks in this order
                await session.get(table, instance_id, with_for_update=True)
            hunts = update(Hunt).where(col(Hunt.instance_id) == row.id, col(Hunt.status).in_(OPEN))
            ended = {"reason": HuntReason.DELETED.value, "message": GONE, "ended_at": now}
            await session.exec(hunts.values(status=HuntStatus.CANCELLED.value, **ended))
            searches = update(Search).where(col(Search.instance_id) == row.id, col(Search.outcome).in_(UNSETTLED))
            await session.exec(searches.values(outcome=Outcome.UNKNOWN.value, message=GONE, ended_at=now))
            await session.exec(delete(Instance).where(col(Instance.id) == row.id))

    async def purge(self, retention_days: int) -> None:
        """The retention: old searches and hunts, and cap entries that no window can see any more."""
        now = self._clock()
        await delete_in_batches(
            self._db, CapEntry, col(CapEntry.reserved_at) < now - 2 * DAY, batch_rows=DELETE_BATCH_ROWS
        )
        if retention_days:
            oldest = now - timedelta(days=retention_days)
            await delete_in_batches(self._db, Search, col(Search.searched_at) < oldest, batch_rows=DELETE_BATCH_ROWS)
            await delete_in_batches(
                self._db,
                Hunt,
                col(Hunt.queued_at) < oldest,
                col(Hunt.status).not_in(OPEN),
                batch_rows=DELETE_BATCH_ROWS,
            )
        async with self._db.reading() as session:
            newest = select(Hunt.id).where(col(Hunt.queued_at) < now - SKIPS_LAST).order_by(col(Hunt.queued_at).desc())
            last = (await session.exec(newest.limit(1))).first()
        if last is not None:
            await delete_in_batches(self._db, Skip, col(Skip.hunt_id) <= last, batch_rows=DELETE_BATCH_ROWS)
        self._totals.forget()

    async def states(
        self, *, instance_id: int | None, status: StateStatus | None, page: int, page_size: int
    ) -> Page[StateOut]:
        """Ledger rows, the latest search first, with the cooldown that the settings of now give them."""
        async with self._db.reading() as session:
            settings = await self._settings(session, instance_id)
            snapshots = {row.instance_id: row for row in (await session.exec(select(AppSnapshot))).all()}
            pages = ItemStatePages(settings, snapshots, self._clock())
            return await pages.read(session, status, page=page, page_size=page_size)

    async def reset_state(self, given: StateResetIn) -> StateResetOut:
        """Forget searches, the apps' own record of them too; the history and the caps stay as they are."""
        now = self._clock()
        ids = select(Instance.id)
        if given.app_type is not None:
            ids = ids.where(Instance.app_type == given.app_type)
        async with self._db.session() as session:
            if given.instance_id is not None:
                await self._instances.require(session, given.instance_id, given.app_type)
                ids = ids.where(Instance.id == given.instance_id)
            rows = update(ItemState).where(col(ItemState.instance_id).in_(ids)).values(reset_at=now, fruitless=0)
            if given.media_key is not None:
                if given.instance_id is not None:
                    await _make_known(session, given.instance_id, given.media_key)
                items = await session.exec(rows.where(col(ItemState.media_key) == given.media_key))
                return StateResetOut(instances=0, items=items.rowcount)
            items = await session.exec(rows)
            states = update(HuntState).where(col(HuntState.instance_id).in_(ids)).values(reset_at=now)
            return StateResetOut(instances=(await session.exec(states)).rowcount, items=items.rowcount)

    async def caps(self) -> list[InstanceCapsOut]:
        """The caps of every instance."""
        now = self._clock()
        async with self._db.reading() as session:
            settings = await self._settings(session, None)
            instances = (await session.exec(select(Instance).order_by(col(Instance.id)))).all()
            spent = await spent_by_instance(session, now)
        return [_caps(one, settings[one.id or 0], spent.get(one.id or 0, Spending())) for one in instances]

    async def _settings(self, session: AsyncSession, instance_id: int | None) -> dict[int, HuntingSettings]:
        query = select(Instance)
        if instance_id is not None:
            query = query.where(Instance.id == instance_id)
        defaults = await self._defaults.all_hunting_defaults(session)
        rows = (await session.exec(query)).all()
        return {row.id or 0: effective(defaults[AppType(row.app_type)], row.overrides) for row in rows}


def _searched(row: Search) -> SearchOut:
    """The row, with the times that the app itself measured."""
    began_at = row.command_began_at
    return SearchOut.model_validate(
        {
            **row.model_dump(),
            "seconds_to_grab": _seconds(began_at, row.grabbed_at),
            "seconds_to_import": _seconds(began_at, row.imported_at),
        }
    )


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else max(0, round((end - start).total_seconds()))


async def _make_known(session: AsyncSession, instance_id: int, media_key: str) -> None:
    """A ledger row of every pass, so that a reset holds also for an item that only the app itself searched."""
    unit = media_key.partition(":")[0]
    row = {"instance_id": instance_id, "media_key": media_key, "unit": unit, "title": media_key, "fruitless": 0}
    rows = [{**row, "hunt_pass": hunt_pass.value} for hunt_pass in HuntPass]
    await upsert(session, ItemState, rows, key=["instance_id", "hunt_pass", "media_key"])


@dataclass(frozen=True, slots=True)
class Spending:
    """Units that were reserved in the last hour and day, and when the first of them was."""

    hour: int = 0
    day: int = 0
    hour_began_at: datetime | None = None
    day_began_at: datetime | None = None


async def spent_by_instance(session: AsyncSession, now: datetime) -> dict[int, Spending]:
    """What the sliding caps of every instance hold now; added up by the database."""
    in_hour = col(CapEntry.reserved_at) > now - HOUR
    units, at = col(CapEntry.units), col(CapEntry.reserved_at)
    query: Any = (
        select(CapEntry.instance_id, func.sum(case((in_hour, units), else_=0)), func.sum(units))
        .add_columns(func.min(case((in_hour, at))), func.min(at))
        .where(at > now - DAY)
        .group_by(col(CapEntry.instance_id))
    )
    rows = (await session.exec(query)).all()
    return {row[0]: Spending(int(row[1]), int(row[2]), row[3], row[4]) for row in rows}


def _caps(instance: Instance, settings: HuntingSettings, spent: Spending) -> InstanceCapsOut:
    return InstanceCapsOut(
        instance_id=instance.id or 0,
        name=instance.name,
        app_type=AppType(instance.app_type),
        hour=_cap(spent.hour, settings.hourly_cap, spent.hour_began_at, HOUR),
        day=_cap(spent.day, settings.daily_cap, spent.day_began_at, DAY),
    )


def _cap(used: int, cap: int, began_at: datetime | None, length: timedelta) -> CapOut:
    window = Window(used, cap, began_at + length if began_at else None)
    return CapOut(used=used, cap=cap, left=window.left, resets_at=window.resets_at)


async def _reach(session: AsyncSession, wanted: HistoryFilter, most: int) -> datetime | None:
    """The moment behind which a text is not looked for, if anything is there that is asked for."""
    newest = select(Search.id).order_by(col(Search.searched_at).desc(), col(Search.id).desc()).limit(1)
    if wanted.until is not None:
        newest = newest.where(col(Search.searched_at) < wanted.until)
    first = (await session.exec(newest)).first() or 0
    older = select(Search.searched_at).where(col(Search.id) <= first - most).order_by(col(Search.id).desc()).limit(1)
    back_to = (await session.exec(older)).first()
    is_all = back_to is None or (wanted.since is not None and wanted.since >= back_to)
    return None if is_all else back_to

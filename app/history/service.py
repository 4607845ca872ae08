"""The history of searches, the item states and the caps: reading them, clearing them, and their retention."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.core.pagination import is_deep
from app.core.retention import delete_in_batches
from app.core.row_counts import RowCounts
from app.core.schemas import Page
from app.history.budgets import budget_out
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
from app.hunting.store.budgets import NO_BUDGET, budget_gates
from app.hunting.store.cap_entries import used_by_instance
from app.hunting.store.caps import DAY, UsedUnits
from app.hunting.store.models import (
    OPEN,
    UNSETTLED,
    AppSnapshot,
    CapEntry,
    Hunt,
    HuntState,
    ItemState,
    Search,
    Skip,
)
from app.instances.models import Instance
from app.instances.service import InstanceService
from app.prowlarr.budget import BudgetGate
from app.settings.hunting import HuntingSettings, effective
from app.settings.service import SettingsService

DELETE_BATCH_ROWS = 5000
MAX_LOOKED_THROUGH = 300_000
"""A page looks for a text in so many searches: half a second on a small machine, years of a small history."""
SKIPS_KEPT = timedelta(days=30)


class HistoryService:
    """Reads what the hunts wrote, and deletes or resets it on request."""

    def __init__(
        self, db: Database, instances: InstanceService, settings: SettingsService, row_counts: RowCounts, clock: Clock
    ) -> None:
        self._db = db
        self._instances = instances
        self._settings = settings
        self._row_counts = row_counts
        self._clock = clock

    async def history(
        self, wanted: HistoryFilter, *, page: int, page_size: int, max_looked_through: int = MAX_LOOKED_THROUGH
    ) -> HistoryPage:
        """Searches, newest first."""
        query = select(Search).order_by(col(Search.searched_at).desc(), col(Search.id).desc())
        back_to = None
        async with self._db.reading(is_heavy=wanted.is_heavy or is_deep(page, page_size)) as session:
            if wanted.search:
                back_to = await _searched_back_to(session, wanted, max_looked_through)
                wanted = replace(wanted, since=back_to or wanted.since)
            rows, total = await self._row_counts.page(session, query, Search, wanted, page=page, page_size=page_size)
        items = [search_out(row) for row in rows]
        return HistoryPage(items=items, total=total, page=page, page_size=page_size, searched_back_to=back_to)

    async def clear_history(self, wanted: HistoryFilter) -> int:
        """Delete searches of hunts that are over; caps, cooldowns and statistics do not change."""
        running = select(Hunt.id).where(col(Hunt.status).in_(OPEN))
        over = [col(Search.outcome).not_in(UNSETTLED), col(Search.hunt_id).not_in(running)]
        deleted = await self._delete(Search, *over, *wanted.terms())
        self._row_counts.forget()
        return deleted

    async def purge(self, retention_days: int) -> None:
        """Delete old searches and hunts, and cap entries that no cap counts any more; 0 days keeps the history."""
        now = self._clock()
        await self._delete(CapEntry, col(CapEntry.reserved_at) < now - 2 * DAY)
        if retention_days:
            oldest = now - timedelta(days=retention_days)
            await self._delete(Search, col(Search.searched_at) < oldest)
            await self._delete(Hunt, col(Hunt.queued_at) < oldest, col(Hunt.status).not_in(OPEN))
        old = select(Hunt.id).where(col(Hunt.queued_at) < now - SKIPS_KEPT).order_by(col(Hunt.queued_at).desc())
        async with self._db.reading() as session:
            newest_old = (await session.exec(old.limit(1))).first()
        if newest_old is not None:
            await self._delete(Skip, col(Skip.hunt_id) <= newest_old)
        self._row_counts.forget()

    async def states(
        self, *, instance_id: int | None, status: StateStatus | None, page: int, page_size: int
    ) -> Page[StateOut]:
        """Items that were searched, the latest search first, with their status under the settings of now."""
        query = select(Instance).join(HuntState)
        if instance_id is not None:
            query = query.where(Instance.id == instance_id)
        async with self._db.reading(is_heavy=status is not None or is_deep(page, page_size)) as session:
            settings = await self._hunting_settings(session, (await session.exec(query)).all())
            snapshots = {row.instance_id: row for row in (await session.exec(select(AppSnapshot))).all()}
            pages = ItemStatePages(settings, snapshots, self._clock())
            return await pages.read(session, status, page=page, page_size=page_size)

    async def reset_state(self, given: StateResetIn) -> StateResetOut:
        """Let items be searched again, also where the app remembers a search; history and caps do not change."""
        now = self._clock()
        ids = select(Instance.id)
        if given.app_type is not None:
            ids = ids.where(Instance.app_type == given.app_type)
        async with self._db.session() as session:
            if given.instance_id is not None:
                await self._instances.require_hunting(session, given.instance_id, given.app_type)
                ids = ids.where(Instance.id == given.instance_id)
            rows = update(ItemState).where(col(ItemState.instance_id).in_(ids)).values(reset_at=now, fruitless=0)
            if given.media_key is not None:
                if given.instance_id is not None:
                    await _add_rows(session, given.instance_id, given.media_key)
                items = await session.exec(rows.where(col(ItemState.media_key) == given.media_key))
                return StateResetOut(instances=0, items=items.rowcount)
            items = await session.exec(rows)
            states = update(HuntState).where(col(HuntState.instance_id).in_(ids)).values(reset_at=now)
            return StateResetOut(instances=(await session.exec(states)).rowcount, items=items.rowcount)

    async def caps(self) -> list[InstanceCapsOut]:
        """The caps of every instance that hunts."""
        async with self._db.reading() as session:
            rows = (await session.exec(select(Instance).join(HuntState).order_by(col(Instance.id)))).all()
            settings = await self._hunting_settings(session, rows)
            now = self._clock()
            used, budgets = await used_by_instance(session, now), await budget_gates(session, now)
        return [
            _caps(row, settings[row.id or 0], used.get(row.id or 0, UsedUnits()), budgets.get(row.id or 0), now)
            for row in rows
        ]

    async def _hunting_settings(self, session: AsyncSession, rows: Sequence[Instance]) -> dict[int, HuntingSettings]:
        defaults = await self._settings.all_hunting_defaults(session)
        return {row.id or 0: effective(defaults[AppType(row.app_type)], row.overrides) for row in rows}

    async def _delete(self, table: Any, *terms: ColumnElement[bool]) -> int:
        return await delete_in_batches(self._db, table, *terms, batch_rows=DELETE_BATCH_ROWS)


def search_out(row: Search) -> SearchOut:
    """The row, with the seconds to the grab and the import by the app's own clock."""
    began_at = row.command_began_at
    return SearchOut.model_validate(
        {
            **row.model_dump(),
            "grabs": len(row.releases),
            "release_titles": row.releases,
            "seconds_to_grab": _seconds(began_at, row.grabbed_at),
            "seconds_to_import": _seconds(began_at, row.imported_at),
        }
    )


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else max(0, round((end - start).total_seconds()))


async def _add_rows(session: AsyncSession, instance_id: int, media_key: str) -> None:
    """Give the item a row in every pass, so that a reset also holds for an item that only the app itself searched."""
    unit = media_key.partition(":")[0]
    row = {"instance_id": instance_id, "media_key": media_key, "unit": unit, "title": media_key, "fruitless": 0}
    rows = [{**row, "hunt_pass": hunt_pass.value} for hunt_pass in HuntPass]
    await upsert(session, ItemState, rows, key=["instance_id", "hunt_pass", "media_key"])


async def _searched_back_to(session: AsyncSession, wanted: HistoryFilter, max_rows: int) -> datetime | None:
    """The time before which the text is not looked for; `None` when nothing wanted is older."""
    newest = select(Search.id).order_by(col(Search.searched_at).desc(), col(Search.id).desc()).limit(1)
    if wanted.until is not None:
        newest = newest.where(col(Search.searched_at) < wanted.until)
    first = (await session.exec(newest)).first() or 0
    older = (
        select(Search.searched_at).where(col(Search.id) <= first - max_rows).order_by(col(Search.id).desc()).limit(1)
    )
    back_to = (await session.exec(older)).first()
    is_all = back_to is None or (wanted.since is not None and wanted.since >= back_to)
    return None if is_all else back_to


def _caps(
    instance: Instance, settings: HuntingSettings, used: UsedUnits, budget: BudgetGate | None, now: datetime
) -> InstanceCapsOut:
    caps = used.caps(hourly=settings.hourly_cap, daily=settings.daily_cap)
    return InstanceCapsOut(
        instance_id=instance.id or 0,
        name=instance.name,
        app_type=AppType(instance.app_type),
        hour=CapOut.model_validate(caps.hour),
        day=CapOut.model_validate(caps.day),
        budget=None if budget is None or budget == NO_BUDGET else budget_out(budget, now),
    )

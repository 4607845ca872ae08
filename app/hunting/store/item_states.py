"""Reads item states and list cursors for the selection."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import HuntPass
from app.core.db import Database
from app.hunting.selection.item_states import ItemStates
from app.hunting.selection.paging import Cursor
from app.hunting.selection.policy import PastSearches, after_reset
from app.hunting.store.models import AppSnapshot, HuntState, ItemState, Outcome, Search, WalkCursor


class ItemStateStore:
    """The `StoredStates` of the selection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def item_states(
        self,
        instance_id: int,
        hunt_pass: HuntPass,
        keys: Collection[str],
        season_keys: Collection[str] = (),
        owner_keys: Collection[str] = (),
        *,
        file_ids: Collection[int] = (),
        with_items_of_owners: bool = False,
    ) -> ItemStates:
        """Past searches of all passes: a search for what is missing also finds what is below its cutoff."""
        wanted = {*keys, *season_keys, *owner_keys}
        touched = [col(ItemState.media_key).in_(wanted)]
        touched += [col(ItemState.group_key).in_(season_keys)] if season_keys else []
        touched += [col(ItemState.owner_key).in_(owner_keys)] if owner_keys and with_items_of_owners else []
        query = select(ItemState).where(
            col(ItemState.instance_id) == instance_id,
            col(ItemState.hunt_pass).in_([known.value for known in HuntPass]),
            or_(*touched),
        )
        async with self._db.reading() as session:
            hunt_state = await session.get(HuntState, instance_id)
            snapshot = await session.get(AppSnapshot, instance_id)
            rows = (await session.exec(query)).all()
            by_file = await _searched_files(session, instance_id, file_ids) if file_ids else {}
        states = _item_states(rows, wanted, hunt_pass, hunt_state.reset_at if hunt_state else None, snapshot)
        return replace(states, by_file=by_file)

    async def cursor(self, instance_id: int, hunt_pass: HuntPass) -> Cursor:
        async with self._db.reading() as session:
            row = await session.get(WalkCursor, (instance_id, hunt_pass.value))
        return Cursor(row.offset, row.total, tuple((first, last) for first, last in row.unused)) if row else Cursor()


async def last_changes(session: AsyncSession, instance_id: int) -> tuple[int | None, datetime | None]:
    """The newest search of an instance, and the latest reset of one of its items."""
    newest = select(Search.id).where(col(Search.instance_id) == instance_id)
    newest = newest.order_by(col(Search.searched_at).desc(), col(Search.id).desc()).limit(1)
    reset = select(func.max(col(ItemState.reset_at))).where(col(ItemState.instance_id) == instance_id)
    return (await session.exec(newest)).first(), (await session.exec(reset)).one()


async def _searched_files(session: AsyncSession, instance_id: int, file_ids: Collection[int]) -> dict[int, datetime]:
    """When a search for something better than each file was last sent, by the history."""
    query = (
        select(Search.file_before, func.max(col(Search.searched_at)))
        .where(
            col(Search.instance_id) == instance_id,
            col(Search.file_before).in_(file_ids),
            col(Search.outcome).not_in((Outcome.SEARCH_FAILED.value, Outcome.NOT_SEARCHED.value)),
        )
        .group_by(col(Search.file_before))
    )
    return {file_id: at for file_id, at in (await session.exec(query)).all() if file_id is not None}


def past_searches(row: ItemState, snapshot: AppSnapshot | None, reset_at: datetime | None = None) -> PastSearches:
    """The row, with what was seen to change in the app since, and the reset of its instance."""
    return PastSearches(
        last_searched_at=row.last_searched_at,
        failed_searches=row.fruitless,
        reset_at=_latest(row.reset_at, reset_at),
        invalidated_at=_invalidated_at(row, snapshot),
        profile_id=row.profile_id,
        tag_ids=frozenset(row.tag_ids) if row.tag_ids is not None else None,
        refused_at=row.refused_at,
        refusals=row.refusals,
    )


def _item_states(
    rows: Sequence[ItemState],
    wanted: Collection[str],
    hunt_pass: HuntPass,
    reset_at: datetime | None,
    snapshot: AppSnapshot | None,
) -> ItemStates:
    # The reset of an instance also holds for items that only the app remembers.
    by_key = {key: [PastSearches(reset_at=reset_at)] for key in wanted} if reset_at is not None else {}
    by_parent: dict[str, list[PastSearches]] = {}
    own: dict[str, PastSearches] = {}
    failed_seasons: dict[str, datetime] = {}
    for row in rows:
        past = past_searches(row, snapshot, reset_at)
        if row.hunt_pass == hunt_pass:
            own[row.media_key] = past
            searched = after_reset(past).last_searched_at
            if row.last_outcome == Outcome.NOTHING_FOUND and searched is not None:
                failed_seasons[row.media_key] = searched
        else:
            past = replace(past, failed_searches=0)
        by_key.setdefault(row.media_key, []).append(past)
        for parent in (row.group_key, row.owner_key):
            if parent is not None:
                by_parent.setdefault(parent, []).append(past)
    return ItemStates(by_key, by_parent, own, failed_seasons)


def _invalidated_at(row: ItemState, snapshot: AppSnapshot | None) -> datetime | None:
    if snapshot is None:
        return None
    profile_changed = snapshot.profiles_woken.get(str(row.profile_id))
    return _latest(snapshot.woken_at, datetime.fromisoformat(profile_changed) if profile_changed else None)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)

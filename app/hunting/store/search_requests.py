"""Searches that are asked for out of turn.

A request is met by any search of its item, its season or its owner that was sent after it. A search that did not take
place is taken back, and then the request is open again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import Database
from app.hunting.selection.requested import OpenRequest, RequestedItem
from app.hunting.store.models import ItemState, SearchRequest

KEPT_FOR = timedelta(days=30)


async def request_searches(
    session: AsyncSession, instance_id: int, items: Sequence[RequestedItem], now: datetime
) -> None:
    """Ask for searches, in the transaction of what they follow from."""
    await _forget(session, instance_id, [item.media_key for item in items])  # asked for anew
    for item in items:
        session.add(
            SearchRequest(
                instance_id=instance_id,
                media_key=item.media_key,
                item_id=item.item_id,
                owner_id=item.owner_id,
                group_key=item.group_key,
                owner_key=item.owner_key,
                title=item.title[:400],
                requested_at=now,
            )
        )


async def park(session: AsyncSession, instance_id: int, keys: Collection[str], failed_searches: int) -> None:
    """Count these items as searched in vain so often that they wait for a change."""
    query = select(ItemState).where(ItemState.instance_id == instance_id, col(ItemState.media_key).in_(keys))
    for state in (await session.exec(query.with_for_update())).all():
        state.fruitless = max(state.fruitless, failed_searches)


class SearchRequests:
    """What a hunt reads of the requests of its instance, and their end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open(self, instance_id: int, now: datetime) -> list[OpenRequest]:
        """Oldest first; those that were met, or are a month old, are forgotten."""
        query = select(SearchRequest).where(SearchRequest.instance_id == instance_id).order_by(col(SearchRequest.id))
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
            if not rows:
                return []
            keys = {key for row in rows for key in _item(row).keys}
            states = select(ItemState.media_key, ItemState.last_searched_at)
            states = states.where(ItemState.instance_id == instance_id, col(ItemState.media_key).in_(keys))
            searched = (await session.exec(states)).all()
        found, over = [], []
        for row in rows:
            item = _item(row)
            last = max((at for key, at in searched if key in item.keys and at is not None), default=None)
            if (last is not None and last >= row.requested_at) or now - row.requested_at >= KEPT_FOR:
                over.append(row.media_key)
            else:
                found.append(OpenRequest(item, last))
        await self.forget(instance_id, over)
        return found

    async def forget(self, instance_id: int, keys: Collection[str]) -> None:
        if keys:
            async with self._db.session() as session:
                await _forget(session, instance_id, keys)


def _item(row: SearchRequest) -> RequestedItem:
    return RequestedItem(row.media_key, row.item_id, row.title, row.owner_id, row.group_key, row.owner_key)


async def _forget(session: AsyncSession, instance_id: int, keys: Collection[str]) -> None:
    is_of_them = col(SearchRequest.media_key).in_(keys)
    await session.exec(delete(SearchRequest).where(col(SearchRequest.instance_id) == instance_id, is_of_them))

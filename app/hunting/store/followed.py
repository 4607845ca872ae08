"""The searches whose outcome is still followed, and what else is read of searches."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import ColumnElement, Text, and_, cast, or_, text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import HuntPass
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.store.cap_entries import last_reserved_at
from app.hunting.store.models import FOLLOWED, UNSETTLED, Hunt, HuntState, Outcome, Search
from app.hunting.store.outcomes import ABSENT_AFTER, LOST_AFTER, SLACK, Result, Tracked

ADOPTABLE_FOR = timedelta(days=2)
USUAL_SEARCHES = 10


@dataclass(frozen=True, slots=True)
class OpenSearches:
    """The searches of an instance that the history may still tell something of."""

    tracked: tuple[Tracked, ...]
    is_waiting: bool
    """Whether one of them waits for news; false if all that are left have failed already."""
    began_at: datetime | None
    """The earliest begin, in the app's time, of a search whose grab is not known yet."""
    oldest_at: datetime | None
    """The earliest begin, in the app's time, of all of them: what happened before is of no interest."""


class FollowedSearches:
    """Reads searches; `SearchStore` writes them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def open(self, instance_id: int) -> OpenSearches:
        """The followed searches whose commands the app took."""
        now = self._clock()
        async with self._db.reading() as session:
            rows = await followed_rows(session, instance_id, now)
        tracked = tuple(_tracked(row, now) for row in rows if row.command_began_at is not None)
        waiting = [search for search in tracked if search.result.outcome in (Outcome.PENDING, Outcome.GRABBED)]
        unknown = [search.began_at for search in waiting if not search.result.download_ids]
        oldest_at = min((search.began_at for search in tracked), default=None)
        return OpenSearches(tracked, bool(waiting), min(unknown, default=None), oldest_at)

    async def is_about(self, instance_id: int, media_keys: Collection[str], download_id: str | None) -> bool:
        """Whether a followed search is of one of these items, or led to this download."""
        about: ColumnElement[bool] = col(Search.media_key).in_(media_keys)
        about = about if download_id is None else or_(about, led_to(download_id))
        async with self._db.reading() as session:
            return bool(await followed_rows(session, instance_id, self._clock(), about))

    async def history_read_to(self, instance_id: int) -> datetime | None:
        """The time of the newest event of the app's history that was read, by the app's clock."""
        async with self._db.reading() as session:
            hunt_state = await session.get(HuntState, instance_id)
        return hunt_state.history_at if hunt_state is not None else None

    async def unsettled(self, instance_id: int) -> list[Search]:
        """Searches of the instance whose commands may still run, oldest first."""
        query = (
            select(Search)
            .where(col(Search.instance_id) == instance_id, col(Search.settled_at).is_(None))
            .where(col(Search.outcome).in_(UNSETTLED))
            .order_by(col(Search.id))
        )
        async with self._db.reading() as session:
            return list((await session.exec(query)).all())

    async def known_commands(self, instance_id: int) -> set[int]:
        """Ids of commands that belong to a search already."""
        query = select(Search.command_id).where(
            col(Search.instance_id) == instance_id,
            col(Search.searched_at) > self._clock() - ADOPTABLE_FOR,
            col(Search.command_id).is_not(None),
        )
        async with self._db.reading() as session:
            return {found for found in (await session.exec(query)).all() if found is not None}

    async def count_sent(self, hunt_id: int, hunt_pass: HuntPass | None = None) -> int:
        """Searches that the hunt has sent so far, in one pass or in all, also before its worker died."""
        was_taken = or_(col(Search.command_id).is_not(None), col(Search.outcome) != Outcome.SEARCH_FAILED.value)
        query = select(func.count()).where(col(Search.hunt_id) == hunt_id, was_taken)
        if hunt_pass is not None:
            query = query.where(col(Search.hunt_pass) == hunt_pass.value)
        async with self._db.reading() as session:
            return (await session.exec(query)).one()

    async def searched_owners(self, hunt_id: int) -> set[int]:
        """Ids of the owners of what the hunt searched, or of the items where they have none."""
        query = select(Search.owner_id, Search.item_id).where(
            col(Search.hunt_id) == hunt_id,
            col(Search.command_id).is_not(None),
            col(Search.outcome) != Outcome.NOT_SEARCHED.value,
        )
        async with self._db.reading() as session:
            found = (await session.exec(query)).all()
        return {owner_id or item_id or 0 for owner_id, item_id in found} - {0}

    async def last_reserved_at(self, instance_id: int) -> datetime | None:
        """When a search of the instance was last sent, or was about to be."""
        async with self._db.reading() as session:
            return await last_reserved_at(session, instance_id)

    async def usual_seconds(self, instance_id: int) -> float | None:
        """How long the last searches of the instance took, by the app's clock; `None` when there were none."""
        query = (
            select(Search.command_began_at, Search.command_ended_at)
            .where(col(Search.instance_id) == instance_id, col(Search.command_ended_at).is_not(None))
            .order_by(col(Search.searched_at).desc(), col(Search.id).desc())
            .limit(USUAL_SEARCHES)
        )
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
        took = [(ended_at - began_at).total_seconds() for began_at, ended_at in rows if began_at and ended_at]
        return median(took) if took else None

    async def has_old_grabs(self, instance_id: int) -> bool:
        """Whether a grab is so old that its download should be in the app's queue, or imported."""
        since = self._clock() - ABSENT_AFTER
        is_old = and_(col(Search.outcome) == Outcome.GRABBED.value, col(Search.searched_at) <= since)
        async with self._db.reading() as session:
            return bool(await followed_rows(session, instance_id, self._clock(), is_old))

    async def is_cancelled(self, hunt_id: int) -> bool:
        """Whether somebody asked the hunt to stop."""
        async with self._db.reading() as session:
            hunt = await session.get(Hunt, hunt_id)
        return hunt is not None and hunt.cancel_requested


async def followed_rows(
    session: AsyncSession, instance_id: int, now: datetime, *about: ColumnElement[bool]
) -> list[Search]:
    """The followed searches of an instance, oldest first."""
    query = (
        select(Search)
        .where(col(Search.instance_id) == instance_id, text(FOLLOWED), col(Search.searched_at) > now - LOST_AFTER)
        .where(*about)
        .order_by(col(Search.id))
    )
    return list((await session.exec(query)).all())


def led_to(download_id: str) -> ColumnElement[bool]:
    """Condition for the searches that led to the download: its id, as JSON writes it, is among theirs."""
    return cast(col(Search.download_ids), Text).contains(json.dumps(download_id), autoescape=True)


def result_of(row: Search) -> Result:
    """What is known of the search so far."""
    return Result(
        outcome=Outcome(row.outcome),
        message=row.message,
        download_ids=tuple(row.download_ids),
        failed_ids=tuple(row.failed_ids),
        grabbed_at=row.grabbed_at,
        imported_at=row.imported_at,
        indexer=row.indexer,
        release_titles=tuple(row.releases),
        quality=row.quality_after,
        score=row.score_after,
    )


def _tracked(row: Search, now: datetime) -> Tracked:
    return Tracked(
        search_id=row.id or 0,
        media_key=row.media_key,
        began_at=row.command_began_at or row.searched_at,
        ended_at=row.command_ended_at,
        is_over=row.settled_at is not None and now - row.settled_at > SLACK,
        result=result_of(row),
    )

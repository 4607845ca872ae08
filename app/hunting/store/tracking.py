"""The followed searches in the database: what is open, and how a result moves the books."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Text, cast, or_, text
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import HuntPass
from app.core.clock import Clock
from app.core.db import Database
from app.counters.rollup import count, count_pass
from app.events.outbox import record_event
from app.hunting.store.events import came_of
from app.hunting.store.lease import FencedLease, check_fence
from app.hunting.store.models import FOLLOWED, UNSETTLED, Hunt, HuntState, ItemState, Outcome, Search
from app.hunting.store.outcomes import LOST_AFTER, SLACK, Findings, Result, Tracked, given_up, refused

FOLLOW_UP_AFTER = timedelta(minutes=5)
FRUITLESS = (Outcome.NOTHING_FOUND, Outcome.SEARCH_FAILED, Outcome.IMPORT_FAILED, Outcome.LOST)
CONFIRMED = (Outcome.GRABBED, Outcome.IMPORTED, Outcome.IMPORT_FAILED, Outcome.LOST)
"""Outcomes after a release was sent to the download client."""
MAX_TEXT_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Open:
    """What an instance's searches still wait for."""

    tracked: tuple[Tracked, ...]
    waits: bool
    """Whether the history can tell of one of them, beyond those that failed already."""
    began_at: datetime | None
    """The earliest begin, in the app's time, of a search whose grab is not known yet."""


class OutcomeTracker:
    """Reads what is followed and writes what became of it, under the fence."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def open(self, instance_id: int) -> Open:
        """The searches whose commands were taken and that the history may still tell something of."""
        now = self._clock()
        async with self._db.reading() as session:
            rows = await _followed(session, instance_id, now)
        tracked = tuple(_tracked(row, now) for row in rows if row.command_began_at is not None)
        waiting = [one for one in tracked if one.result.outcome in (Outcome.PENDING, Outcome.GRABBED)]
        unknown = [one.began_at for one in waiting if not one.result.download_ids]
        return Open(tracked, bool(waiting), min(unknown, default=None))

    async def newest_event(self, instance_id: int) -> datetime | None:
        """The time of the last event of the app's history that was read, by its own clock."""
        async with self._db.reading() as session:
            hunt_state = await session.get(HuntState, instance_id)
        return hunt_state.history_at if hunt_state is not None else None

    async def note_history(self, lease: FencedLease, findings: Findings, newest: datetime | None) -> None:
        """What one look at the history told; `newest` is the time of its last event."""
        async with self._db.session() as session:
            hunt_state = await check_fence(session, lease.instance_id, lease.fence)
            await _apply(session, findings.results, self._clock())
            if findings.foreign:
                # Somebody else found something: the item is worth a normal cooldown again.
                rows = update(ItemState).where(
                    col(ItemState.instance_id) == lease.instance_id,
                    col(ItemState.hunt_pass).in_([one.value for one in HuntPass]),
                    col(ItemState.media_key).in_(findings.foreign),
                )
                await session.exec(rows.values(fruitless=0))
            if newest is not None:
                hunt_state.history_at = max(newest, hunt_state.history_at or newest)

    async def note_queue(self, lease: FencedLease, stuck: Collection[str]) -> None:
        """Grabs whose downloads are complete and not imported by themselves."""
        if not stuck:
            return
        now = self._clock()
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            rows = await _followed(session, lease.instance_id, now)
            await _apply(session, {row.id or 0: refused(result_of(row), stuck) for row in rows}, now)

    async def note_stuck(self, instance_id: int, download_id: str, message: str | None) -> bool:
        """What the app told of a download, without a look; whether it is one of a search that is followed.

        No lease is held: the lock of the `HuntState`, which every write of a holder takes too, keeps the two apart.
        """
        now = self._clock()
        async with self._db.session() as session:
            await session.get(HuntState, instance_id, with_for_update=True)
            rows = await _followed(session, instance_id, now, _led_to(download_id))
            await _apply(session, {row.id or 0: refused(result_of(row), [download_id], message) for row in rows}, now)
        return bool(rows)

    async def follows(self, instance_id: int, names: Collection[str], download_id: str | None) -> bool:
        """Whether the history may tell something new of a search, after an event of these items or this download."""
        about: ColumnElement[bool] = col(Search.media_key).in_(names)
        about = about if download_id is None else or_(about, _led_to(download_id))
        async with self._db.reading() as session:
            return bool(await _followed(session, instance_id, self._clock(), about))

    async def give_up(self, lease: FencedLease) -> None:
        """Let go of what nobody has heard of for seven days."""
        now = self._clock()
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            old = col(Search.searched_at) <= now - LOST_AFTER
            ours = (col(Search.instance_id) == lease.instance_id, col(Search.command_began_at).is_not(None))
            query = select(Search).where(*ours, text(FOLLOWED), old)
            rows = (await session.exec(query)).all()
            await _apply(session, {row.id or 0: given_up(result_of(row), row.searched_at, now) for row in rows}, now)


async def settle(session: AsyncSession, search: Search, result: Result, now: datetime, *, ran: bool = True) -> None:
    """Move a search to its result, with everything that hangs on it: ledger, counters, hunt.

    `ran`: whether the app searched at all; what did not run is no fruitless search.
    """
    before = Outcome(search.outcome)
    _take_over(search, result, now)
    session.add(search)
    if before is result.outcome:
        return
    facts = {}
    is_new_grab = result.outcome in CONFIRMED and before not in CONFIRMED
    if is_new_grab:
        facts["grabbed"] = 1
    if result.outcome is Outcome.IMPORTED:
        facts["imported"] = 1
    if search.instance_id is not None and facts:
        await count_pass(session, search.app_type, search.instance_id, search.hunt_pass, now, **facts)
    if result.outcome is Outcome.SEARCH_FAILED:
        facts["errors"] = 1
        await session.exec(update(Hunt).where(col(Hunt.id) == search.hunt_id).values(errors=col(Hunt.errors) + 1))
    if search.instance_id is not None and facts:
        await count(session, search.app_type, search.instance_id, now, **facts)
    # One look may find the grab and its import at once: both are told.
    for outcome in dict.fromkeys((Outcome.GRABBED, result.outcome) if is_new_grab else (result.outcome,)):
        event = came_of(search, outcome)
        if event is not None:
            await record_event(session, event, now)
    if ran:
        await _learn(session, search, before, result.outcome)


async def _learn(session: AsyncSession, search: Search, before: Outcome, outcome: Outcome) -> None:
    """What the ledger remembers of it, unless a later search of the item has spoken since."""
    row = await session.get(ItemState, (search.instance_id, search.hunt_pass, search.media_key))
    if row is None:
        return
    if outcome is Outcome.IMPORTED:
        row.fruitless = 0
    is_latest = row.last_searched_at is None or row.last_searched_at <= search.searched_at
    if is_latest:
        row.last_outcome = outcome.value
        if outcome in FRUITLESS and before not in FRUITLESS:
            row.fruitless += 1
    session.add(row)


def counter_of(search: Search) -> str:
    """Which counter of the dashboard a search belongs to."""
    return "hunted" if search.hunt_pass == HuntPass.MISSING else "upgraded"


async def _followed(
    session: AsyncSession, instance_id: int, now: datetime, *about: ColumnElement[bool]
) -> list[Search]:
    query = (
        select(Search)
        .where(col(Search.instance_id) == instance_id, text(FOLLOWED), col(Search.searched_at) > now - LOST_AFTER)
        .where(*about)
        .order_by(col(Search.id))
    )
    return list((await session.exec(query)).all())


def _led_to(download_id: str) -> ColumnElement[bool]:
    """The searches that led to the download: its id, as JSON writes it, among theirs."""
    return cast(col(Search.download_ids), Text).contains(json.dumps(download_id), autoescape=True)


async def _apply(session: AsyncSession, results: Mapping[int, Result], now: datetime) -> None:
    for search_id, result in results.items():
        search = await session.get_one(Search, search_id)
        await settle(session, search, result, now)


def _tracked(row: Search, now: datetime) -> Tracked:
    is_over = row.settled_at is not None and now - row.settled_at > SLACK
    return Tracked(
        search_id=row.id or 0,
        names=frozenset((row.media_key,)),
        began_at=row.command_began_at or row.searched_at,
        ended_at=row.command_ended_at,
        is_over=is_over,
        result=result_of(row),
    )


def result_of(row: Search) -> Result:
    """What the row says of the search so far."""
    return Result(
        outcome=Outcome(row.outcome),
        message=row.message,
        download_ids=tuple(row.download_ids),
        failed_ids=tuple(row.failed_ids),
        grabbed_at=row.grabbed_at,
        imported_at=row.imported_at,
        indexer=row.indexer,
        release_title=row.release_title,
        quality=row.quality_after,
        score=row.score_after,
    )


def _take_over(search: Search, result: Result, now: datetime) -> None:
    search.outcome = result.outcome.value
    search.message = result.message[:MAX_TEXT_LENGTH] if result.message else None
    search.download_ids, search.failed_ids = list(result.download_ids), list(result.failed_ids)
    search.grabbed_at, search.imported_at = result.grabbed_at, result.imported_at
    search.indexer, search.release_title = result.indexer, result.release_title
    search.quality_after, search.score_after = result.quality, result.score
    if search.ended_at is None and result.outcome.value not in UNSETTLED:
        search.ended_at = now

"""The books of the hunt: what was searched, reserved and learned. Every write is one short transaction that checks
the fence, so that a worker that was taken over can write nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlmodel import col, delete, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import Command, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.counters.rollup import count, count_pass
from app.events.outbox import record_event
from app.hunting.selection.paging import Cursor
from app.hunting.selection.selector import Evaluated, Selected
from app.hunting.store.caps import DAY, Caps, Spent, caps
from app.hunting.store.events import search_sent, tell_of_cap
from app.hunting.store.lease import FencedLease, check_fence, check_fence_of_state
from app.hunting.store.models import (
    UNSETTLED,
    CapEntry,
    Hunt,
    ItemState,
    Outcome,
    Search,
    Skip,
    WalkCursor,
)
from app.hunting.store.outcomes import Result, of_command
from app.hunting.store.reasons import HuntReason
from app.hunting.store.tracking import FOLLOW_UP_AFTER, counter_of, result_of, settle
from app.instances.health import seen_working
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService

FORGOTTEN = "The app no longer knows the command."


class SearchStore:
    """Reads and writes the books; the one place that moves a search from `sending` to its outcome."""

    def __init__(self, db: Database, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock

    async def caps(self, session: AsyncSession, instance_id: int, hunting: HuntingSettings) -> Caps:
        """What is used of the caps of the instance."""
        now = self._clock()
        query = select(CapEntry.reserved_at, CapEntry.units).where(
            col(CapEntry.instance_id) == instance_id, col(CapEntry.reserved_at) > now - DAY
        )
        spent = [Spent(at, units) for at, units in (await session.exec(query)).all()]
        return caps(spent, hourly=hunting.hourly_cap, daily=hunting.daily_cap, now=now)

    async def reserve(
        self, lease: FencedLease, hunt_pass: HuntPass, choice: Selected, hunting: HuntingSettings
    ) -> int | HuntReason:
        """Commit the search as `sending` and its units as spent, all or nothing, before anything is sent.

        Returns the id of the search, or why no further search may be sent.
        """
        one = choice.candidate
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            now = self._clock()  # not before the lock: a later entry never has an earlier time
            used = await self.caps(session, lease.instance_id, hunting)
            stop = await self._stopped(session, lease, used, one.units)
            if stop is not None:
                return stop
            previous = await session.get(ItemState, (lease.instance_id, hunt_pass.value, one.key))
            search = Search(
                hunt_id=lease.hunt_id,
                instance_id=lease.instance_id,
                instance_name=lease.instance_name,
                app_type=lease.app_type,
                hunt_pass=hunt_pass.value,
                media_key=one.key,
                unit=one.unit,
                title=one.title[:400],
                item_id=one.item_id,
                owner_id=one.owner_id,
                season=one.season,
                picked=choice.picked,
                units=one.units,
                searched_at=now,
                previous_at=previous.last_searched_at if previous else None,
            )
            if choice.before is not None:
                search.file_before, search.quality_before = choice.before.file_id, choice.before.quality
                search.score_before = choice.before.score
            session.add(search)
            await session.flush()
            search_id = search.id or 0
            await self._remember(session, lease, hunt_pass, choice, now)
            session.add(CapEntry(instance_id=lease.instance_id, search_id=search_id, units=one.units, reserved_at=now))
            if used.left is not None and used.left <= one.units:
                await session.flush()
                await tell_of_cap(session, lease, await self.caps(session, lease.instance_id, hunting), now)
        return search_id

    async def accepted(self, lease: FencedLease, search_id: int, command: Command) -> None:
        """The app took the command: from now on it counts as searched."""
        async with self._db.session() as session:
            state, hunt_state = await check_fence_of_state(session, lease.instance_id, lease.fence)
            now = self._clock()
            search = await session.get_one(Search, search_id)
            search.command_id, search.outcome = command.command_id, Outcome.PENDING.value
            search.command_began_at = command.started_at or command.queued_at or now
            session.add(search)
            seen_working(state)
            hunt_state.follow_up_at = min(hunt_state.follow_up_at or now + FOLLOW_UP_AFTER, now + FOLLOW_UP_AFTER)
            hunt = await session.get(Hunt, search.hunt_id)
            if hunt is not None:
                hunt.searched += 1
                session.add(hunt)
            await count(session, lease.app_type, lease.instance_id, now, **{counter_of(search): 1})
            await count_pass(session, lease.app_type, lease.instance_id, search.hunt_pass, now, searches=1)
            await record_event(session, search_sent(search), now)

    async def refused(self, lease: FencedLease, search_id: int, message: str) -> None:
        """The command never ran: its units and its cooldown are given back, the attempt stays in the history."""
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            search = await self._give_back(session, lease, search_id)
            await settle(session, search, Result(Outcome.SEARCH_FAILED, message), self._clock(), ran=False)

    async def withdrawn(self, lease: FencedLease, search_id: int) -> None:
        """The app took the command and dropped it on our cancel before it began: nothing was searched."""
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            now, search = self._clock(), await self._give_back(session, lease, search_id)
            search.outcome, search.ended_at = Outcome.SEARCH_FAILED.value, now
            search.message = "Cancelled before the app began."
            session.add(search)
            await session.exec(
                update(Hunt).where(col(Hunt.id) == search.hunt_id).values(searched=col(Hunt.searched) - 1)
            )
            await count(session, lease.app_type, lease.instance_id, now, **{counter_of(search): -1})
            await count_pass(session, lease.app_type, lease.instance_id, search.hunt_pass, now, searches=-1)

    async def unclear(self, lease: FencedLease, search_id: int, message: str) -> None:
        """Nobody can say whether the app searched; the cooldown runs all the same."""
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            search = await session.get_one(Search, search_id)
            await settle(session, search, Result(Outcome.UNKNOWN, message), self._clock())

    async def command_over(self, lease: FencedLease, search_id: int, command: Command, *, is_tracked: bool) -> Outcome:
        """The app did run the search: what it says of it, for a start."""
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            now, search = self._clock(), await session.get_one(Search, search_id)
            search.settled_at = now
            search.command_began_at = command.started_at or search.command_began_at
            search.command_ended_at = command.ended_at or search.command_began_at
            if search.outcome in UNSETTLED:  # else the history was quicker, and knows more
                said = of_command(command, is_tracked=is_tracked)
                result = replace(result_of(search), outcome=said.outcome, message=said.message)
                await settle(session, search, result, now)
            session.add(search)
        return Outcome(search.outcome)

    async def command_forgotten(self, lease: FencedLease, search_id: int, *, is_tracked: bool) -> None:
        """The app no longer knows the command: only its history can still tell what came of it."""
        async with self._db.session() as session:
            await check_fence(session, lease.instance_id, lease.fence)
            now, search = self._clock(), await session.get_one(Search, search_id)
            search.settled_at, search.message = now, FORGOTTEN
            if not is_tracked:
                await settle(session, search, Result(Outcome.UNKNOWN, FORGOTTEN), now)
            session.add(search)

    async def unsettled(self, instance_id: int) -> list[Search]:
        """Searches of the instance whose commands may still be out, oldest first."""
        query = (
            select(Search)
            .where(col(Search.instance_id) == instance_id, col(Search.settled_at).is_(None))
            .where(col(Search.outcome).in_(UNSETTLED))
            .order_by(col(Search.id))
        )
        async with self._db.reading() as session:
            return list((await session.exec(query)).all())

    async def adopted(self, instance_id: int) -> set[int]:
        """Command ids that belong to a search already."""
        query = select(Search.command_id).where(
            col(Search.instance_id) == instance_id,
            col(Search.searched_at) > self._clock() - timedelta(days=2),
            col(Search.command_id).is_not(None),
        )
        async with self._db.reading() as session:
            return {found for found in (await session.exec(query)).all() if found is not None}

    async def sent_in(self, hunt_id: int, hunt_pass: HuntPass | None = None) -> int:
        """Searches that the hunt has sent so far, in one pass or in all, also before its worker died."""
        was_taken = or_(col(Search.command_id).is_not(None), col(Search.outcome) != Outcome.SEARCH_FAILED.value)
        query = select(func.count()).where(col(Search.hunt_id) == hunt_id, was_taken)
        if hunt_pass is not None:
            query = query.where(col(Search.hunt_pass) == hunt_pass.value)
        async with self._db.reading() as session:
            return (await session.exec(query)).one()

    async def last_reserved_at(self, instance_id: int) -> datetime | None:
        """When a search of the instance was last sent, or was about to be."""
        query = select(func.max(col(CapEntry.reserved_at))).where(col(CapEntry.instance_id) == instance_id)
        async with self._db.reading() as session:
            return (await session.exec(query)).one()

    async def is_cancelled(self, hunt_id: int) -> bool:
        """Whether somebody asked the hunt to stop."""
        async with self._db.reading() as session:
            hunt = await session.get(Hunt, hunt_id)
        return hunt is not None and hunt.cancel_requested

    async def end_pass(
        self, lease: FencedLease, hunt_pass: HuntPass, judged: Sequence[Evaluated], cursor: Cursor | None, total: int
    ) -> None:
        """Write down why items were passed over, where the next hunt goes on (`None`: where this one began), and the
        length of the list for the dashboard. A second attempt of the same pass replaces the first one's."""
        async with self._db.session() as session:
            hunt_state = await check_fence(session, lease.instance_id, lease.fence)
            if hunt_pass is HuntPass.MISSING:
                hunt_state.missing_total = total
            elif hunt_pass is HuntPass.CUTOFF:
                hunt_state.cutoff_total = total
            hunt = await session.get_one(Hunt, lease.hunt_id)
            counts = Counter(one.decision.reason.value for one in judged)
            hunt.skipped = {**hunt.skipped, hunt_pass.value: dict(counts)}
            if cursor is not None:
                row = {"instance_id": lease.instance_id, "hunt_pass": hunt_pass.value}
                values = {**row, "offset": cursor.offset, "total": cursor.total}
                await upsert(session, WalkCursor, [values], key=list(row), replace=["offset", "total"])
            await _replace_skips(session, lease.hunt_id, hunt_pass, judged)

    async def searched_owners(self, hunt_id: int) -> set[int]:
        """Whose items the hunt has searched: ids of owners, or of the items where they have none."""
        query = select(Search.owner_id, Search.item_id).where(
            col(Search.hunt_id) == hunt_id, col(Search.command_id).is_not(None)
        )
        async with self._db.reading() as session:
            found = (await session.exec(query)).all()
        return {owner_id or item_id or 0 for owner_id, item_id in found} - {0}

    async def _stopped(self, session: AsyncSession, lease: FencedLease, used: Caps, units: int) -> HuntReason | None:
        hunt = await session.get_one(Hunt, lease.hunt_id)
        if hunt.cancel_requested:
            return HuntReason.CANCELLED
        if (await self._settings.general_in(session)).hunting_paused:
            return HuntReason.PAUSED
        return None if used.allows(units) else used.closed_by or HuntReason.HOURLY_CAP

    async def _remember(
        self, session: AsyncSession, lease: FencedLease, hunt_pass: HuntPass, choice: Selected, now: datetime
    ) -> None:
        one = choice.candidate
        key = {"instance_id": lease.instance_id, "hunt_pass": hunt_pass.value, "media_key": one.key}
        facts = {
            "group_key": one.season_key,
            "owner_key": one.owner_key,
            "unit": one.unit,
            "title": one.title[:400],
            "last_searched_at": now,
            "fruitless": choice.failed_searches,
            "profile_id": one.quality_profile_id,
            "tag_ids": sorted(choice.tag_ids),
        }
        await upsert(session, ItemState, [key | facts], key=list(key), replace=list(facts))

    async def _give_back(self, session: AsyncSession, lease: FencedLease, search_id: int) -> Search:
        """The cap units and the cooldown of a search that never ran."""
        search = await session.get_one(Search, search_id)
        await session.exec(delete(CapEntry).where(col(CapEntry.search_id) == search_id))
        row = await session.get(ItemState, (lease.instance_id, search.hunt_pass, search.media_key))
        if row is not None:
            row.last_searched_at = search.previous_at
            session.add(row)
        return search


async def _replace_skips(session: AsyncSession, hunt_id: int, hunt_pass: HuntPass, judged: Sequence[Evaluated]) -> None:
    await session.exec(delete(Skip).where(col(Skip.hunt_id) == hunt_id, col(Skip.hunt_pass) == hunt_pass.value))
    rows = [
        {
            "hunt_id": hunt_id,
            "hunt_pass": hunt_pass.value,
            "media_key": one.candidate.key,
            "unit": one.candidate.unit,
            "title": one.candidate.title[:400],
            "reason": one.decision.reason.value,
            "until": one.decision.until,
        }
        for one in judged
    ]
    if rows:  # in one call and not as objects, which SQLite is given one by one
        await (await session.connection()).execute(insert(Skip), rows)

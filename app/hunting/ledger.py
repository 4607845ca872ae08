"""The books of the hunt: what was searched, reserved and learned. Every write is one short transaction that checks
the fence, so that a worker that was taken over can write nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, delete, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import Command, HuntPass
from app.core.clock import Clock
from app.core.db import Database, upsert
from app.hunting.budget import DAY, Caps, Spent, caps
from app.hunting.lease import check_fence
from app.hunting.models import CapEntry, Hunt, Ledger, Outcome, Search, Skip, WalkCursor
from app.hunting.policy import Candidate, Reason, Record, merged
from app.hunting.selection import Choice, Judged, Remembered
from app.hunting.walk import Cursor
from app.instances.health import seen_working
from app.instances.models import InstanceState
from app.settings.hunting import HuntingSettings
from app.settings.service import SettingsService
from app.stats.rollup import count

FRUITLESS = (Outcome.NOTHING_FOUND, Outcome.SEARCH_FAILED)
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to write for an instance, as long as `fence` is the newest."""

    hunt_id: int
    instance_id: int
    instance_name: str
    app_type: str
    fence: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """A search that may be sent now."""

    search_id: int
    media_key: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no further search may be sent: `reason` for the items left, `gate` for the hunt."""

    reason: Reason
    gate: str


class HuntLedger:
    """Reads and writes the books; the one place that moves a search from `sending` to its outcome."""

    def __init__(self, db: Database, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock

    async def recall(self, instance_id: int, hunt_pass: HuntPass, page: Sequence[Candidate]) -> Remembered:
        """What is remembered of the items of a page, of their seasons and of the episodes in those.

        A search of another pass counts for the cooldown too: a season search also looks for what is below its cutoff.
        """
        keys = {one.key for one in page} | {one.group for one in page if one.group}
        groups = {one.group for one in page if one.group}
        async with self._db.reading() as session:
            state = await session.get(InstanceState, instance_id)
            query = select(Ledger).where(
                col(Ledger.instance_id) == instance_id,
                col(Ledger.hunt_pass).in_([one.value for one in HuntPass]),
                or_(col(Ledger.media_key).in_(keys), col(Ledger.group_key).in_(groups)),
            )
            rows = (await session.exec(query)).all()
        return _remembered(rows, hunt_pass, keys, state.reset_at if state else None)

    async def caps(self, session: AsyncSession, instance_id: int, hunting: HuntingSettings) -> Caps:
        """What is used of the caps of the instance."""
        now = self._clock()
        query = select(CapEntry.reserved_at, CapEntry.units).where(
            col(CapEntry.instance_id) == instance_id, col(CapEntry.reserved_at) > now - DAY
        )
        spent = [Spent(at, units) for at, units in (await session.exec(query)).all()]
        return caps(spent, hourly=hunting.hourly_cap, daily=hunting.daily_cap, now=now)

    async def reserve(
        self, hold: Hold, hunt_pass: HuntPass, choice: Choice, hunting: HuntingSettings
    ) -> Reserved | Stop:
        """Commit the search as `sending` and its units as spent, all or nothing, before anything leaves us."""
        one = choice.candidate
        async with self._db.session() as session:
            await check_fence(session, hold.instance_id, hold.fence)
            now = self._clock()  # not before the lock: a later entry never has an earlier time
            stop = await self._stopped(session, hold, hunting)
            if stop is not None:
                return stop
            previous = await session.get(Ledger, (hold.instance_id, hunt_pass.value, one.key))
            search = Search(
                hunt_id=hold.hunt_id, instance_id=hold.instance_id, instance_name=hold.instance_name,
                app_type=hold.app_type, hunt_pass=hunt_pass.value, media_key=one.key, unit=one.unit,
                title=one.title[:400], item_id=one.item_id, owner_id=one.owner_id, season=one.season,
                picked=choice.picked, searched_at=now, previous_at=previous.last_searched_at if previous else None,
            )  # fmt: skip
            session.add(search)
            await session.flush()
            search_id = search.id or 0
            await self._remember(session, hold, hunt_pass, one, now)
            session.add(CapEntry(instance_id=hold.instance_id, search_id=search_id, units=1, reserved_at=now))
        return Reserved(search_id, one.key)

    async def accepted(self, hold: Hold, search_id: int, command_id: int) -> None:
        """The app took the command: from now on it counts as searched."""
        async with self._db.session() as session:
            state = await check_fence(session, hold.instance_id, hold.fence)
            search = await session.get_one(Search, search_id)
            search.command_id, search.outcome = command_id, Outcome.PENDING.value
            session.add(search)
            seen_working(state)
            session.add(state)
            hunt = await session.get(Hunt, search.hunt_id)
            if hunt is not None:
                hunt.searched += 1
                session.add(hunt)
            await count(session, hold.app_type, hold.instance_id, self._clock(), **{_counter(search): 1})

    async def refused(self, hold: Hold, search_id: int, message: str) -> None:
        """The command never ran: its units and its cooldown are given back, the attempt stays in the history."""
        async with self._db.session() as session:
            await check_fence(session, hold.instance_id, hold.fence)
            await self._give_back(session, hold, search_id)
            await self._close(session, hold, search_id, Outcome.SEARCH_FAILED, message)

    async def withdrawn(self, hold: Hold, search_id: int) -> None:
        """The app took the command and dropped it on our cancel before it began: nothing was searched."""
        async with self._db.session() as session:
            await check_fence(session, hold.instance_id, hold.fence)
            search = await self._give_back(session, hold, search_id)
            search.outcome, search.ended_at = Outcome.SEARCH_FAILED.value, self._clock()
            search.message = "Cancelled before the app began."
            session.add(search)
            await session.exec(
                update(Hunt).where(col(Hunt.id) == search.hunt_id).values(searched=col(Hunt.searched) - 1)
            )
            await count(session, hold.app_type, hold.instance_id, self._clock(), **{_counter(search): -1})

    async def ended(self, hold: Hold, search_id: int, outcome: Outcome, message: str | None) -> None:
        """What came of a search that the app did run."""
        async with self._db.session() as session:
            await check_fence(session, hold.instance_id, hold.fence)
            search = await self._close(session, hold, search_id, outcome, message)
            row = await session.get(Ledger, (hold.instance_id, search.hunt_pass, search.media_key))
            if row is not None:
                row.last_outcome = outcome.value
                if outcome in FRUITLESS:
                    row.fruitless += 1
                elif outcome is Outcome.GRABBED:
                    row.fruitless = 0
                session.add(row)

    async def unsettled(self, instance_id: int) -> list[Search]:
        """Searches of the instance of which we do not know yet what came, oldest first."""
        query = (
            select(Search)
            .where(col(Search.instance_id) == instance_id)
            .where(col(Search.outcome).in_([Outcome.SENDING.value, Outcome.PENDING.value]))
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

    async def note_skips(self, hold: Hold, hunt_pass: HuntPass, judged: Sequence[Judged]) -> None:
        """Write down why items were passed over; a second attempt of the same pass replaces the first one's."""
        async with self._db.session() as session:
            await check_fence(session, hold.instance_id, hold.fence)
            await session.exec(
                delete(Skip).where(col(Skip.hunt_id) == hold.hunt_id, col(Skip.hunt_pass) == hunt_pass.value)
            )
            session.add_all(
                Skip(
                    hunt_id=hold.hunt_id,
                    hunt_pass=hunt_pass.value,
                    media_key=one.candidate.key,
                    unit=one.candidate.unit,
                    title=one.candidate.title[:400],
                    reason=one.decision.reason.value,
                    until=one.decision.until,
                )
                for one in judged
            )
            counts: dict[str, int] = {}
            for one in judged:
                counts[one.decision.reason.value] = counts.get(one.decision.reason.value, 0) + 1
            hunt = await session.get_one(Hunt, hold.hunt_id)
            hunt.skipped = {**hunt.skipped, hunt_pass.value: counts}
            session.add(hunt)

    async def cursor(self, instance_id: int, hunt_pass: HuntPass) -> Cursor:
        async with self._db.reading() as session:
            row = await session.get(WalkCursor, (instance_id, hunt_pass.value))
        return Cursor(row.offset, row.total) if row else Cursor()

    async def keep_walk(self, hold: Hold, hunt_pass: HuntPass, cursor: Cursor | None, total: int) -> None:
        """Where the next hunt goes on (`None`: where this one began), and the length of the list for the dashboard."""
        row = {"instance_id": hold.instance_id, "hunt_pass": hunt_pass.value}
        async with self._db.session() as session:
            state = await check_fence(session, hold.instance_id, hold.fence)
            if cursor is not None:
                values = {**row, "offset": cursor.offset, "total": cursor.total}
                await upsert(session, WalkCursor, [values], key=list(row), replace=["offset", "total"])
            if hunt_pass is HuntPass.MISSING:
                state.missing_total = total
            else:
                state.cutoff_total = total
            session.add(state)

    async def _stopped(self, session: AsyncSession, hold: Hold, hunting: HuntingSettings) -> Stop | None:
        hunt = await session.get_one(Hunt, hold.hunt_id)
        if hunt.cancel_requested:
            return Stop(Reason.CANCELLED, "cancelled")
        if (await self._settings.general_in(session)).hunting_paused:
            return Stop(Reason.CANCELLED, "paused")
        used = await self.caps(session, hold.instance_id, hunting)
        return None if used.allows(1) else Stop(Reason.CAP, used.closed_by or "hourly_cap")

    async def _remember(
        self, session: AsyncSession, hold: Hold, hunt_pass: HuntPass, one: Candidate, now: datetime
    ) -> None:
        row = {
            "instance_id": hold.instance_id, "hunt_pass": hunt_pass.value, "media_key": one.key,
            "group_key": one.group, "unit": one.unit, "title": one.title[:400], "last_searched_at": now,
            "fruitless": 0,
        }  # fmt: skip
        key = ["instance_id", "hunt_pass", "media_key"]
        await upsert(session, Ledger, [row], key=key, replace=["group_key", "unit", "title", "last_searched_at"])

    async def _give_back(self, session: AsyncSession, hold: Hold, search_id: int) -> Search:
        """The cap units and the cooldown of a search that never ran."""
        search = await session.get_one(Search, search_id)
        await session.exec(delete(CapEntry).where(col(CapEntry.search_id) == search_id))
        row = await session.get(Ledger, (hold.instance_id, search.hunt_pass, search.media_key))
        if row is not None:
            row.last_searched_at = search.previous_at
            session.add(row)
        return search

    async def _close(
        self, session: AsyncSession, hold: Hold, search_id: int, outcome: Outcome, message: str | None
    ) -> Search:
        search = await session.get_one(Search, search_id)
        search.outcome, search.ended_at = outcome.value, self._clock()
        search.message = message[:LONGEST_TEXT] if message else None
        session.add(search)
        facts = {Outcome.GRABBED: {"grabbed": 1}, Outcome.SEARCH_FAILED: {"errors": 1}}.get(outcome)
        if facts:
            await count(session, hold.app_type, hold.instance_id, self._clock(), **facts)
        if outcome is Outcome.SEARCH_FAILED:
            await session.exec(update(Hunt).where(col(Hunt.id) == search.hunt_id).values(errors=col(Hunt.errors) + 1))
        return search


def _counter(search: Search) -> str:
    return "hunted" if search.hunt_pass == HuntPass.MISSING else "upgraded"


def _remembered(rows: Sequence[Ledger], hunt_pass: HuntPass, keys: set[str], reset_at: datetime | None) -> Remembered:
    found: dict[str, list[Record]] = {key: [Record(reset_at=reset_at)] for key in keys} if reset_at else {}
    by_group: dict[str, list[Record]] = {}
    for row in rows:
        resets = [at for at in (row.reset_at, reset_at) if at is not None]
        fruitless = row.fruitless if row.hunt_pass == hunt_pass else 0
        record = Record(row.last_searched_at, fruitless, max(resets, default=None))
        found.setdefault(row.media_key, []).append(record)
        if row.group_key:
            by_group.setdefault(row.group_key, []).append(record)
    return Remembered({key: merged(records) for key, records in found.items()}, by_group)


def outcome_of(command: Command) -> tuple[Outcome, str | None]:
    """What the app says of a command that is over; it counts the releases that it sent to the download client."""
    if command.status.value == "completed":
        grabs = command.grabs
        if grabs is None:
            return Outcome.UNKNOWN, command.message
        return (Outcome.GRABBED if grabs else Outcome.NOTHING_FOUND), command.message
    return Outcome.SEARCH_FAILED, command.message or f"The app says: {command.status.value}."

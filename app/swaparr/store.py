"""What Swaparr reads and writes: the records of downloads, the memory of a queue, and every decision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType
from app.core.clock import Clock
from app.core.db import Database
from app.events.outbox import record_event
from app.events.payloads import SwaparrRemoved, SwaparrStrike, SystemFailed
from app.hunting.selection.requested import RequestedItem
from app.hunting.store.search_requests import park, request_searches
from app.swaparr.import_problems import NOT_AN_UPGRADE
from app.swaparr.models import SwaparrAction, SwaparrEntry, SwaparrState, TrackedDownload
from app.swaparr.policy import Away, Consequence, LookResult, Memory, Record, Verdict
from app.swaparr.storing import read_items, read_memory, read_record, stored_items, stored_memory, stored_record
from app.swaparr.stuck_rules import Cause

HOUR = timedelta(hours=1)
RETURNS = 3
RETURNS_WITHIN = timedelta(days=7)
"""An item whose downloads were removed so often in this time waits for a change."""
PARKED = 1000
"""More failed searches in a row than any setting allows."""


@dataclass(frozen=True, slots=True)
class PolicyName:
    """A policy as events and decisions name it."""

    instance_id: int
    name: str
    target_id: int


@dataclass(frozen=True, slots=True)
class KnownQueue:
    """What is stored of a queue."""

    memory: Memory
    records: Mapping[str, Record]
    removing: Mapping[str, TrackedDownload]
    """Removals that a worker began and did not finish."""


class SwaparrStore:
    """Every write is one transaction."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def remembered(self, instance_id: int) -> KnownQueue:
        async with self._db.reading() as session:
            state = await session.get(SwaparrState, instance_id)
            rows = await _rows(session, instance_id)
        memory = Memory() if state is None else read_memory(state.memory)
        records = {row.key: read_record(row.record) for row in rows}
        return KnownQueue(memory, records, {row.key: row for row in rows if row.removing_at is not None})

    async def note_away(self, instance_id: int, away: Away) -> None:
        """The queue could not be read: the next look says nothing yet."""
        async with self._db.session() as session:
            state = await _state(session, instance_id)
            memory = read_memory(state.memory)
            if memory.away is not away:
                state.memory = stored_memory(Memory(memory.refreshed_at, memory.clients, away))

    async def keep(
        self,
        policy: PolicyName,
        before: KnownQueue,
        judgement: LookResult,
        items: Mapping[str, Sequence[RequestedItem]],
        max_strikes: Mapping[Cause, int],
    ) -> None:
        """Store what a look came to, with its strikes. An empty queue costs no write."""
        if not judgement.judged and not before.records and before.memory.away is judgement.memory.away:
            return
        now = self._clock()
        async with self._db.session() as session:
            state = await _state(session, policy.instance_id)
            if before.memory.away is not judgement.memory.away:
                _note_away(session, policy, before.memory.away, judgement.memory.away, now)
            state.memory = stored_memory(judgement.memory)
            rows = {row.key: row for row in await _rows(session, policy.instance_id)}
            for judged in judgement.judged:
                row = _keep_download(session, policy, rows.get(judged.download.key), judged, items, now)
                if judged.cause is not None and _is_struck(before.records.get(judged.download.key), judged):
                    state.strikes += 1
                    await _strike(session, policy, row, judged, max_strikes[judged.cause], now)
                elif judged.action is Consequence.TELL:
                    session.add(_entry(policy, SwaparrAction.TOLD, row, now, TOLD))
            for key, record in judgement.gone.items():
                if key in rows:
                    rows[key].gone_at, rows[key].record = record.gone_at, stored_record(record)
            here = {judged.download.key for judged in judgement.judged} | judgement.gone.keys()
            for key in rows.keys() - here:
                await session.delete(rows[key])

    async def would_remove(self, policy: PolicyName, judged: Verdict) -> None:
        """A dry run says once what it would remove."""
        now = self._clock()
        async with self._db.session() as session:
            row = await _row(session, policy.instance_id, judged.download.key)
            if row is not None and row.told_at is None:
                row.told_at = now
                session.add(_entry(policy, SwaparrAction.WOULD_REMOVE, row, now, "A dry run: nothing was removed."))

    async def begin_removal(self, policy: PolicyName, key: str, max_per_hour: int) -> bool:
        """Write down that it is about to be removed; false when that was done too often in the last hour."""
        now = self._clock()
        async with self._db.session() as session:
            await session.get(SwaparrState, policy.instance_id, with_for_update=True)
            if await _count(session, policy.instance_id, SwaparrAction.REMOVED, now - HOUR) >= max_per_hour:
                if not await _count(session, policy.instance_id, SwaparrAction.LIMIT, now - HOUR):
                    message = f"{max_per_hour} downloads were removed in an hour: nothing more is removed for now."
                    session.add(
                        SwaparrEntry(
                            instance_id=policy.instance_id, at=now, action=SwaparrAction.LIMIT, message=message
                        )
                    )
                    await record_event(session, SystemFailed(part=f"Swaparr, {policy.name}", message=message), now)
                return False
            row = await _row(session, policy.instance_id, key)
            if row is None:
                return False
            row.removing_at = now
            return True

    async def removal_failed(self, instance_id: int, key: str) -> None:
        """The app answered that it could not: the next look begins again."""
        async with self._db.session() as session:
            row = await _row(session, instance_id, key)
            if row is not None:
                row.removing_at = None

    async def removed(self, policy: PolicyName, key: str, *, search_again: bool) -> None:
        """Record a removal and ask for the search after it, all or nothing; a second call does nothing."""
        now = self._clock()
        async with self._db.session() as session:
            state = await _state(session, policy.instance_id)
            row = await _row(session, policy.instance_id, key)
            if row is None:
                return
            items = read_items(row.items) if search_again and row.detail != NOT_AN_UPGRADE else []
            returns = await _returned(session, policy.instance_id, items, now)
            if items and returns + 1 >= RETURNS:
                await park(session, policy.target_id, [item.media_key for item in items], PARKED)
                session.add(
                    _entry(policy, SwaparrAction.PARKED, row, now, f"Removed {RETURNS} times in 7 days: it waits.")
                )
                searched: list[RequestedItem] = []
            else:
                searched = items
                await request_searches(session, policy.target_id, items, now)
            entry = _entry(policy, SwaparrAction.REMOVED, row, now, "Removed.")
            entry.searches, entry.keys = len(searched), [item.media_key for item in items]
            session.add(entry)
            state.removed += 1
            await record_event(session, _removed_event(policy, row, len(searched)), now)
            await session.delete(row)

    async def forgive(self, policy: PolicyName, download_id: str) -> int:
        """Forget the strikes of a download; how many rows it had."""
        now = self._clock()
        async with self._db.session() as session:
            rows = [row for row in await _rows(session, policy.instance_id) if row.download_id == download_id]
            for row in rows:
                row.record = stored_record(read_record(row.record).cleared(Cause))
                row.strikes, row.told_at = 0, None
                session.add(_entry(policy, SwaparrAction.FORGIVEN, row, now, "Its strikes were forgotten."))
        return len(rows)

    async def clients(self, instance_id: int) -> tuple[frozenset[str], datetime | None]:
        """The clients that are a Transmission, and when that was read."""
        async with self._db.reading() as session:
            state = await session.get(SwaparrState, instance_id)
        return (frozenset(), None) if state is None else (frozenset(state.transmissions), state.clients_at)

    async def keep_clients(self, instance_id: int, transmissions: Iterable[str]) -> None:
        async with self._db.session() as session:
            state = await _state(session, instance_id)
            state.transmissions, state.clients_at = sorted(transmissions), self._clock()

    async def purge(self, before: datetime) -> None:
        """Delete old decisions."""
        async with self._db.session() as session:
            await session.exec(delete(SwaparrEntry).where(col(SwaparrEntry.at) < before))


TOLD = "The app cannot import it, and the cause is not in the release: a person has to look."


def _keep_download(
    session: AsyncSession,
    policy: PolicyName,
    row: TrackedDownload | None,
    judged: Verdict,
    items: Mapping[str, Sequence[RequestedItem]],
    now: datetime,
) -> TrackedDownload:
    download = judged.download
    if row is None:
        row = TrackedDownload(
            instance_id=policy.instance_id,
            key=download.key,
            download_id=download.download_id,
            title=download.title,
            standing=judged.standing.value,
            seen_at=now,
        )
        session.add(row)
    row.title, row.client, row.indexer = download.title, download.client, download.indexer
    row.size, row.left, row.standing = download.size, download.left, judged.standing.value
    row.cause, row.detail = judged.cause, judged.detail
    row.strikes = judged.record.strikes.get(judged.cause, 0) if judged.cause is not None else 0
    row.record, row.items = stored_record(judged.record), stored_items(items.get(download.key, ()))
    row.seen_at, row.gone_at = now, None
    return row


def _is_struck(before: Record | None, judged: Verdict) -> bool:
    """Whether this look counted one more strike, be it the last one before a removal."""
    earlier = before.strikes if before is not None else {}
    return any(number > earlier.get(cause, 0) for cause, number in judged.record.strikes.items())


def _note_away(
    session: AsyncSession, policy: PolicyName, before: Away | None, now_away: Away | None, at: datetime
) -> None:
    action, message = (
        (SwaparrAction.RESUMED, "Counting goes on.") if now_away is None else ("suspended", AWAY_TEXTS[now_away])
    )
    detail = (now_away or before or Away.APP).value
    session.add(SwaparrEntry(instance_id=policy.instance_id, at=at, action=action, detail=detail, message=message))


AWAY_TEXTS = {
    Away.APP: "The app does not answer: nothing counts.",
    Away.CLIENT: "A download client or a folder is away: nothing counts.",
    Away.RESTARTED: "The app was restarted: nothing counts for two minutes.",
    Away.LINE: "Most downloads stopped at once, or no address answers: the line is down, and nothing counts.",
}


async def _strike(
    session: AsyncSession, policy: PolicyName, row: TrackedDownload, judged: Verdict, max_strikes: int, now: datetime
) -> None:
    session.add(_entry(policy, SwaparrAction.STRIKE, row, now, f"Strike {row.strikes} of {max_strikes}."))
    event = SwaparrStrike(**_about(policy, row), max_strikes=max_strikes)
    await record_event(session, event, now)


def _removed_event(policy: PolicyName, row: TrackedDownload, searches: int) -> SwaparrRemoved:
    return SwaparrRemoved(**_about(policy, row), searches=searches)


def _about(policy: PolicyName, row: TrackedDownload) -> dict[str, Any]:
    return {
        "app_type": AppType.SWAPARR,
        "instance_id": policy.instance_id,
        "instance_name": policy.name,
        "target_instance_id": policy.target_id,
        "title": row.title,
        "download_id": row.download_id,
        "cause": row.cause or "",
        "detail": row.detail,
        "strikes": row.strikes,
    }


def _entry(
    policy: PolicyName, action: SwaparrAction, row: TrackedDownload, now: datetime, message: str
) -> SwaparrEntry:
    return SwaparrEntry(
        instance_id=policy.instance_id,
        at=now,
        action=action,
        cause=row.cause,
        detail=row.detail,
        download_id=row.download_id,
        title=row.title,
        strikes=row.strikes,
        message=message,
    )


async def _state(session: AsyncSession, instance_id: int) -> SwaparrState:
    state = await session.get(SwaparrState, instance_id, with_for_update=True)
    if state is None:
        state = SwaparrState(instance_id=instance_id)
        session.add(state)
    return state


async def _rows(session: AsyncSession, instance_id: int) -> Sequence[TrackedDownload]:
    query = select(TrackedDownload).where(TrackedDownload.instance_id == instance_id)
    return (await session.exec(query.order_by(col(TrackedDownload.id)))).all()


async def _row(session: AsyncSession, instance_id: int, key: str) -> TrackedDownload | None:
    query = select(TrackedDownload).where(TrackedDownload.instance_id == instance_id, TrackedDownload.key == key)
    return (await session.exec(query.with_for_update())).first()


async def _count(session: AsyncSession, instance_id: int, action: SwaparrAction, since: datetime) -> int:
    query = select(func.count()).select_from(SwaparrEntry)
    query = query.where(
        SwaparrEntry.instance_id == instance_id, SwaparrEntry.action == action, col(SwaparrEntry.at) > since
    )
    return (await session.exec(query)).one()


async def _returned(session: AsyncSession, instance_id: int, items: Sequence[RequestedItem], now: datetime) -> int:
    """How often downloads of these items were removed lately."""
    query = select(SwaparrEntry.keys).where(
        SwaparrEntry.instance_id == instance_id,
        SwaparrEntry.action == SwaparrAction.REMOVED,
        col(SwaparrEntry.at) > now - RETURNS_WITHIN,
    )
    wanted = {item.media_key for item in items}
    return sum(bool(wanted & set(keys)) for keys in (await session.exec(query)).all())

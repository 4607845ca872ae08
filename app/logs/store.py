"""Adds, reads, counts and deletes entries of the log."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from pydantic_core import from_json
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.clock import Clock
from app.core.config import LogLevel
from app.core.db import Database, upsert
from app.logs.filters import LogFilter, matching, with_text
from app.logs.lines import Entry, EntryKind
from app.logs.models import LEVEL_NUMBERS, NO_INSTANCE, SOURCES, LogEntry, LogTotal, id_at, time_of
from app.logs.schemas import LogCleanupIn, LogEntryOut, LogsOut, LogStatsOut
from app.settings.service import SettingsService

MAX_COUNTED = 10_000
"""Without a stored total, counting ends here."""
MAX_SEARCHED = 10_000
"""A page with `search` reads so many entries that match the other filters."""
EXPORT_BATCH_ROWS = 1000
DELETE_BATCH_ROWS = 2000
PAUSE_SECONDS = 0.02
TRIES = 20

_LEVELS = {number: level for level, number in LEVEL_NUMBERS.items()}
_COLUMNS: Any = [getattr(LogEntry, name) for name in LogEntry.model_fields if name != "size"]
_KEY = ("app_type", "instance_id", "level")


def level_name(number: int) -> LogLevel:
    return _LEVELS[number]


class LogStore:
    """All statements on the two tables of the log."""

    def __init__(self, db: Database, settings: SettingsService, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock

    async def add(self, entries: Sequence[Entry], dropped: Mapping[EntryKind, int]) -> list[LogEntryOut]:
        """Store entries, and count those that were dropped before them."""
        ids = [entry.id for entry in entries]
        for attempt in range(1, TRIES + 1):
            try:
                async with self._db.session() as session:
                    ids = await _free_ids(session, ids)
                    rows = [{**asdict(entry), "id": entry_id} for entry, entry_id in zip(entries, ids, strict=True)]
                    await (await session.connection()).execute(insert(LogEntry), rows)
                    await _count(session, [(entry.kind, entry.size) for entry in entries], dropped)
                break
            except IntegrityError:  # another process took an id after we looked
                if attempt == TRIES:
                    raise
        return [_out(replace(entry, id=entry_id)) for entry, entry_id in zip(entries, ids, strict=True)]

    async def page(self, wanted: LogFilter, *, limit: int, before_id: int | None) -> LogsOut:
        """Entries, newest first."""
        async with self._db.reading(is_heavy=wanted.search is not None) as session:
            found, following = await _newest(session, wanted, limit, before_id)
            query = select(*_COLUMNS).where(col(LogEntry.id).in_(found)).order_by(col(LogEntry.id).desc())
            rows = (await session.exec(query)).all() if found else []
            if before_id is None and following is None:
                total, is_exact = len(rows), True
            else:
                total, is_exact = await _total(session, wanted)
        entries = [_out(row) for row in rows]
        return LogsOut(entries=entries, total=total, total_is_exact=is_exact, next_before_id=following)

    async def stats(self) -> LogStatsOut:
        """Statistics from the stored totals: the same few reads, however many entries there are."""
        sums = [func.sum(getattr(LogTotal, name)) for name in ("lines", "size", "dropped")]
        query: Any = select(LogTotal.app_type, LogTotal.level, *sums).group_by(LogTotal.app_type, col(LogTotal.level))
        ends = [select(end(LogEntry.id)).scalar_subquery() for end in (func.min, func.max)]
        async with self._db.reading() as session:
            rows = (await session.exec(query)).all()
            oldest, newest = (await session.exec(select(*ends))).one()
        by_app = dict.fromkeys(SOURCES, 0)
        by_level, dropped = dict.fromkeys(LogLevel, 0), dict.fromkeys(LogLevel, 0)
        for app_type, level, lines, _, lost in rows:
            by_app[app_type] = by_app.get(app_type, 0) + int(lines)
            by_level[level_name(level)] += int(lines)
            dropped[level_name(level)] += int(lost)
        return LogStatsOut(
            total=sum(by_app.values()),
            by_app=by_app,
            by_level=by_level,
            oldest=time_of(oldest) if oldest is not None else None,
            newest=time_of(newest) if newest is not None else None,
            size_bytes=sum(int(row[3]) for row in rows),
            dropped=dropped,
        )

    async def export(self, wanted: LogFilter) -> AsyncIterator[list[LogEntryOut]]:
        """All matching entries, oldest first, part by part, without those that are logged meanwhile.

        The first part is read before this returns, so that an unavailable database is an error and not half a file.
        """
        async with self._db.reading(is_heavy=True) as session:
            newest = (await session.exec(select(func.max(LogEntry.id)))).one()
            last = newest + 1 if newest is not None else 0
            first = await _oldest(session, wanted, None, last)
        return self._parts(wanted, last, *first)

    async def _parts(
        self, wanted: LogFilter, last: int, part: list[LogEntryOut], reached: int | None
    ) -> AsyncIterator[list[LogEntryOut]]:
        yield part
        while reached is not None:
            async with self._db.reading(is_heavy=True) as session:
                part, reached = await _oldest(session, wanted, reached, last)
            yield part

    async def clear(self, app_type: str | None) -> int:
        """Delete all entries, or those of one source, and reset the counts of dropped lines."""
        terms = LogFilter(app_type).terms()
        deleted = await self._delete(lambda: select(LogEntry.id).where(*terms).limit(DELETE_BATCH_ROWS))
        reset = update(LogTotal).values(dropped=0)
        async with self._db.session() as session:
            await session.exec(reset if app_type is None else reset.where(col(LogTotal.app_type) == app_type))
        return deleted

    async def clean_up(self, given: LogCleanupIn) -> int:
        """Delete entries beyond the age or number that is given; without both, beyond those of the settings."""
        days, max_entries = given.days_to_keep, given.max_entries_per_app
        if days is None and max_entries is None:
            general = await self._settings.general()
            days, max_entries = general.log_retention_days, general.log_max_entries_per_app
        deleted = 0
        if days is not None:
            oldest = id_at(self._clock() - timedelta(days=days))
            deleted += await self._delete(
                lambda: select(LogEntry.id).where(col(LogEntry.id) < oldest).limit(DELETE_BATCH_ROWS)
            )
        if max_entries is not None:
            for app_type, lines in (await self._lines()).items():
                if lines > max_entries:
                    deleted += await self._shorten(app_type, max_entries)
        return deleted

    async def purge(self) -> None:
        """Delete entries beyond the limits of the settings."""
        await self.clean_up(LogCleanupIn())

    async def _shorten(self, app_type: str, max_entries: int) -> int:
        deleted = 0
        while (excess := (await self._lines()).get(app_type, 0) - max_entries) > 0:
            ids = matching(LogFilter(app_type), min(excess, DELETE_BATCH_ROWS), oldest_first=True)
            if not (gone := await self._delete_batch(ids)):
                break
            deleted += gone
        return deleted

    async def _lines(self) -> dict[str, int]:
        """How many entries each source has."""
        query = select(LogTotal.app_type, func.sum(LogTotal.lines)).group_by(LogTotal.app_type)
        async with self._db.glance() as session:
            return {app_type: int(lines or 0) for app_type, lines in (await session.exec(query)).all()}

    async def _delete(self, batch: Any) -> int:
        deleted = 0
        while (gone := await self._delete_batch(batch())) == DELETE_BATCH_ROWS:
            deleted += gone
        return deleted + gone

    async def _delete_batch(self, ids: Any) -> int:
        """A short transaction, then a pause in which others can write: a hunt never waits for a clean-up."""
        counted: Any = (LogEntry.app_type, LogEntry.instance_id, LogEntry.level, LogEntry.size)
        async with self._db.glance() as session:
            if (await session.exec(ids.limit(1))).first() is None:
                return 0
        async with self._db.session() as session:
            deletion: Any = delete(LogEntry).where(col(LogEntry.id).in_(ids)).returning(*counted)
            gone = (await session.exec(deletion)).all()
            kinds = [(EntryKind(row.app_type, row.instance_id or NO_INSTANCE, row.level), row.size) for row in gone]
            await _count(session, kinds, {}, sign=-1)
        await asyncio.sleep(PAUSE_SECONDS)
        return len(kinds)


async def _free_ids(session: AsyncSession, ids: Sequence[int]) -> list[int]:
    """`ids`, each moved to the next free number where it is taken or given twice."""
    taken = set((await session.exec(select(LogEntry.id).where(col(LogEntry.id).in_(ids)))).all())
    free = []
    for entry_id in ids:
        while entry_id in taken:
            entry_id += 1
        taken.add(entry_id)
        free.append(entry_id)
    return free


async def _count(
    session: AsyncSession, entries: Sequence[tuple[EntryKind, int]], dropped: Mapping[EntryKind, int], *, sign: int = 1
) -> None:
    lines: Counter[EntryKind] = Counter()
    sizes: Counter[EntryKind] = Counter()
    for kind, size in entries:
        lines[kind] += sign
        sizes[kind] += sign * size
    rows = [
        {**kind._asdict(), "lines": lines[kind], "size": sizes[kind], "dropped": dropped.get(kind, 0)}
        for kind in sorted({*lines, *dropped})  # always in this order: otherwise two processes could deadlock
    ]
    await upsert(session, LogTotal, rows, key=_KEY, add=("lines", "size", "dropped"))


async def _newest(
    session: AsyncSession, wanted: LogFilter, limit: int, before_id: int | None
) -> tuple[list[int], int | None]:
    """The ids of a page, and the id before which the next page begins."""
    if wanted.search is None:
        ids = list((await session.exec(matching(wanted, limit + 1, beyond=before_id))).all())
        return ids[:limit], ids[limit - 1] if len(ids) > limit else None
    ids = list((await session.exec(with_text(wanted, MAX_SEARCHED, beyond=before_id).limit(limit + 1))).all())
    if len(ids) > limit:
        return ids[:limit], ids[limit - 1]
    read = matching(wanted, MAX_SEARCHED, beyond=before_id).subquery()
    count, lowest = (await session.exec(select(func.count(), func.min(read.c.id)))).one()
    return ids, lowest if count == MAX_SEARCHED else None


async def _total(session: AsyncSession, wanted: LogFilter) -> tuple[int, bool]:
    """How many entries match, and whether all were counted."""
    if wanted.is_counted:
        query: Any = select(func.sum(LogTotal.lines)).where(col(LogTotal.level).in_(wanted.levels))
        if wanted.app_type is not None:
            query = query.where(LogTotal.app_type == wanted.app_type)
        if wanted.instance_id is not None:
            query = query.where(LogTotal.instance_id == wanted.instance_id)
        return int((await session.exec(query)).one() or 0), True
    if wanted.search is None:
        some = matching(wanted, MAX_COUNTED + 1).subquery()
        count = (await session.exec(select(func.count()).select_from(some))).one()
        return min(count, MAX_COUNTED), count <= MAX_COUNTED
    count, read = [
        (await session.exec(select(func.count()).select_from(query.subquery()))).one()
        for query in (with_text(wanted, MAX_SEARCHED), matching(wanted, MAX_SEARCHED))
    ]
    return count, read < MAX_SEARCHED


async def _oldest(
    session: AsyncSession, wanted: LogFilter, beyond: int | None, last: int
) -> tuple[list[LogEntryOut], int | None]:
    """A part of the export, and its last id; `None` instead of the id after the last part."""
    ids = list((await session.exec(matching(wanted, EXPORT_BATCH_ROWS, beyond=beyond, oldest_first=True))).all())
    reached = ids[-1] if len(ids) == EXPORT_BATCH_ROWS and ids[-1] < last else None
    query = select(*_COLUMNS).where(col(LogEntry.id).in_([entry_id for entry_id in ids if entry_id < last]))
    if wanted.search is not None:
        query = query.where(wanted.matches(col(LogEntry.message), col(LogEntry.context)))
    rows = (await session.exec(query.order_by(col(LogEntry.id)))).all()
    return [_out(row) for row in rows], reached


def _out(row: Any) -> LogEntryOut:
    """From a row, or from an entry that was stored."""
    return LogEntryOut(
        id=row.id,
        timestamp=time_of(row.id),
        level=level_name(row.level),
        app_type=row.app_type,
        instance_id=row.instance_id,
        hunt_id=row.hunt_id,
        request_id=row.request_id,
        logger=row.logger,
        message=row.message,
        context=from_json(row.context),
    )

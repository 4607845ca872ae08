"""What changed in an app since the last look, once a day: it makes another search of its items worth more."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.store.lease import FencedLease, check_fence
from app.hunting.store.models import AppSnapshot

log = structlog.get_logger(__name__)

EVERY = timedelta(days=1)


class ChangeDetector:
    """Keeps what indexers, profiles and custom formats an app had, and when one of them changed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def looked_at(self, instance_id: int) -> datetime | None:
        """When the app was last asked anything beside its history between two hunts."""
        async with self._db.reading() as session:
            marks = await session.get(AppSnapshot, instance_id)
        return marks.looked_at if marks is not None else None

    async def note_look(self, lease: FencedLease) -> None:
        async with self._db.session() as session:
            marks = await self._marks(session, lease)
            marks.looked_at = self._clock()
            session.add(marks)

    async def look(self, lease: FencedLease, client: ArrClient) -> None:
        """One request, for the one that is due the longest; none when nothing is."""
        now = self._clock()
        async with self._db.reading() as session:
            marks = await session.get(AppSnapshot, lease.instance_id) or AppSnapshot(instance_id=lease.instance_id)
        due = _due(marks, client, now)
        if due is None:
            return
        await self.note_look(lease)
        try:
            await self._ask(lease, client, due)
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("app not looked at for changes", what=due, error=failure.message)
            await self._put_off(lease, due)

    async def _ask(self, lease: FencedLease, client: ArrClient, due: str) -> None:
        if due == "indexers":
            await self._note_indexers(lease, await client.indexers())
        elif due == "profiles":
            profiles = {str(one.profile_id): one.fingerprint for one in await client.quality_profiles()}
            await self._note_profiles(lease, profiles, has_formats=client.has_scores)
        else:
            await self._note_formats(lease, await client.formats_fingerprint())

    async def next_look(self, instance_id: int, now: datetime) -> datetime:
        """When something is due to be looked at again."""
        async with self._db.reading() as session:
            marks = await session.get(AppSnapshot, instance_id)
        if marks is None:
            return now
        looks = (marks.indexers_at, marks.profiles_at, marks.formats_at)
        return min(at + EVERY if at is not None and at <= now else now for at in looks)

    async def _put_off(self, lease: FencedLease, due: str) -> None:
        """What this app does not tell is asked for again tomorrow."""
        async with self._db.session() as session:
            marks = await self._marks(session, lease)
            setattr(marks, f"{due}_at", self._clock())
            session.add(marks)

    async def _note_indexers(self, lease: FencedLease, indexers: frozenset[int]) -> None:
        """A new indexer wakes everything; one that went does not."""
        async with self._db.session() as session:
            marks = await self._marks(session, lease)
            if marks.indexers is not None and indexers - set(marks.indexers):
                marks.woken_at = self._clock()
            marks.indexers, marks.indexers_at = sorted(indexers), self._clock()
            session.add(marks)

    async def _note_profiles(self, lease: FencedLease, profiles: Mapping[str, str], *, has_formats: bool) -> None:
        """A changed profile wakes the items that have it."""
        async with self._db.session() as session:
            marks = await self._marks(session, lease)
            before, now = marks.profiles or {}, self._clock()
            changed = [one for one, mark in profiles.items() if one in before and before[one] != mark]
            marks.profiles_woken = {**marks.profiles_woken, **{one: now.isoformat() for one in changed}}
            marks.profiles, marks.profiles_at = dict(profiles), now
            marks.formats_at = marks.formats_at if has_formats else now
            session.add(marks)

    async def _note_formats(self, lease: FencedLease, formats: str) -> None:
        """Changed custom formats score every release anew."""
        async with self._db.session() as session:
            marks = await self._marks(session, lease)
            if marks.formats is not None and marks.formats != formats:
                marks.woken_at = self._clock()
            marks.formats, marks.formats_at = formats, self._clock()
            session.add(marks)

    async def _marks(self, session: AsyncSession, lease: FencedLease) -> AppSnapshot:
        await check_fence(session, lease.instance_id, lease.fence)
        return await session.get(AppSnapshot, lease.instance_id) or AppSnapshot(instance_id=lease.instance_id)


def _due(marks: AppSnapshot, client: ArrClient, now: datetime) -> str | None:
    """What was looked at the longest ago, if that is a day or more; what never was, by this clock, comes first."""
    looks = {"indexers": marks.indexers_at, "profiles": marks.profiles_at}
    if client.has_scores:
        looks["formats"] = marks.formats_at
    known = {name: at for name, at in looks.items() if at is not None and at <= now}
    never = [name for name in looks if name not in known]
    if never:
        return never[0]
    name, at = min(known.items(), key=lambda one: one[1])
    return name if now - at >= EVERY else None

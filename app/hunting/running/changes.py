"""Detects what changed in an app: a new indexer, other profiles or formats make another search of its items worth it.

Each is probed once a day.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

import structlog

from app.arr.base import ArrClient
from app.arr.errors import ArrError
from app.arr.models import IndexerLink
from app.core.clock import Clock
from app.core.db import Database
from app.hunting.store.lease import FencedLease, fenced
from app.hunting.store.models import AppSnapshot

log = structlog.get_logger(__name__)

PROBE_EVERY = timedelta(days=1)


class ChangeDetector:
    """Compares the indexers, profiles and custom formats of an app with its snapshot."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def probed_at(self, instance_id: int) -> datetime | None:
        """When the app was last asked for anything but its history between two hunts."""
        async with self._db.reading() as session:
            snapshot = await session.get(AppSnapshot, instance_id)
        return snapshot.looked_at if snapshot is not None else None

    async def note_probe(self, lease: FencedLease) -> None:
        """The app is asked now."""
        async with self._snapshot(lease) as snapshot:
            snapshot.looked_at = self._clock()

    async def probe(self, lease: FencedLease, client: ArrClient) -> None:
        """One request, for the probe that is due the longest; none when nothing is due."""
        now = self._clock()
        async with self._db.reading() as session:
            snapshot = await session.get(AppSnapshot, lease.instance_id) or AppSnapshot(instance_id=lease.instance_id)
        due = _due(snapshot, client, now)
        if due is None:
            return
        await self.note_probe(lease)
        try:
            await self._ask(lease, client, due)
        except ArrError as failure:
            if failure.ends_all:
                raise
            log.warning("app not probed for changes", probe=due, error=failure.message)
            async with self._snapshot(lease) as snapshot:  # asked again tomorrow
                setattr(snapshot, f"{due}_at", self._clock())

    async def next_probe_at(self, instance_id: int, now: datetime) -> datetime:
        """When a probe is due again."""
        async with self._db.reading() as session:
            snapshot = await session.get(AppSnapshot, instance_id)
        if snapshot is None:
            return now
        probes = (snapshot.indexers_at, snapshot.profiles_at, snapshot.formats_at)
        return min(at + PROBE_EVERY if at is not None and at <= now else now for at in probes)

    async def _ask(self, lease: FencedLease, client: ArrClient, due: str) -> None:
        if due == "indexers":
            await self._compare_indexers(lease, await client.indexers())
        elif due == "profiles":
            profiles = {str(profile.profile_id): profile.fingerprint for profile in await client.quality_profiles()}
            await self._compare_profiles(lease, profiles, has_formats=client.has_scores)
        else:
            await self._compare_formats(lease, await client.formats_fingerprint())

    async def _compare_indexers(self, lease: FencedLease, links: Collection[IndexerLink]) -> None:
        """A new indexer makes every item worth another search; a removed one does not."""
        indexers = {link.indexer_id for link in links}
        async with self._snapshot(lease) as snapshot:
            if snapshot.indexers is not None and indexers - set(snapshot.indexers):
                snapshot.woken_at = self._clock()
            snapshot.indexers, snapshot.indexers_at = sorted(indexers), self._clock()
            snapshot.links = [asdict(link) for link in links]

    async def _compare_profiles(self, lease: FencedLease, profiles: Mapping[str, str], *, has_formats: bool) -> None:
        """A changed profile makes the items that have it worth another search."""
        async with self._snapshot(lease) as snapshot:
            before, now = snapshot.profiles or {}, self._clock()
            changed = [key for key, fingerprint in profiles.items() if key in before and before[key] != fingerprint]
            snapshot.profiles_woken = {**snapshot.profiles_woken, **{key: now.isoformat() for key in changed}}
            snapshot.profiles, snapshot.profiles_at = dict(profiles), now
            snapshot.formats_at = snapshot.formats_at if has_formats else now

    async def _compare_formats(self, lease: FencedLease, formats: str) -> None:
        """Changed custom formats score every release anew."""
        async with self._snapshot(lease) as snapshot:
            if snapshot.formats is not None and snapshot.formats != formats:
                snapshot.woken_at = self._clock()
            snapshot.formats, snapshot.formats_at = formats, self._clock()

    @asynccontextmanager
    async def _snapshot(self, lease: FencedLease) -> AsyncIterator[AppSnapshot]:
        """The stored snapshot, or a new one, to be changed in one unit of work."""
        async with fenced(self._db, lease) as (session, _):
            snapshot = await session.get(AppSnapshot, lease.instance_id)
            if snapshot is None:
                snapshot = AppSnapshot(instance_id=lease.instance_id)
                session.add(snapshot)
            yield snapshot


def _due(snapshot: AppSnapshot, client: ArrClient, now: datetime) -> str | None:
    """The probe made the longest ago, if that is a day or more; one never made, by this clock, comes first."""
    probes = {"indexers": snapshot.indexers_at, "profiles": snapshot.profiles_at}
    if client.has_scores:
        probes["formats"] = snapshot.formats_at
    known = {name: at for name, at in probes.items() if at is not None and at <= now}
    never = [name for name in probes if name not in known]
    if never:
        return never[0]
    name, at = min(known.items(), key=lambda item: item[1])
    return name if now - at >= PROBE_EVERY else None

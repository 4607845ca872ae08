"""Events of hunts and searches: those stored with their fact, and the progress that is only published."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from app.arr.models import AppType, HuntPass, Unit
from app.core.db import Database
from app.events.bus import EventBus
from app.events.catalogue import EventName
from app.events.outbox import record_event, was_recorded
from app.events.payloads import (
    CapReached,
    Durable,
    HuntCompleted,
    HuntFailed,
    HuntProgress,
    HuntStarted,
    MediaGrabbed,
    MediaImported,
    MediaImportFailed,
    QueueChanged,
    SearchSent,
)
from app.hunting.store.caps import Caps
from app.hunting.store.lease import FencedLease, HuntLease
from app.hunting.store.models import Hunt, HuntStatus, Outcome, Search
from app.hunting.store.open_hunts import open_hunts
from app.hunting.store.reasons import HuntReason
from app.prowlarr.budget import BudgetGate

CAP_EVENT_EVERY = timedelta(hours=1)
MEDIA: Mapping[Outcome, type[MediaGrabbed] | type[MediaImported] | type[MediaImportFailed]] = {
    Outcome.GRABBED: MediaGrabbed,
    Outcome.IMPORTED: MediaImported,
    Outcome.IMPORT_FAILED: MediaImportFailed,
}


def hunt_started(hunt: Hunt) -> Durable:
    return HuntStarted(
        **_of_hunt(hunt), trigger=hunt.trigger, passes=[HuntPass(name) for name in hunt.passes], dry_run=hunt.dry_run
    )


def hunt_ended(hunt: Hunt, next_hunt_at: datetime | None) -> Durable:
    """`hunt.failed` if the hunt has failed, else `hunt.completed`."""
    kind = HuntFailed if hunt.status == HuntStatus.FAILED else HuntCompleted
    return kind(
        **_of_hunt(hunt),
        trigger=hunt.trigger,
        status=hunt.status,
        reason=hunt.reason,
        message=hunt.message,
        searched=hunt.searched,
        skipped=sum(sum(counts.values()) for counts in hunt.skipped.values()),
        errors=hunt.errors,
        dry_run=hunt.dry_run,
        took_seconds=hunt.took_seconds or 0.0,
        next_hunt_at=next_hunt_at,
    )


def search_sent(search: Search) -> Durable:
    return SearchSent(**_of_search(search), picked=search.picked, command_id=search.command_id)


def outcome_event(search: Search, outcome: Outcome) -> Durable | None:
    """The event of a search that reached this outcome, if there is one."""
    kind = MEDIA.get(outcome)
    if kind is None or search.instance_id is None:
        return None
    at = search.imported_at if kind is MediaImported else search.grabbed_at
    after = (at - search.command_began_at).total_seconds() if at and search.command_began_at else None
    more = {"message": search.message} if kind is MediaImportFailed else {}
    return kind(
        **_of_search(search),
        **more,
        release_title=search.release_title,
        indexer=search.indexer,
        download_id=next(iter(search.download_ids), None),
        quality_before=search.quality_before,
        quality=search.quality_after,
        score_before=search.score_before,
        score=search.score_after,
        after_seconds=max(0.0, after) if after is not None else None,
    )


async def record_cap_reached(session: AsyncSession, lease: FencedLease, used: Caps, now: datetime) -> None:
    """Store the event of a cap that is used up now, at most once in `CAP_EVENT_EVERY`."""
    if used.closed_by is None:
        return
    window = used.day if used.closed_by is HuntReason.DAILY_CAP else used.hour
    await _record_reached(session, lease, used.closed_by, (window.used, window.cap), window.resets_at, now)


async def record_budget_reached(session: AsyncSession, lease: FencedLease, budget: BudgetGate, now: datetime) -> None:
    """Store the event of a budget that this search used up; at most one such event in `CAP_EVENT_EVERY`."""
    found = budget.used_of_limit()
    if found is not None and not budget.is_open(now):
        await _record_reached(session, lease, HuntReason.BUDGET, found, budget.opens_at(now), now)


async def _record_reached(
    session: AsyncSession,
    lease: FencedLease,
    reason: HuntReason,
    used_of_limit: tuple[int, int],
    resets_at: datetime | None,
    now: datetime,
) -> None:
    if await was_recorded(session, EventName.CAP_REACHED, lease.instance_id, now - CAP_EVENT_EVERY):
        return
    used, limit = used_of_limit
    event = CapReached(
        app_type=AppType(lease.app_type),
        instance_id=lease.instance_id,
        instance_name=lease.instance_name,
        cap=reason.value,
        limit=limit,
        used=used,
        resets_at=resets_at,
    )
    await record_event(session, event, now)


class HuntBroadcaster:
    """Publishes how far a hunt has come, and how many hunts wait."""

    def __init__(self, db: Database, bus: EventBus) -> None:
        self._db = db
        self._bus = bus

    async def queue_changed(self) -> None:
        async with self._db.reading() as session:
            hunts = await open_hunts(session)
        queued, running = hunts[HuntStatus.QUEUED], hunts[HuntStatus.RUNNING]
        await self._bus.publish(QueueChanged(queued=queued.number, running=running.number))

    async def progress(self, lease: HuntLease, hunt_pass: HuntPass, searched: int, planned: int) -> None:
        """`searched` of `planned` searches were sent."""
        await self._bus.publish(
            HuntProgress(
                app_type=AppType(lease.app_type),
                instance_id=lease.instance_id,
                instance_name=lease.instance_name,
                hunt_id=lease.hunt_id,
                hunt_pass=hunt_pass,
                searched=searched,
                planned=planned,
            )
        )


def _of_hunt(hunt: Hunt) -> dict[str, Any]:
    return {
        "app_type": AppType(hunt.app_type),
        "instance_id": hunt.instance_id or 0,
        "instance_name": hunt.instance_name,
        "hunt_id": hunt.id or 0,
    }


def _of_search(search: Search) -> dict[str, Any]:
    return {
        "app_type": AppType(search.app_type),
        "instance_id": search.instance_id or 0,
        "instance_name": search.instance_name,
        "hunt_id": search.hunt_id,
        "search_id": search.id or 0,
        "hunt_pass": HuntPass(search.hunt_pass),
        "media_key": search.media_key,
        "unit": Unit(search.unit),
        "title": search.title,
    }

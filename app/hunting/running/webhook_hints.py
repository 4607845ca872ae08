"""What an app tells of itself, by its webhook: a hint to look at its history soon, or that a download is stuck.

The call itself is not believed to be the whole truth: what came of a search stands in the app's history, which is read
once for all that was told meanwhile.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

import structlog

from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import Unavailable
from app.core.queue import READ_HISTORY, Queue
from app.hunting.running.follow_up import BETWEEN_READS
from app.hunting.store.models import HuntState
from app.hunting.store.tracking import OutcomeTracker

log = structlog.get_logger(__name__)

SETTLES_IN = timedelta(seconds=5)
"""The apps call before the event stands in their history, or after; one look is for all that they tell meanwhile."""
RING_SECONDS = 1.0


class WebhookHints:
    """Takes hints. The row says when the next look is due, so that a lost ring costs a minute at most."""

    def __init__(self, db: Database, queue: Queue, tracker: OutcomeTracker, clock: Clock) -> None:
        self._db = db
        self._queue = queue
        self._tracker = tracker
        self._clock = clock

    async def happened(self, instance_id: int, names: Collection[str], download_id: str | None) -> bool:
        """Something became of a download; false when no search that is followed may have to do with it.

        `names` are the keys of all that it is about: the items, their seasons, their owner.
        """
        if not await self._tracker.follows(instance_id, names, download_id):
            return False
        due = await self._move(instance_id)
        if due is not None:
            await self._ring(instance_id, due)
        return True

    async def is_stuck(self, instance_id: int, download_id: str, message: str | None) -> bool:
        """The app waits for a person to import a download; false when it is none of a search that is followed."""
        return await self._tracker.note_stuck(instance_id, download_id, message)

    async def _move(self, instance_id: int) -> datetime | None:
        """Bring the next look forward; `None` when one is planned that comes soon enough, or nothing is left."""
        now = self._clock()
        async with self._db.session() as session:
            hunt_state = await session.get(HuntState, instance_id, with_for_update=True)
            if hunt_state is None:
                return None
            due = now + SETTLES_IN
            if hunt_state.followed_up_at is not None:
                # A last look in the future is none to wait for: the clock was set back.
                due = max(due, min(hunt_state.followed_up_at, now) + BETWEEN_READS)
            if hunt_state.follow_up_at is not None and now <= hunt_state.follow_up_at <= due:
                return None
            hunt_state.follow_up_at = due
        return due

    async def _ring(self, instance_id: int, due: datetime) -> None:
        try:
            async with asyncio.timeout(RING_SECONDS):
                await self._queue.enqueue(
                    READ_HISTORY,
                    instance_id,
                    job_id=f"read-history:{instance_id}:{due.timestamp():.0f}",
                    delay=due - self._clock(),
                )
        except (Unavailable, TimeoutError):
            log.warning("the history is read later: no redis", instance_id=instance_id)

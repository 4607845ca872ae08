"""What an app says of a download by its webhook: a hint to read its history soon, or that a download is stuck.

The call itself does not settle a search, except for a stuck download: the app's history does, and one read of it is
for all calls that came meanwhile.
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
from app.hunting.store.followed import FollowedSearches
from app.hunting.store.models import HuntState
from app.hunting.store.searches import SearchStore

log = structlog.get_logger(__name__)

READ_AFTER = timedelta(seconds=5)
"""The apps call before the event stands in their history, or after; one read is for all calls within this time."""
ENQUEUE_SECONDS = 1.0


class WebhookHints:
    """Takes hints. The row says when the history is read next, so that a lost job costs a minute at most."""

    def __init__(
        self, db: Database, queue: Queue, searches: SearchStore, followed: FollowedSearches, clock: Clock
    ) -> None:
        self._db = db
        self._queue = queue
        self._searches = searches
        self._followed = followed
        self._clock = clock

    async def on_download_event(self, instance_id: int, media_keys: Collection[str], download_id: str | None) -> bool:
        """Something happened to a download; false when no followed search may have to do with it.

        `media_keys` are the keys of all that it is about: the items, their seasons, their owner.
        """
        if not await self._followed.is_about(instance_id, media_keys, download_id):
            return False
        due_at = await self._bring_forward(instance_id)
        if due_at is not None:
            await self._enqueue(instance_id, due_at)
        return True

    async def on_stuck(self, instance_id: int, download_id: str, message: str | None) -> bool:
        """The app waits for a person to import a download; false when no followed search led to it."""
        return await self._searches.settle_by_webhook(instance_id, download_id, message)

    async def _bring_forward(self, instance_id: int) -> datetime | None:
        """Bring the next read forward; `None` when one is planned soon enough, or the instance is gone."""
        now = self._clock()
        async with self._db.session() as session:
            hunt_state = await session.get(HuntState, instance_id, with_for_update=True)
            if hunt_state is None:
                return None
            due_at = now + READ_AFTER
            if hunt_state.followed_up_at is not None:
                # A last read in the future is none to wait for: the clock was set back.
                due_at = max(due_at, min(hunt_state.followed_up_at, now) + BETWEEN_READS)
            if hunt_state.follow_up_at is not None and now <= hunt_state.follow_up_at <= due_at:
                return None
            hunt_state.follow_up_at = due_at
        return due_at

    async def _enqueue(self, instance_id: int, due_at: datetime) -> None:
        job_id = f"read-history:{instance_id}:{due_at.timestamp():.0f}"
        try:
            async with asyncio.timeout(ENQUEUE_SECONDS):
                await self._queue.enqueue(READ_HISTORY, instance_id, job_id=job_id, delay=due_at - self._clock())
        except (Unavailable, TimeoutError):
            log.warning("history read not enqueued: Redis unavailable", instance_id=instance_id)

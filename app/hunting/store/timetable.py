"""When instances hunt: how the `HuntState` of an instance begins, and how it follows changes of the instance."""

import random
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.bells import BellName, ring_after_commit
from app.core.clock import Clock
from app.hunting.store.models import OPEN, UNSETTLED, Hunt, HuntState, HuntStatus, Outcome, Search
from app.hunting.store.reasons import HuntReason
from app.instances.models import InstanceState
from app.settings.hunting import HuntingSettings

JITTER = 0.1
INSTANCE_DELETED = "The instance was deleted."
NO_INDEXERS_MINUTES = (1, 5, 15, 60)
FIRST_FOLLOW_UP = timedelta(minutes=5)


def interval(hunting: HuntingSettings) -> timedelta:
    """The time between two automatic hunts, with a jitter that keeps instances from hunting in step."""
    share = 1 + random.uniform(-JITTER, JITTER)  # noqa: S311 - nothing secret hangs on it
    return timedelta(minutes=hunting.interval_minutes) * share


def note_indexers(hunt_state: HuntState, now: datetime, *, are_there: bool) -> None:
    """Without an indexer that searches, the app is looked at again after 1, 5, 15 and then every 60 minutes."""
    if are_there:
        hunt_state.without_indexers = 0
        return
    hunt_state.without_indexers += 1
    minutes = NO_INDEXERS_MINUTES[min(hunt_state.without_indexers, len(NO_INDEXERS_MINUTES)) - 1]
    hunt_state.next_hunt_at = now + timedelta(minutes=minutes)


class HuntTimetable:
    """The `InstanceObserver` of the hunts. An instance without a `HuntState` is never due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def created(self, session: AsyncSession, instance_id: int, hunting: HuntingSettings) -> None:
        now = self._clock()
        session.add(
            HuntState(instance_id=instance_id, next_hunt_at=now + interval(hunting), follow_up_at=now + FIRST_FOLLOW_UP)
        )

    async def interval_changed(
        self, session: AsyncSession, instance_ids: Collection[int], hunting: HuntingSettings
    ) -> None:
        """A shorter interval brings the next hunt forward, a longer one puts it off."""
        now = self._clock()
        query = select(HuntState).where(col(HuntState.instance_id).in_(instance_ids)).with_for_update()
        for row in (await session.exec(query)).all():
            row.next_hunt_at = max(now, (row.last_hunt_at or now) + interval(hunting))
        ring_after_commit(session, BellName.PLANS)  # also where the instance was only enabled

    async def address_changed(self, session: AsyncSession, instance_id: int) -> None:
        """The history at the new address is read from its beginning."""
        hunt_state = await session.get(HuntState, instance_id, with_for_update=True)
        if hunt_state is not None:
            hunt_state.history_at = None

    async def deleting(self, session: AsyncSession, instance_id: int) -> None:
        """Open hunts and searches end; the history stays, and foreign keys delete what else belongs to the instance."""
        await session.get(HuntState, instance_id, with_for_update=True)
        ended = {"message": INSTANCE_DELETED, "ended_at": self._clock()}
        hunts = update(Hunt).where(col(Hunt.instance_id) == instance_id, col(Hunt.status).in_(OPEN))
        cancelled = {"status": HuntStatus.CANCELLED.value, "reason": HuntReason.DELETED.value}
        await session.exec(hunts.values(**cancelled, **ended))
        searches = update(Search).where(col(Search.instance_id) == instance_id, col(Search.outcome).in_(UNSETTLED))
        await session.exec(searches.values(outcome=Outcome.UNKNOWN.value, **ended))

    async def found_offline(self, session: AsyncSession, state: InstanceState) -> None:
        """The next hunt is tried when the rest of the instance is over, whatever was planned."""
        hunt_state = await session.get(HuntState, state.instance_id, with_for_update=True)
        if hunt_state is not None:
            hunt_state.next_hunt_at = state.rest_until

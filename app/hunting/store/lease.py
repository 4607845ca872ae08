"""The lease of an instance: at most one worker hunts it, also when one of them was only slow and not dead.

Redis holds who works on it, for a short time that is renewed. The fence, a number in the database that grows with
every holder, is what protects the data: a write with an older number is refused, whatever Redis says.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.redis_lease import RedisLease
from app.hunting.store.models import HuntState
from app.instances.models import InstanceState

log = structlog.get_logger(__name__)

LEASE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class FencedLease:
    """The right to write for an instance, as long as `fence` is the newest."""

    hunt_id: int
    instance_id: int
    instance_name: str
    app_type: str
    fence: int


class LeaseLost(Exception):
    """Another worker took the instance over: nothing may be written any more."""


class Leases:
    """Takes, renews and gives back leases; `seconds` is how long one lives without renewal."""

    def __init__(self, redis: Redis, *, seconds: float) -> None:
        self._redis = redis
        self._seconds = seconds

    @asynccontextmanager
    async def hold(self, instance_id: int) -> AsyncIterator[bool]:
        """Hold the instance for the block; false when somebody else does. The block is cancelled if it is lost."""
        lease = RedisLease(self._redis, _key(instance_id), seconds=self._seconds)
        holder = asyncio.current_task()
        renewal: asyncio.Task[None] | None = None
        try:
            is_ours = await lease.take()
            if is_ours:
                renewal = asyncio.create_task(self._renew(lease, holder))
            yield is_ours
        except asyncio.CancelledError:
            if renewal is not None and renewal.done() and not renewal.cancelled() and holder is not None:
                holder.uncancel()  # it was the renewal that cancelled us, not the worker
                raise LeaseLost from None
            raise
        finally:
            if renewal is not None:
                renewal.cancel()
            # Also when we were cancelled before Redis answered: the key may be ours all the same.
            with suppress(RedisError, OSError):
                await asyncio.shield(lease.release())

    async def held(self, instance_ids: Sequence[int]) -> set[int]:
        """Those of the instances that somebody works on now."""
        if not instance_ids:
            return set()
        found = await self._redis.mget([_key(one) for one in instance_ids])
        return {one for one, holder in zip(instance_ids, found, strict=True) if holder is not None}

    async def _renew(self, lease: RedisLease, holder: "asyncio.Task[object] | None") -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            try:
                if not await lease.take():
                    break
            except (RedisError, OSError):
                log.warning("lease not renewed: no redis")  # the fence still protects the data
        if holder is not None:
            holder.cancel()


async def check_fence(session: AsyncSession, instance_id: int, fence: int) -> HuntState:
    """Lock the instance's `HuntState` for this unit of work; `LeaseLost` when it is gone or another worker's."""
    query = select(HuntState).where(col(HuntState.instance_id) == instance_id).with_for_update()
    hunt_state = (await session.exec(query)).first()
    if hunt_state is None or hunt_state.fence != fence:
        raise LeaseLost
    return hunt_state


async def check_fence_of_state(session: AsyncSession, instance_id: int, fence: int) -> tuple[InstanceState, HuntState]:
    """The same for a write that also changes what was observed of the instance; locks both rows."""
    state = await session.get(InstanceState, instance_id, with_for_update=True)
    hunt_state = await check_fence(session, instance_id, fence)
    if state is None:
        raise LeaseLost
    return state, hunt_state


def _key(instance_id: int) -> str:
    return f"huntarr:lease:{instance_id}"

"""The lease of an instance: at most one worker hunts it, also when another one was only slow and not dead.

Redis holds who works on it, for a short time that is renewed. What protects the data is the fence, a number in the
database that grows with every holder: a write with an older number is refused, whatever Redis says.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import bindparam
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.core.db import Database
from app.core.redis_lease import RedisLease
from app.hunting.store.models import HuntState
from app.instances.models import InstanceState

log = structlog.get_logger(__name__)

LEASE_SECONDS = 45.0

# Built once: a hunt needs them three times a search.
_HUNT_STATE = select(HuntState).where(col(HuntState.instance_id) == bindparam("id")).with_for_update()
_BOTH_STATES = (
    select(InstanceState, HuntState)
    .join(HuntState, col(HuntState.instance_id) == col(InstanceState.instance_id))
    .where(col(InstanceState.instance_id) == bindparam("id"))
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class FencedLease:
    """The right to write for an instance, as long as `fence` is the newest."""

    instance_id: int
    instance_name: str
    app_type: str
    fence: int


@dataclass(frozen=True, slots=True)
class HuntLease(FencedLease):
    """The lease of a worker that runs a hunt."""

    hunt_id: int


class LeaseLost(Exception):
    """Another worker took the instance over: nothing may be written any more."""


class Leases:
    """Takes, renews and gives back leases; `seconds` is how long one lives without renewal."""

    def __init__(self, redis: Redis, *, seconds: float) -> None:
        self._redis = redis
        self._seconds = seconds

    @asynccontextmanager
    async def hold(self, instance_id: int) -> AsyncIterator[bool]:
        """Hold the instance for the block; false when somebody else does.

        If the lease is lost, the block is cancelled and `LeaseLost` raised.
        """
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
        """Those of the instances that a worker holds now."""
        if not instance_ids:
            return set()
        found = await self._redis.mget([_key(instance_id) for instance_id in instance_ids])
        return {instance_id for instance_id, holder in zip(instance_ids, found, strict=True) if holder is not None}

    async def _renew(self, lease: RedisLease, holder: "asyncio.Task[object] | None") -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            try:
                if not await lease.take():
                    break
            except (RedisError, OSError):
                log.warning("lease not renewed: Redis unavailable")  # the fence still protects the data
        if holder is not None:
            holder.cancel()


@asynccontextmanager
async def fenced(db: Database, lease: FencedLease) -> AsyncIterator[tuple[AsyncSession, HuntState]]:
    """A unit of work of the holder, with the locked `HuntState` of the instance.

    Raises `LeaseLost` when another worker has taken the instance over, or the instance is gone.
    """
    async with db.session() as session:
        yield session, await _check_fence(session, lease)


@asynccontextmanager
async def fenced_with_state(
    db: Database, lease: FencedLease
) -> AsyncIterator[tuple[AsyncSession, InstanceState, HuntState]]:
    """The same for a write that also changes what was observed of the instance; locks both rows."""
    async with db.session() as session:
        found = (await session.exec(_BOTH_STATES, params={"id": lease.instance_id})).first()
        if found is None or found[1].fence != lease.fence:
            raise LeaseLost
        yield session, *found


async def _check_fence(session: AsyncSession, lease: FencedLease) -> HuntState:
    hunt_state = (await session.exec(_HUNT_STATE, params={"id": lease.instance_id})).first()
    if hunt_state is None or hunt_state.fence != lease.fence:
        raise LeaseLost
    return hunt_state


def _key(instance_id: int) -> str:
    return f"huntarr:lease:{instance_id}"

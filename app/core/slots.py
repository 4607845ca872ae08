"""Work that is done once in a stretch of time by whichever worker comes first. Redis knows that: the disk may sleep."""

from datetime import datetime

from redis.asyncio import Redis


async def is_first_in_slot(redis: Redis, key: str, minutes: int, now: datetime) -> bool:
    """Whether nobody has come for `key` in the present stretch of so many minutes."""
    seconds = minutes * 60
    slot = f"huntarr:slot:{key}:{int(now.timestamp()) // seconds}"
    return bool(await redis.set(slot, 1, nx=True, ex=2 * seconds))

"""A lease in Redis: a key that one holder has, until it releases it or does not renew it in time."""

import secrets

from redis.asyncio import Redis

# 1 when the lease is ours, now or still.
TAKE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2], 'nx') and 1 or 0
"""
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class RedisLease:
    """One candidate for the lease `key`. Both methods raise what redis-py raises when Redis is unavailable."""

    def __init__(self, redis: Redis, key: str, *, seconds: float) -> None:
        self._take = redis.register_script(TAKE)
        self._release = redis.register_script(RELEASE)
        self._key = key
        self._token = secrets.token_hex(16)
        self._milliseconds = int(seconds * 1000)

    async def take(self) -> bool:
        """Take the lease if it is free, or renew ours; false when another candidate holds it."""
        return bool(await self._take(keys=[self._key], args=[self._token, self._milliseconds]))

    async def release(self) -> None:
        """Free the lease if it is ours."""
        await self._release(keys=[self._key], args=[self._token])

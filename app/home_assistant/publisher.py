"""Publishes to Home Assistant over MQTT, from one worker at a time. Nothing else ever waits for the broker."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from redis.asyncio import Redis

from app.core.errors import HuntarrError
from app.core.leader_lock import LeaderLock
from app.core.loops import forever
from app.home_assistant.broker import connect
from app.home_assistant.session import PublisherServices, PublisherSession, PublishTiming
from app.home_assistant.settings import MqttTarget, RetainedTopics
from app.home_assistant.topics import CLEARED, OFFLINE, Topics
from app.http.addresses import Resolve, resolve_name

log = structlog.get_logger(__name__)

LEASE: Final = "huntarr:mqtt"


class Publisher:
    """One per worker; only the leader is connected."""

    def __init__(
        self,
        services: PublisherServices,
        redis: Redis,
        *,
        timing: PublishTiming | None = None,
        timer: Callable[[], float] = time.monotonic,
        resolve: Resolve = resolve_name,
    ) -> None:
        self._services = services
        self._timing = timing or PublishTiming()
        self._timer = timer
        self._resolve = resolve
        self._leader = LeaderLock(redis, LEASE, seconds=self._timing.lease, is_better_twice=False)
        self._tried: MqttTarget | None = None
        self._rest_seconds = 0.0
        self._rest_until = 0.0

    async def run(self) -> None:
        """Publish until cancelled."""
        try:
            await forever(
                "mqtt publisher", self._step, pause_seconds=self._timing.look, bell=self._services.mqtt.changed
            )
        finally:
            await self._leader.release()

    async def _step(self) -> float | None:
        """Seconds until the next look, where that comes earlier: while there is a broker, or one to be cleared."""
        try:
            if await self._services.mqtt.is_idle():
                self._tried = None
                return None
            if await self._leader.held():
                await self._work()
        except HuntarrError as failure:
            if self._timer() >= self._rest_until:
                self._back_off(failure.message)
        except Exception:
            self._back_off("internal error")
            raise
        return self._timing.poll

    async def _work(self) -> None:
        """Clear the previous target, then publish to the current one until the settings or the leader change."""
        mqtt = self._services.mqtt
        target, previous = await mqtt.target(), await mqtt.retained_topics()
        if target != self._tried:
            self._tried, self._rest_seconds, self._rest_until = target, 0.0, 0.0
        if self._timer() < self._rest_until:
            return
        if previous is not None and (target is None or not target.is_same_place(previous.target)):
            await self._clear(previous, is_moving=target is not None)
            previous = None
        if target is None:
            return
        retained = previous.topics if previous is not None else ()
        if previous is not None and target != previous.target:
            await mqtt.remember(target, retained)
        session = PublisherSession(self._services, self._leader, self._timing, target, retained)
        await session.run(self._resolve, self._on_connected)

    async def _clear(self, previous: RetainedTopics, *, is_moving: bool) -> None:
        """Clear our retained messages at the previous target. Moving to a new target does not wait for a dead one."""
        target = previous.target
        try:
            async with connect(target.broker, resolve=self._resolve) as connection:
                await connection.publish(Topics(target).availability, OFFLINE, retain=True)
                for topic in previous.topics:
                    await connection.publish(topic, CLEARED, retain=True)
        except HuntarrError as failure:
            if not is_moving:
                raise
            log.warning("retained messages at the previous mqtt broker not cleared", reason=failure.message)
        await self._services.mqtt.forget()
        log.info("mqtt discovery cleared", broker=target.broker.name)

    def _on_connected(self) -> None:
        self._rest_seconds = 0.0

    def _back_off(self, reason: str) -> None:
        """Double the rest after each failure in a row; changed settings end it."""
        timing = self._timing
        self._rest_seconds = min(timing.longest_rest, self._rest_seconds * 2 or timing.first_rest)
        self._rest_until = self._timer() + self._rest_seconds
        # Without a broker, or before the database says whether there is one, nothing is missed.
        tell = log.debug if self._tried is None else log.warning
        tell("nothing is published over mqtt", reason=reason, next_try_seconds=round(self._rest_seconds, 1))

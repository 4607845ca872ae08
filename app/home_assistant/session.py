"""One connection of the publisher: it publishes states and events, and receives commands."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiomqtt import Message
from redis.exceptions import RedisError

from app import __version__
from app.core.errors import HuntarrError, Unavailable
from app.core.leader_lock import LeaderLock
from app.events.bus import STREAM, EventBus, StreamEntry, StreamId
from app.events.catalogue import DURABLE_EVENTS, EventName
from app.home_assistant.broker import REPLY_SECONDS, MqttConnection, connect
from app.home_assistant.commands import CommandExecutor
from app.home_assistant.devices import SnapshotReader
from app.home_assistant.messages import event_message, retained_messages
from app.home_assistant.settings import MqttSettingsService, MqttTarget
from app.home_assistant.topics import CLEARED, OFFLINE, ONLINE, Topics
from app.http.addresses import Resolve

log = structlog.get_logger(__name__)

BATCH: Final = 100
READ_SECONDS: Final = 4.0
CHANGES_STATES: Final = {*DURABLE_EVENTS, EventName.QUEUE}


@dataclass(frozen=True, slots=True)
class PublishTiming:
    """Intervals in seconds."""

    look: float = 60.0
    """Without a broker the settings are read, unless a bell tells that they changed."""
    poll: float = 5.0
    """Settings are read and the leader lock is renewed."""
    states: float = 5.0
    """States are read when no event says that they changed."""
    gap: float = 1.0
    """Minimum between two readings, so that many events at once cause one."""
    lease: float = 20.0
    """A killed worker keeps the leader lock for so long."""
    first_rest: float = 1.0
    longest_rest: float = 60.0


@dataclass(frozen=True, slots=True)
class PublisherServices:
    """What is published, and who executes commands."""

    mqtt: MqttSettingsService
    snapshots: SnapshotReader
    bus: EventBus
    commands: CommandExecutor


class PublisherSession:
    """Publishes to one target while this worker is the leader. `retained` are our topics with a retained message."""

    def __init__(
        self,
        services: PublisherServices,
        leader: LeaderLock,
        timing: PublishTiming,
        target: MqttTarget,
        retained: tuple[str, ...],
    ) -> None:
        self._services = services
        self._leader = leader
        self._timing = timing
        self._target = target
        self._topics = Topics(target)
        self._retained = retained
        self._published: dict[str, bytes] = {}
        self._has_changed = asyncio.Event()

    async def run(self, resolve: Resolve, on_connected: Callable[[], None]) -> None:
        """Until the settings or the leader change; a lost connection is an error. Ends with an `offline` message."""
        will = (self._topics.availability, OFFLINE)
        async with connect(self._target.broker, will=will, resolve=resolve) as connection:
            try:
                await connection.subscribe(*self._subscriptions())
                await connection.publish(self._topics.availability, ONLINE, retain=True)
                on_connected()
                log.info("publishing over mqtt", broker=self._target.broker.name)
                await _until_first_ends(
                    self._watch(),
                    self._publish_states(connection),
                    self._receive(connection),
                    self._publish_events(connection),
                )
            finally:
                # A new leader has published `online` already, which must not be overwritten.
                if await self._leader.held():
                    with suppress(HuntarrError, TimeoutError):
                        async with asyncio.timeout(REPLY_SECONDS):
                            await connection.publish(self._topics.availability, OFFLINE, retain=True)

    def _subscriptions(self) -> tuple[str, ...]:
        return (*self._topics.commands, self._topics.birth, self._topics.availability)

    async def _watch(self) -> None:
        """Return when this worker must no longer publish to this target."""
        while True:
            if not await self._leader.held() or not await self._is_current():
                return
            await asyncio.sleep(self._timing.poll)

    async def _is_current(self) -> bool:
        try:
            return await self._services.mqtt.target() == self._target
        except Unavailable:  # while the database is unavailable the target stays
            return True

    async def _publish_states(self, connection: MqttConnection) -> None:
        while True:
            self._has_changed.clear()
            try:
                await self._publish_changed(connection)
            except Unavailable as failure:
                log.warning("state publishing paused", reason=failure.message)
            await asyncio.sleep(self._timing.gap)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timing.states - self._timing.gap):
                    await self._has_changed.wait()

    async def _publish_changed(self, connection: MqttConnection) -> None:
        """Publish messages that are new or changed, and clear those that no longer apply."""
        messages = retained_messages(self._target, await self._services.snapshots.read(), __version__)
        if not set(messages) <= set(self._retained):
            await self._remember([*self._retained, *messages])
        for topic, payload in messages.items():
            if self._published.get(topic) != payload:
                await connection.publish(topic, payload, retain=True)
                self._published[topic] = payload
        obsolete = [topic for topic in self._retained if topic not in messages]
        for topic in obsolete:
            await connection.publish(topic, CLEARED, retain=True)
            self._published.pop(topic, None)
        if obsolete:
            await self._remember([*messages])

    async def _remember(self, topics: list[str]) -> None:
        self._retained = tuple(dict.fromkeys(topics))
        await self._services.mqtt.remember(self._target, self._retained)

    async def _receive(self, connection: MqttConnection) -> None:
        async with aclosing(connection.messages()) as messages:
            async for message in messages:
                await self._on_message(connection, message)

    async def _on_message(self, connection: MqttConnection, message: Message) -> None:
        topic, payload = message.topic.value, _bytes(message.payload)
        if topic == self._topics.availability:
            if payload != ONLINE:  # the last will of an earlier worker may arrive late
                await connection.publish(self._topics.availability, ONLINE, retain=True)
        elif topic == self._topics.birth:
            if payload == ONLINE:  # Home Assistant has started and needs everything again
                self._published.clear()
                self._has_changed.set()
        elif await self._services.commands.execute(self._topics, topic, payload, is_retained=message.retain):
            self._has_changed.set()

    async def _publish_events(self, connection: MqttConnection) -> None:
        """Publish events as they happen; earlier ones are left out."""
        position: StreamId | None = None
        while True:
            try:
                if position is None:
                    position = (await self._services.bus.range()).last
                entries = await self._services.bus.follow(position, BATCH, READ_SECONDS, (STREAM,))
            except (RedisError, OSError):
                await asyncio.sleep(self._timing.poll)
                continue
            for entry in entries:
                position = entry.id
                await self._publish_event(connection, entry)

    async def _publish_event(self, connection: MqttConnection, entry: StreamEntry) -> None:
        if entry.name not in CHANGES_STATES:
            return
        self._has_changed.set()
        message = event_message(self._target, json.loads(entry.data))
        if message is not None:
            await connection.publish(*message, retain=False)


async def _until_first_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Run them together until one ends or fails; then cancel the others and raise the failure."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _bytes(payload: object) -> bytes:
    return bytes(payload) if isinstance(payload, bytes | bytearray) else str(payload).encode()
